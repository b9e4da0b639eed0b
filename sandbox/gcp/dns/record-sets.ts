import type { Behaviours, GcpCall, Json } from "#sandbox/gcp/api/behaviour.ts";
import { pageOf } from "#sandbox/gcp/api/page.ts";
import { applyChange, formatChange } from "#sandbox/gcp/dns/changes.ts";
import { below, type Change, dnsOf, invalidValue, keyOf, notFound, type RecordSet } from "#sandbox/gcp/dns/state.ts";
import { type FoundZone, inZone } from "#sandbox/gcp/dns/zones.ts";
import { isObject, listAt } from "#sandbox/json.ts";

export const recordSetBehaviours: Behaviours = {
  "dns.resourceRecordSets.list": inZone((call, { zone, project }) => {
    const [name, type] = [call.query.get("name")?.toLowerCase(), call.query.get("type")];
    if (type !== null && name === undefined) throw invalidValue("parameters.type", type);
    const isApex = (set: RecordSet): boolean => set.name === zone.dnsName;
    const found = below(dnsOf(call.cloud, project).sets, zone)
      .filter((set) => (name === undefined || set.name === name) && (type === null || set.type === type))
      .toSorted((a, b) => Number(isApex(b)) - Number(isApex(a)) || compare(a.name, b.name) || compare(a.type, b.type));
    return { kind: "dns#resourceRecordSetsListResponse", ...pageOf(call, "rrsets", found, 100, format) };
  }),
  "dns.resourceRecordSets.get": inZone((call, found) => format(findSet(call, found))),
  "dns.resourceRecordSets.create": inZone(({ cloud, body }, { zone, project }) => {
    const { additions } = applyChange(cloud, project, zone, { additions: [body], deletions: [], at: "entity" });
    return format(additions[0]);
  }),
  "dns.resourceRecordSets.patch": inZone((call, found) => {
    const before = findSet(call, found);
    const wanted = { ...before, ...call.body };
    const change = { additions: [wanted], deletions: [{ ...before }], at: "entity" };
    return format(applyChange(call.cloud, found.project, found.zone, change).additions[0]);
  }),
  "dns.resourceRecordSets.delete": inZone((call, found) => {
    const deletions = [{ ...findSet(call, found) }];
    applyChange(call.cloud, found.project, found.zone, { additions: [], deletions, at: "entity" });
    return {};
  }),
  "dns.changes.create": inZone(({ cloud, body }, { zone, project }) => {
    const [additions, deletions] = [setsAt(body, "additions"), setsAt(body, "deletions")];
    return formatChange(cloud, applyChange(cloud, project, zone, { additions, deletions }));
  }),
  "dns.changes.get": inZone(({ cloud, params }, { zone, project }) => {
    const { changeId = "" } = params;
    // A new zone counts as a change.
    const first: Change = {
      id: "0",
      startTime: zone.creationTime,
      additions: [],
      deletions: [],
      end: zone.creationTime,
    };
    const found = changeId === "0" ? first : dnsOf(cloud, project).changes[keyOf(zone, changeId)];
    if (found === undefined) throw notFound("parameters.changeId", changeId);
    return formatChange(cloud, found);
  }),
  "dns.changes.list": inZone((call, { zone, project }) => {
    const changes = below(dnsOf(call.cloud, project).changes, zone).toSorted((a, b) => Number(a.id) - Number(b.id));
    const sorted = call.query.get("sortOrder") === "descending" ? changes.toReversed() : changes;
    return {
      kind: "dns#changesListResponse",
      ...pageOf(call, "changes", sorted, 100, (change) => formatChange(call.cloud, change)),
    };
  }),
};

function findSet({ cloud, params }: GcpCall, { zone, project }: FoundZone): RecordSet {
  const { name = "", type = "" } = params;
  const found = dnsOf(cloud, project).sets[keyOf(zone, name.toLowerCase(), type)];
  if (found === undefined) throw notFound("parameters.name", `${name} (${type})`);
  return found;
}

function setsAt(body: Json, field: string): readonly Json[] {
  return listAt(body, field).filter(isObject);
}

function format(set: RecordSet | undefined): Json {
  return { ...set };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
