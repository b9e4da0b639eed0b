import type { ResourceRecordSet } from "@aws-sdk/client-route-53";
import { decodeName } from "#lib/aws/route53/route53.ts";

/** Record sets of a cluster's zone by who made them. */
export interface SortedRecords {
  /** Made by what runs in the cluster, so that they go with it. */
  readonly ours: readonly ResourceRecordSet[];
  /** Made by nobody that we know. */
  readonly others: readonly ResourceRecordSet[];
}

/**
 * Types by the prefix that external-dns gives the name of the TXT record that says who owns a record: `a-www` says it of
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

/** Sorts all record sets of a zone but the SOA and NS of its own name, which are Route 53's. Pure. */
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

/** Names and types for which external-dns of this cluster says that they are its own. */
function ownedRecords(records: readonly ResourceRecordSet[], zone: string): ReadonlySet<string> {
  const owned = new Set<string>();
  for (const mark of records.filter((set) => isMark(set, zone))) {
    const name = decodeName(mark.Name);
    // Before there were prefixes, the mark had the name of what it is for.
    const sameName = records.filter((set) => set.Type !== "TXT" && decodeName(set.Name) === name);
    for (const { Type = "" } of sameName) owned.add(keyOf(name, Type));
    if (sameName.length > 0) continue;
    const [, prefix = "", rest = ""] = /^([a-z]+)-(.+)$/.exec(name) ?? [];
    for (const type of typesOfPrefix[prefix] ?? []) owned.add(keyOf(rest, type));
  }
  return owned;
}

/** A TXT record by which external-dns of this cluster, and nobody beside it, claims a record. */
function isMark({ Type, ResourceRecords: values = [] }: ResourceRecordSet, cluster: string): boolean {
  const claims = values.map(({ Value = "" }) => new Set(Value.replaceAll('"', "").split(",")));
  return (
    Type === "TXT" &&
    claims.length > 0 &&
    claims.every((claim) => claim.has("heritage=external-dns") && claim.has(`external-dns/owner=${cluster}`))
  );
}

/** What cert-manager proves a name by; it takes it away by itself unless it dies first. */
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
