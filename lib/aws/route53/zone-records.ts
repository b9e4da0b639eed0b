import type { ResourceRecordSet } from "@aws-sdk/client-route-53";
import { decodeName } from "#lib/aws/route53/route53.ts";

/** Record sets of a cluster's zone, by their creator. */
export interface SortedRecords {
  /** Created by programs in the cluster, so they are deleted with it. */
  readonly ours: readonly ResourceRecordSet[];
  /** Of unknown origin. */
  readonly others: readonly ResourceRecordSet[];
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

/** Classifies all record sets of a zone except the apex SOA and NS, which are Route 53's. Pure. */
export function sortRecords(records: readonly ResourceRecordSet[], zone: string): SortedRecords {
  const counted = records.filter((set) => !isApex(set, zone));
  const owned = ownedRecords(counted, zone);
  const isOurs = (set: ResourceRecordSet): boolean =>
    owned.has(keyOf(decodeName(set.Name), set.Type ?? "")) || isMark(set, zone) || isChallenge(set);
  return { ours: counted.filter(isOurs), others: counted.filter((set) => !isOurs(set)) };
}

function isApex({ Name, Type }: ResourceRecordSet, zone: string): boolean {
  return (Type === "SOA" || Type === "NS") && decodeName(Name) === zone;
}

/** Names and types that external-dns of this cluster owns. */
function ownedRecords(records: readonly ResourceRecordSet[], zone: string): ReadonlySet<string> {
  const owned = new Set<string>();
  for (const mark of records.filter((set) => isMark(set, zone))) {
    const name = decodeName(mark.Name);
    // Older versions of external-dns used the record's own name.
    const sameName = records.filter((set) => set.Type !== "TXT" && decodeName(set.Name) === name);
    for (const { Type = "" } of sameName) owned.add(keyOf(name, Type));
    if (sameName.length > 0) continue;
    const [, prefix = "", rest = ""] = /^([a-z]+)-(.+)$/.exec(name) ?? [];
    for (const type of typesOfPrefix[prefix] ?? []) owned.add(keyOf(rest, type));
  }
  return owned;
}

/** A TXT record with which only external-dns of this cluster claims a record. */
function isMark({ Type, ResourceRecords: values = [] }: ResourceRecordSet, cluster: string): boolean {
  const claims = values.map(({ Value = "" }) => new Set(Value.replaceAll('"', "").split(",")));
  return (
    Type === "TXT" &&
    claims.length > 0 &&
    claims.every((claim) => claim.has("heritage=external-dns") && claim.has(`external-dns/owner=${cluster}`))
  );
}

/** cert-manager's challenge record; it is left over only if cert-manager was killed. */
function isChallenge({ Type, Name }: ResourceRecordSet): boolean {
  return Type === "TXT" && decodeName(Name).startsWith("_acme-challenge.");
}

function keyOf(name: string, type: string): string {
  return `${type} ${name}`;
}

/** `A www.k01.k8s.aws.mylabs.dev`, as errors name them. */
export function formatRecord({ Name, Type, SetIdentifier }: ResourceRecordSet): string {
  return `${Type ?? ""} ${decodeName(Name)}${SetIdentifier === undefined ? "" : ` (${SetIdentifier})`}`;
}
