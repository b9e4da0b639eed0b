/** Records of one type under one name. */
export type RecordSet = {
  /** Lower case, without the last dot. */
  readonly name: string;
  /** Seconds. */
  readonly ttl: number;
} & RecordValues;

export type RecordValues =
  | { readonly type: "A" | "AAAA" | "CNAME" | "NS" | "PTR"; readonly values: readonly string[] }
  /** A value is one string, or several of up to 255 bytes. */
  | { readonly type: "TXT"; readonly values: readonly (string | readonly string[])[] }
  | { readonly type: "MX"; readonly values: readonly { readonly preference: number; readonly exchange: string }[] }
  | { readonly type: "SRV"; readonly values: readonly SrvValue[] }
  | {
      readonly type: "CAA";
      readonly values: readonly { readonly flags: number; readonly tag: string; readonly value: string }[];
    };

export interface SrvValue {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** Who is responsible for a zone, and how long others may keep what they heard; times in seconds. */
export interface Soa {
  readonly ttl: number;
  /** Its first server. */
  readonly mname: string;
  /** Mail address of the person, with a dot for the at sign. */
  readonly rname: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  /** How long a name may be remembered as missing. */
  readonly minimum: number;
}

/** A zone as its host keeps it. */
export interface Zone {
  /** Lower case, without the last dot. */
  readonly name: string;
  /** Names of the servers that speak for it. */
  readonly servers: readonly string[];
  /** NS records of its own name are only given when they differ from its servers. */
  readonly records: readonly RecordSet[];
  /** @default what a new zone has */
  readonly soa?: Soa;
}

/** Records whose values are addresses or names. */
export type PlainRecordSet = RecordSet & { readonly type: "A" | "AAAA" | "CNAME" | "NS" | "PTR" };

/** What a server says to one question. */
export type Verdict =
  | { readonly kind: "answer"; readonly zone: Zone; readonly records: readonly RecordSet[] }
  /** Others know: their names, and addresses of those that are inside of what they know. */
  | { readonly kind: "referral"; readonly delegation: RecordSet; readonly glue: readonly RecordSet[] }
  /** The name is there, the type isn't. */
  | { readonly kind: "no data"; readonly zone: Zone }
  | { readonly kind: "no such name"; readonly zone: Zone }
  | { readonly kind: "refused" };

/** Seconds, as Route 53 has them. */
const apexNsTtl = 172_800;

/**
 * What an authoritative server of some zones says, by RFC 1034, section 4.3.2. Pure.
 *
 * @param name lower case, without the last dot
 */
export function lookUp(zones: readonly Zone[], name: string, type: string): Verdict {
  const [zone] = zones.filter((one) => isWithin(name, one.name)).toSorted((a, b) => b.name.length - a.name.length);
  if (zone === undefined) return { kind: "refused" };
  const delegation = findDelegation(zone, name);
  if (delegation !== undefined) {
    const glue = zone.records.filter(
      (set) => (set.type === "A" || set.type === "AAAA") && delegation.values.includes(set.name),
    );
    return { kind: "referral", delegation, glue };
  }
  const all = [...apexServers(zone), ...zone.records];
  const exact = all.filter((set) => set.name === name);
  // A name with something below it is there, even if it has no records itself.
  const exists = exact.length > 0 || name === zone.name || all.some((set) => isWithin(set.name, name));
  const found = exists ? exact : expandWildcard(zone, name);
  if (found.length === 0 && !exists) return { kind: "no such name", zone };
  const wanted = found.filter((set) => set.type === type);
  const records = wanted.length > 0 ? wanted : found.filter((set) => set.type === "CNAME");
  if (records.length > 0 || (type === "SOA" && name === zone.name)) return { kind: "answer", zone, records };
  return { kind: "no data", zone };
}

function apexServers(zone: Zone): readonly RecordSet[] {
  if (zone.records.some(({ name, type }) => name === zone.name && type === "NS")) return [];
  return [{ name: zone.name, type: "NS", ttl: apexNsTtl, values: zone.servers }];
}

/** The SOA of a zone; its host's own when nobody has set another. */
export function soaOf({ name, servers: [mname = name], soa }: Zone): Soa {
  const times = { refresh: 7_200, retry: 900, expire: 1_209_600, minimum: 86_400 };
  return soa ?? { ttl: 900, mname, rname: `awsdns-hostmaster.${name}`, serial: 1, ...times };
}

/** The delegation nearest to the zone's own name: what is below it isn't the zone's. */
function findDelegation(zone: Zone, name: string): PlainRecordSet | undefined {
  return zone.records
    .filter((set): set is PlainRecordSet => set.type === "NS" && set.name !== zone.name && isWithin(name, set.name))
    .toSorted((a, b) => a.name.length - b.name.length)[0];
}

/** `*.web.example.org` stands for what is below `web.example.org` and isn't there. */
function expandWildcard(zone: Zone, name: string): readonly RecordSet[] {
  for (let rest = name; rest !== zone.name; ) {
    rest = rest.slice(rest.indexOf(".") + 1);
    const found = zone.records.filter((set) => set.name === `*.${rest}`);
    if (found.length > 0) return found.map((set) => ({ ...set, name }));
    // The nearest name that exists decides.
    if (zone.records.some((set) => isWithin(set.name, rest))) return [];
  }
  return [];
}

/** Whether a name is another one or below it. */
export function isWithin(name: string, above: string): boolean {
  return name === above || name.endsWith(`.${above}`);
}
