import type { GcpFault, Json } from "#sandbox/gcp/api/behaviour.ts";
import { fault, forbidden, invalidArgument } from "#sandbox/gcp/api/faults.ts";
import type { GcpCloud, Project } from "#sandbox/gcp/cloud.ts";

export const recordTypes = ["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] as const;
export type RecordType = (typeof recordTypes)[number];

/** As answers show it. */
export interface ManagedZone {
  readonly kind: "dns#managedZone";
  /** Decimal digits. */
  readonly id: string;
  readonly name: string;
  /** With its last dot. */
  readonly dnsName: string;
  readonly description: string;
  readonly creationTime: string;
  readonly nameServers: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly visibility: "public";
  readonly cloudLoggingConfig: Json;
}

export interface RecordSet {
  readonly kind: "dns#resourceRecordSet";
  /** With its last dot. */
  readonly name: string;
  readonly type: RecordType;
  /** Seconds. */
  readonly ttl: number;
  readonly rrdatas: readonly string[];
  readonly signatureRrdatas: readonly string[];
}

export interface Change {
  readonly id: string;
  readonly startTime: string;
  readonly additions: readonly RecordSet[];
  readonly deletions: readonly RecordSet[];
  /** When it is done, as ISO 8601. */
  readonly end: string;
}

/** Records are replaced, never changed in place. */
interface DnsState {
  /** By name. */
  readonly zones: Record<string, ManagedZone>;
  /** By the id of the zone, name and type. */
  readonly sets: Record<string, RecordSet>;
  /** By the id of the zone and its own. */
  readonly changes: Record<string, Change>;
}

export function dnsOf(cloud: GcpCloud, { projectId }: Pick<Project, "projectId">): DnsState {
  return cloud.slice<DnsState>("dns", projectId, "global", () => ({
    zones: {},
    sets: {},
    changes: {},
  }));
}

/** Zones of all projects, with their record sets. */
export function allZones(
  cloud: GcpCloud,
): readonly { readonly zone: ManagedZone; readonly sets: readonly RecordSet[] }[] {
  return cloud
    .slices<DnsState>("dns")
    .flatMap(({ state }) => Object.values(state.zones).map((zone) => ({ zone, sets: below(state.sets, zone) })));
}

/** @param name its name or its id @throws GcpFault 404 */
export function findZone(cloud: GcpCloud, project: Project, name: string): ManagedZone {
  const { zones } = dnsOf(cloud, project);
  const found = zones[name] ?? Object.values(zones).find(({ id }) => id === name);
  if (found !== undefined) return found;
  throw notFound("parameters.managedZone", name);
}

/** What a zone has in one of the records of the state, the oldest first. */
export function below<Value>(records: Readonly<Record<string, Value>>, { id }: ManagedZone): readonly Value[] {
  const prefix = `${id}/`;
  return Object.entries(records).flatMap(([key, value]) => (key.startsWith(prefix) ? [value] : []));
}

export function keyOf({ id }: ManagedZone, ...rest: readonly string[]): string {
  return [id, ...rest].join("/");
}

export function notFound(what: string, name: string): GcpFault {
  return fault("NOT_FOUND", `The '${what}' resource named '${name}' does not exist.`);
}

export function alreadyExists(what: string, name: string): GcpFault {
  return fault("ALREADY_EXISTS", `The resource '${what}' named '${name}' already exists`);
}

/** @param what path of the value: `entity.change.additions[0].name` */
export function invalidValue(what: string, value: unknown): GcpFault {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return invalidArgument(`Invalid value for '${what}': '${text}'`, "invalid");
}

export function missing(what: string): GcpFault {
  return invalidArgument(`The '${what}' parameter is required but was missing.`, "required");
}

export function quotaExceeded(quota: keyof typeof quotas): GcpFault {
  return forbidden(`Quota exceeded for '${quota}': the limit is ${quotas[quota]}.`, [], "quotaExceeded");
}

/** https://cloud.google.com/dns/quotas */
export const quotas = {
  managedZones: 10_000,
  resourceRecordsPerRrset: 100,
  rrsetAdditionsPerChange: 1_000,
  rrsetDeletionsPerChange: 1_000,
  rrsetsPerManagedZone: 10_000,
  totalRrdataSizePerChange: 100_000,
} as const;
