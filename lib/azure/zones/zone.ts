import { type ArmAccess, armResource, withReading } from "#lib/azure/arm-resource.ts";
import type { ArmResource, AzureDns, AzureZone } from "#lib/azure/clients.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { azureId } from "#lib/azure/names.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import { cachedUntilTag, waitForCaches } from "#lib/cloud/cached-delegation.ts";
import type { ChildZone } from "#lib/cloud/delegation.ts";
import type { Tags } from "#lib/cloud/ownership.ts";
import { refuseRecords, sortZoneRecords, zoneHealth } from "#lib/cloud/zone-records.ts";
import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Resource, RowRef } from "#lib/graph/resource.ts";

/** Where a zone is. */
export interface ZonePlace {
  readonly account: AzureAccount;
  /** Name of the resource group. */
  readonly group: string;
  readonly name: string;
}

export interface ZoneOptions extends ZonePlace {
  readonly id: string;
  readonly title: string;
  /** @default "zone" */
  readonly label?: string;
  readonly row: RowRef;
  readonly needs: readonly AnyResource[];
  readonly tags: Tags;
  readonly keptOnDelete?: string;
}

export interface ZoneState extends ArmResource, ChildZone {
  /** Record sets other than the apex SOA and NS: their number, and those not created by the cluster. */
  readonly records: { readonly count: number; readonly others: readonly string[] };
}

/** Azure DNS deletes the records of a zone one after the other. */
const timeoutMs = 15 * 60_000;
/** Created by Azure in every new zone: SOA and NS. */
const setsOfNewZone = 2;

/** A public zone. Names are unique in a resource group; the same name in another group of the subscription is refused. */
export function zone({ label = "zone", ...options }: ZoneOptions): Resource<ZoneState, AzureWorld> {
  const { account, group, name } = options;
  const made = armResource({
    ...options,
    label,
    azureId: () => zoneAzureId(options),
    body: () => ({}),
    // A zone that is wanted is about to be delegated again.
    passingTags: [cachedUntilTag],
    etags: true,
    open: async (world) => accessOf(world, await world.azure.dns(account), options),
    async refuse(world, found) {
      if (found === undefined) await refuseOtherGroups(world, options);
    },
    async beforeDelete(world, { tags = {} }) {
      await refuseOthers(world, options);
      if (!world.options.skipDnsWait) await waitForCaches(world, tags);
      // Read again: Azure deletes all records with the zone, and some may have been added meanwhile.
      await refuseOthers(world, options);
    },
    timeoutMs,
  });
  const known = withReading(made, async (world, found) => await readZone(world, found, { account, group, name }));
  return { ...known, health: ({ nameServers, records }) => zoneHealth(nameServers, records.count) };
}

export function zoneAzureId({ account, group, name }: ZonePlace): string {
  return azureId(account, group, "Microsoft.Network/dnszones", name);
}

function accessOf(world: AzureWorld, dns: AzureDns, { group, name }: ZonePlace): ArmAccess {
  return {
    async get() {
      const found = await dns.zone(world, group, name);
      return found === undefined ? undefined : toArm(found);
    },
    put: async (_id, { tags = {} }, condition) => toArm(await dns.putZone(world, group, name, tags, condition)),
    remove: () => dns.removeZone(world, group, name),
  };
}

function toArm({ id, name, tags, etag, nameServers, recordSets }: AzureZone): ArmResource {
  const properties = { nameServers, numberOfRecordSets: recordSets };
  return { id, name, type: "Microsoft.Network/dnszones", tags, etag, properties };
}

async function readZone(world: AzureWorld, found: ArmResource, place: ZonePlace): Promise<ZoneState> {
  const { nameServers, numberOfRecordSets } = found.properties ?? {};
  const isNew = numberOfRecordSets === setsOfNewZone;
  const { ours, others } = isNew ? { ours: [], others: [] } : await sortRecords(world, place);
  return {
    ...found,
    nameServers: Array.isArray(nameServers) ? nameServers.map(String) : [],
    records: { count: ours.length + others.length, others },
  };
}

/** Records by their creator, as errors name them. */
async function sortRecords(world: AzureWorld, { account, group, name: zone }: ZonePlace) {
  const dns = await world.azure.dns(account);
  const sets = await dns.recordSets(world, group, zone);
  const records = sets.map(({ name, type, values }) => ({
    name: (name === "@" ? zone : `${name}.${zone}`).toLowerCase(),
    type,
    values,
  }));
  const { ours, others } = sortZoneRecords(records, zone);
  const format = ({ name, type }: (typeof records)[number]): string => `${type} ${name}`;
  return { ours: ours.map(format), others: others.map(format) };
}

/** @throws FleetError ZoneNotEmpty */
async function refuseOthers(world: AzureWorld, options: ZoneOptions): Promise<void> {
  const { others } = await sortRecords(world, options);
  const clause = options.row.kind === "cluster" ? undefined : "of clusters, or that others made";
  refuseRecords(`${options.name} of ${options.account.name}`, others, clause);
}

/** Azure would make a second zone of the name, with other name servers. @throws FleetError ZoneAmbiguous */
async function refuseOtherGroups(world: AzureWorld, { account, group, name }: ZonePlace): Promise<void> {
  const dns = await world.azure.dns(account);
  const others = (await dns.zones(world)).filter((other) => other.name.toLowerCase() === name);
  const [other] = others.filter((one) => one.group.toLowerCase() !== group.toLowerCase());
  if (other === undefined) return;
  throw new FleetError("ZoneAmbiguous", `${account.name} has the zone ${name} in the resource group ${other.group}`, {
    hint: `delete it, or move it: az resource move --destination-group ${group} --ids ${other.id}`,
  });
}
