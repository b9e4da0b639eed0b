import type { Cloud } from "#sandbox/aws/cloud.ts";

/** The types of records that are kept here; Route 53 has more. */
export const recordTypes = ["A", "AAAA", "CAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT"] as const;
export type RecordType = (typeof recordTypes)[number];

/** Values of one type under one name. */
export interface RecordSet {
  /** With escapes and the last dot: `\052.web.example.org.` */
  readonly name: string;
  readonly type: RecordType;
  /** Seconds. */
  readonly ttl: number;
  /** As they were sent: `10 mail.example.org`, `"text"`. */
  readonly values: readonly string[];
}

/** A public zone. */
export interface HostedZone {
  /** `Z…`, without `/hostedzone/`. */
  readonly id: string;
  /** With the last dot. */
  readonly name: string;
  readonly callerReference: string;
  readonly comment?: string;
  readonly createdAt: string;
  /** Four names without the last dot. */
  readonly nameServers: readonly string[];
  readonly records: readonly RecordSet[];
  readonly tags: Readonly<Record<string, string>>;
  /** Until the newest change has reached the name servers, they answer with the records before it, and not at all for a new zone. */
  readonly propagation: { readonly until: string; readonly before?: readonly RecordSet[] };
}

/** One accepted change, of a zone or of its records. */
export interface ChangeInfo {
  /** `C…`, without `/change/`. */
  readonly id: string;
  readonly submittedAt: string;
  /** When all name servers have it. */
  readonly inSyncAt: string;
  readonly comment?: string;
}

/** What one account has. */
export interface Route53State {
  zones: Record<string, HostedZone>;
  changes: ChangeInfo[];
  /** Caller references stay taken when their zone is gone. */
  references: string[];
}

export const serviceName = "route53";

export function stateOf(cloud: Cloud, account: string): Route53State {
  return cloud.slice<Route53State>(serviceName, account, "global", () => ({
    zones: {},
    changes: [],
    references: [],
  }));
}

/** The zones of all accounts, the oldest first. */
export function allZones(cloud: Cloud): readonly { readonly account: string; readonly zone: HostedZone }[] {
  return cloud
    .slices<Route53State>(serviceName)
    .flatMap(({ account, state }) => Object.values(state.zones).map((zone) => ({ account, zone })))
    .toSorted((left, right) => Date.parse(left.zone.createdAt) - Date.parse(right.zone.createdAt));
}
