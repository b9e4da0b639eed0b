import { cachedUntilTag, waitForCaches } from "#lib/cloud/cached-delegation.ts";
import type { ChildZone } from "#lib/cloud/delegation.ts";
import { describeOwner, isOfFleet, missingTags, type Tags } from "#lib/cloud/ownership.ts";
import { refuseRecords, type SortedRecords, sortZoneRecords, zoneHealth } from "#lib/cloud/zone-records.ts";
import { FleetError } from "#lib/errors.ts";
import type { GcpActor, GcpDns, GcpRecordSet, GcpZone } from "#lib/gcp/clients.ts";
import { readAndWrite } from "#lib/gcp/conflict.ts";
import { zoneNameOf } from "#lib/gcp/names.ts";
import type { Described } from "#lib/gcp/rest-resource.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import { parseMark } from "#lib/gcp/zones/delegation-mark.ts";
import type { Change, Observed, Resource } from "#lib/graph/resource.ts";

/** Where a zone is. */
export interface ZonePlace {
  readonly actor: GcpActor;
  /** Without the last dot. */
  readonly dnsName: string;
}

export interface ZoneOptions extends Described, ZonePlace {
  readonly labels: Tags;
}

export interface ZoneState extends ChildZone {
  /** Its name in Cloud DNS. */
  readonly name: string;
  readonly dnsName: string;
  readonly labels: Tags;
  /** Record sets other than the apex SOA and NS: their number, and those not created by the cluster. */
  readonly records: { readonly count: number; readonly others: readonly string[] };
}

/** https://cloud.google.com/dns/quotas: of one change */
const mostDeletions = 1_000;

/** A public zone. Several zones of a project can have the same DNS name: the one with our labels is ours, wherever its name comes from. */
export function zone(options: ZoneOptions): Resource<ZoneState, GcpWorld> {
  const { id, title, label, row, needs, keptOnDelete } = options;
  return {
    id,
    title,
    label,
    row,
    lane: "api",
    needs,
    ...(keptOnDelete === undefined ? {} : { keptOnDelete }),
    observe: (world) => observe(world, options),
    diff: ({ labels }) => compareLabels(labels, options),
    ensure: (world) => ensure(world, options),
    async remove(world) {
      await remove(world, options);
      return { kind: "removed" };
    },
    health: ({ nameServers, records }) => zoneHealth(nameServers, records.count),
  };
}

/** Time until which resolvers may have cached a delegation, as a label: seconds since 1970, because labels take no dots and colons. */
export function cachedUntilLabel({ clock }: Pick<GcpWorld, "clock">, ttlSeconds: number): string {
  return String(Math.ceil(clock.now() / 1_000) + ttlSeconds);
}

async function observe(world: GcpWorld, options: ZoneOptions): Promise<Observed<ZoneState>> {
  const dns = await world.gcp.dns(options.actor);
  const found = await find(world, dns, options);
  if (found === undefined) return { kind: "absent" };
  if (!isOfFleet(found.labels, options.labels)) return { kind: "foreign", why: foreign(found, options).message };
  return { kind: "present", state: await readZone(world, dns, found) };
}

/** Ours by its labels; of those of others the one with our name first, which cannot be created a second time. @throws FleetError ZoneAmbiguous */
async function find(
  world: GcpWorld,
  dns: GcpDns,
  { actor, dnsName, labels }: ZoneOptions,
): Promise<GcpZone | undefined> {
  const all = (await dns.zones(world, dnsName)).filter(({ visibility }) => visibility === "public");
  const ours = all.filter((one) => isOfFleet(one.labels, labels));
  const [first, second] = ours;
  if (first !== undefined && second !== undefined) {
    throw new FleetError("ZoneAmbiguous", `${actor.account.name} has ${ours.length} zones ${dnsName} of this fleet`, {
      hint: `delete all but the one that is delegated: gcloud dns managed-zones delete NAME --project ${actor.account.projectId}`,
      details: ours.map(({ name, nameServers }) => `${name}: ${nameServers.join(", ")}`),
    });
  }
  if (first !== undefined) return first;
  const name = zoneNameOf(dnsName);
  return all.find((one) => one.name === name) ?? all[0] ?? (await dns.zone(world, name));
}

function foreign({ name, dnsName, labels }: GcpZone, { actor: { account } }: ZoneOptions): FleetError {
  const what = `the zone ${name} (${dnsName}) in ${account.name} is ${describeOwner(labels)}`;
  return new FleetError("ForeignResource", what, { hint: "rename or remove it, or take it over with --adopt" });
}

