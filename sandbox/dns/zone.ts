/** Records of one type under one name. */
export interface RecordSet {
  /** Lower case, without the last dot. */
  readonly name: string;
  readonly type: "A" | "AAAA" | "CNAME" | "NS" | "TXT";
  /** Seconds. */
  readonly ttl: number;
  readonly values: readonly string[];
}

/** A zone as its host keeps it; SOA and NS of its own name are the host's. */
export interface Zone {
  /** Lower case, without the last dot. */
  readonly name: string;
  /** Names of the servers that speak for it. */
  readonly servers: readonly string[];
  readonly records: readonly RecordSet[];
}

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
export const apexNsTtl = 172_800;

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
  const apex: RecordSet = { name: zone.name, type: "NS", ttl: apexNsTtl, values: zone.servers };
  const all = [apex, ...zone.records];
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

/** The delegation nearest to the zone's own name: what is below it isn't the zone's. */
function findDelegation(zone: Zone, name: string): RecordSet | undefined {
  return zone.records
    .filter((set) => set.type === "NS" && set.name !== zone.name && isWithin(name, set.name))
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
