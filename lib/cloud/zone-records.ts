import { FleetError } from "#lib/errors.ts";
import type { Health } from "#lib/graph/resource.ts";

/** A record set, as far as it says who made it. */
export interface ZoneRecord {
  /** Full name in lower case, without the last dot. */
  readonly name: string;
  readonly type: string;
  /** As in a zone file. Empty for an alias. */
  readonly values: readonly string[];
}

/** Record sets of a cluster's zone, by their creator. */
export interface SortedRecords<R> {
  /** Created by programs in the cluster, so they are deleted with it. */
  readonly ours: readonly R[];
  /** Of unknown origin. */
  readonly others: readonly R[];
}

/**
 * Record types by the prefix of external-dns's TXT ownership records: `a-www` marks the owner of
 * A records of `www` (registry/mapper of external-dns). An alias to a load balancer was marked as a CNAME by older versions.
 */
const typesOfPrefix: Readonly<Record<string, readonly string[]>> = {
  a: ["A"],
  aaaa: ["AAAA"],
  cname: ["CNAME", "A", "AAAA"],
  txt: ["TXT"],
  ns: ["NS"],
  srv: ["SRV"],
  mx: ["MX"],
  naptr: ["NAPTR"],
  ptr: ["PTR"],
};
/** Maximum number of records listed in an error; its message has the total. */
const namedRecords = 20;

/**
 * Classifies all record sets of a zone except the apex SOA and NS, which are the cloud's. Pure.
 *
 * @param isAlsoOurs whether one that nothing in the cluster created is deleted with the zone, too. @default none
 */
export function sortZoneRecords<R extends ZoneRecord>(
  records: readonly R[],
  zone: string,
  isAlsoOurs: (record: R) => boolean = () => false,
): SortedRecords<R> {
  const counted = records.filter(({ name, type }) => name !== zone || (type !== "SOA" && type !== "NS"));
  const owned = ownedRecords(counted, zone);
  const isOurs = (record: R): boolean =>
    owned.has(keyOf(record)) || isMark(record, zone) || isChallenge(record) || isAlsoOurs(record);
  return { ours: counted.filter(isOurs), others: counted.filter((record) => !isOurs(record)) };
}

/** Names and types that external-dns of this cluster owns. */
function ownedRecords(records: readonly ZoneRecord[], zone: string): ReadonlySet<string> {
  const owned = new Set<string>();
  for (const { name } of records.filter((record) => isMark(record, zone))) {
    // Older versions of external-dns used the record's own name.
    const sameName = records.filter((record) => record.type !== "TXT" && record.name === name);
    for (const record of sameName) owned.add(keyOf(record));
    if (sameName.length > 0) continue;
    const [, prefix = "", rest = ""] = /^([a-z]+)-(.+)$/.exec(name) ?? [];
    for (const type of typesOfPrefix[prefix] ?? []) owned.add(keyOf({ name: rest, type }));
  }
  return owned;
}

/** A TXT record with which only external-dns of this cluster claims a record. */
function isMark({ type, values }: ZoneRecord, cluster: string): boolean {
  const claims = values.map((value) => new Set(value.replaceAll('"', "").split(",")));
  return (
    type === "TXT" &&
    claims.length > 0 &&
    claims.every((claim) => claim.has("heritage=external-dns") && claim.has(`external-dns/owner=${cluster}`))
  );
}

/** cert-manager's challenge record; it is left over only if cert-manager was killed. */
function isChallenge({ type, name }: ZoneRecord): boolean {
  return type === "TXT" && name.startsWith("_acme-challenge.");
}

function keyOf({ name, type }: Pick<ZoneRecord, "name" | "type">): string {
  return `${type} ${name}`;
}

/**
 * @param zone for the message: name and id
 * @param others records that nothing of the cluster made
 * @param clause that says so
 * @throws FleetError ZoneNotEmpty
 */
export function refuseRecords(
  zone: string,
  others: readonly string[],
  clause = "that nothing of the cluster made",
): void {
  if (others.length === 0) return;
  const count = others.length === 1 ? "a record" : `${others.length} records`;
  throw new FleetError("ZoneNotEmpty", `the zone ${zone} has ${count} ${clause}`, {
    hint: "delete them, or what makes them, then run the same command again",
    details: [
      ...others.slice(0, namedRecords),
      ...(others.length > namedRecords ? [`and ${others.length - namedRecords} more`] : []),
    ],
  });
}

/** Of a zone in the cloud. @param count of its record sets other than the apex SOA and NS */
export function zoneHealth(nameServers: readonly string[], count: number): Health {
  if (nameServers.length === 0) return { kind: "degraded", summary: "it has no name servers" };
  return { kind: "healthy", summary: count === 1 ? "1 record" : `${count === 0 ? "no" : count} records` };
}