async function readZone(world: GcpWorld, dns: GcpDns, found: GcpZone): Promise<ZoneState> {
  const { name, dnsName, labels, nameServers } = found;
  const { ours, others } = await sortRecords(world, dns, found);
  const records = { count: ours.length + others.length, others: others.map(formatRecord) };
  return { name, dnsName, labels, nameServers, records };
}

/** Record sets by their creator. */
async function sortRecords(
  world: GcpWorld,
  dns: GcpDns,
  { name, dnsName }: Pick<GcpZone, "name" | "dnsName">,
): Promise<SortedRecords<GcpRecordSet>> {
  return sortZoneRecords(await dns.recordSets(world, name), dnsName, (set) => parseMark(set) !== undefined);
}

function formatRecord({ name, type }: GcpRecordSet): string {
  return `${type} ${name}`;
}

function compareLabels(labels: Tags, { labels: ours }: ZoneOptions): readonly Change[] {
  const change = (key: string, to: string): Change => ({
    field: `labels.${key}`,
    from: labels[key] ?? "",
    to,
    effect: "in-place",
  });
  // A zone that is wanted is about to be delegated again.
  const passing = labels[cachedUntilTag] === undefined ? [] : [change(cachedUntilTag, "")];
  return [...Object.entries(missingTags(labels, ours)).map(([key, value]) => change(key, value)), ...passing];
}

async function ensure(world: GcpWorld, options: ZoneOptions): Promise<ZoneState> {
  const dns = await world.gcp.dns(options.actor);
  const found = await findOrCreate(world, dns, options);
  if (!isOfFleet(found.labels, options.labels) && !world.options.adopt) throw foreign(found, options);
  if (found.dnsName !== options.dnsName || found.visibility !== "public") {
    throw new FleetError("ForeignResource", `the zone ${found.name} is ${found.visibility}, of ${found.dnsName}`, {
      hint: `delete it: its name is needed for ${options.dnsName}`,
    });
  }
  if (compareLabels(found.labels, options).length === 0) return await readZone(world, dns, found);
  world.progress("updating its labels");
  const { [cachedUntilTag]: _, ...kept } = found.labels;
  const labels = { ...kept, ...options.labels };
  await dns.setLabels(world, found.name, labels);
  return await readZone(world, dns, { ...found, labels });
}

async function findOrCreate(world: GcpWorld, dns: GcpDns, options: ZoneOptions): Promise<GcpZone> {
  const { dnsName, labels, title } = options;
  return await readAndWrite(
    world,
    () => find(world, dns, options),
    async (found) => {
      if (found !== undefined) return found;
      world.progress("creating it");
      return await dns.createZone(world, { name: zoneNameOf(dnsName), dnsName, description: title, labels });
    },
  );
}

/** Cloud DNS deletes only empty zones: so what the cluster left in it is deleted, and nothing else. @throws FleetError ZoneNotEmpty */
async function remove(world: GcpWorld, options: ZoneOptions): Promise<void> {
  const dns = await world.gcp.dns(options.actor);
  const found = await find(world, dns, options);
  if (found === undefined) return;
  if (!isOfFleet(found.labels, options.labels) && !world.options.adopt) throw foreign(found, options);
  refuseOthers(await sortRecords(world, dns, found), options);
  if (!world.options.skipDnsWait) await waitForCaches(world, toTags(found.labels));
  // Read again: some may have been added meanwhile.
  await readAndWrite(
    world,
    () => sortRecords(world, dns, found),
    async ({ ours, others }) => {
      refuseOthers({ others }, options);
      for (let at = 0; at < ours.length; at += mostDeletions) {
        world.progress(`deleting ${ours.length} records that the cluster left`);
        await dns.change(world, found.name, { deletions: ours.slice(at, at + mostDeletions) });
      }
    },
  );
  world.progress("deleting it");
  await dns.removeZone(world, found.name);
}

function refuseOthers(
  { others }: Pick<SortedRecords<GcpRecordSet>, "others">,
  { actor, dnsName, row }: ZoneOptions,
): void {
  const clause = row.kind === "cluster" ? undefined : "of clusters, or that others made";
  refuseRecords(`${dnsName} of ${actor.account.name}`, others.map(formatRecord), clause);
}

function toTags({ [cachedUntilTag]: seconds }: Tags): Tags {
  const at = Number(seconds);
  return Number.isNaN(at) ? {} : { [cachedUntilTag]: new Date(at * 1_000).toISOString() };
}
