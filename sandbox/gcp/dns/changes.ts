import { hasPassed, timeAfter } from "#sandbox/cloud/cloud-base.ts";
import { GcpFault, type Json } from "#sandbox/gcp/api/behaviour.ts";
import { fault } from "#sandbox/gcp/api/faults.ts";
import type { GcpCloud, Project } from "#sandbox/gcp/cloud.ts";
import { parseRecordSet } from "#sandbox/gcp/dns/records.ts";
import {
  alreadyExists,
  below,
  type Change,
  dnsOf,
  keyOf,
  type ManagedZone,
  missing,
  notFound,
  quotaExceeded,
  quotas,
  type RecordSet,
} from "#sandbox/gcp/dns/state.ts";

/** Of Google's time, from `pending` to `done`. */
const changeMs = 10_000;

interface Wanted {
  readonly additions: readonly Json[];
  readonly deletions: readonly Json[];
  /** Where the request has them. @default entity.change */
  readonly at?: string;
}

/** Makes all additions and deletions, or none. Deletions have to be exactly what is there. @throws GcpFault */
export function applyChange(cloud: GcpCloud, project: Project, zone: ManagedZone, wanted: Wanted): Change {
  const { at = "entity.change" } = wanted;
  if (wanted.additions.length + wanted.deletions.length === 0) throw missing(at);
  if (wanted.additions.length > quotas.rrsetAdditionsPerChange) throw quotaExceeded("rrsetAdditionsPerChange");
  if (wanted.deletions.length > quotas.rrsetDeletionsPerChange) throw quotaExceeded("rrsetDeletionsPerChange");
  const state = dnsOf(cloud, project);
  const parse = (sets: readonly Json[], list: string): readonly RecordSet[] =>
    sets.map((set, index) => parseRecordSet(zone, set, `${at}.${list}[${index}]`));
  const [additions, deletions] = [parse(wanted.additions, "additions"), parse(wanted.deletions, "deletions")];
  const size = [...additions, ...deletions].flatMap(({ rrdatas }) => rrdatas).join("").length;
  if (size > quotas.totalRrdataSizePerChange) throw quotaExceeded("totalRrdataSizePerChange");

  const after = new Map(below(state.sets, zone).map((set) => [nameOf(set), set]));
  for (const [index, set] of deletions.entries()) removeExactly(after, set, `${at}.deletions[${index}]`);
  for (const [index, set] of additions.entries()) {
    if (after.has(nameOf(set))) throw alreadyExists(`${at}.additions[${index}]`, nameOf(set));
    after.set(nameOf(set), set);
  }
  checkNeighbours(after, additions, at);
  requireApex(zone, after, deletions, at);
  if (after.size > quotas.rrsetsPerManagedZone) throw quotaExceeded("rrsetsPerManagedZone");

  for (const set of deletions) delete state.sets[keyOf(zone, set.name, set.type)];
  for (const set of additions) state.sets[keyOf(zone, set.name, set.type)] = set;
  return record(cloud, project, zone, additions, deletions);
}

/** Each change of a zone has the next number. */
function record(
  cloud: GcpCloud,
  project: Project,
  zone: ManagedZone,
  additions: readonly RecordSet[],
  deletions: readonly RecordSet[],
): Change {
  const { changes } = dnsOf(cloud, project);
  const now = cloud.now();
  const change: Change = {
    id: String(below(changes, zone).length + 1),
    startTime: now.toISOString(),
    additions,
    deletions,
    end: timeAfter(cloud, changeMs),
  };
  changes[keyOf(zone, change.id)] = change;
  cloud.save();
  return change;
}

export function formatChange(cloud: GcpCloud, { end, ...change }: Change): Json {
  return { kind: "dns#change", ...change, status: statusAt(cloud, end) };
}

export function statusAt(cloud: GcpCloud, end: string): "pending" | "done" {
  return hasPassed(cloud, end) ? "done" : "pending";
}

function nameOf({ name, type }: RecordSet): string {
  return `${name} (${type})`;
}

function removeExactly(sets: Map<string, RecordSet>, wanted: RecordSet, what: string): void {
  const found = sets.get(nameOf(wanted));
  if (found === undefined) throw notFound(what, nameOf(wanted));
  const isSame = found.ttl === wanted.ttl && Bun.deepEquals(found.rrdatas.toSorted(), wanted.rrdatas.toSorted());
  if (!isSame) {
    throw new GcpFault(412, "FAILED_PRECONDITION", `Precondition not met for '${what}'`, { reason: "conditionNotMet" });
  }
  sets.delete(nameOf(wanted));
}

/** A CNAME is alone. */
function checkNeighbours(sets: ReadonlyMap<string, RecordSet>, additions: readonly RecordSet[], at: string): void {
  const all = [...sets.values()];
  for (const [index, { name, type }] of additions.entries()) {
    const conflict = all.some(
      (set) => set.name === name && set.type !== type && (type === "CNAME" || set.type === "CNAME"),
    );
    if (!conflict) continue;
    throw fault(
      "INVALID_ARGUMENT",
      `The resource record set '${at}.additions[${index}]' is invalid because the DNS name '${name}' may have either one CNAME resource record set or resource record sets of other types, but not both.`,
      { reason: "cnameResourceRecordSetConflict" },
    );
  }
}

function requireApex(
  zone: ManagedZone,
  sets: ReadonlyMap<string, RecordSet>,
  deletions: readonly RecordSet[],
  at: string,
): void {
  for (const type of ["SOA", "NS"] as const) {
    if (sets.has(`${zone.dnsName} (${type})`)) continue;
    const index = deletions.findIndex((set) => set.name === zone.dnsName && set.type === type);
    throw fault(
      "INVALID_ARGUMENT",
      `The resource record set '${at}.deletions[${index}]' is invalid because a zone must contain exactly one resource record set of type '${type}' at the apex.`,
      { reason: "invalidZoneApex" },
    );
  }
}
