import { isAzureError } from "#lib/azure/explain.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import type { ZonePlace, ZoneState } from "#lib/azure/zones/zone.ts";
import { cachedUntilTag, formatCachedUntil } from "#lib/cloud/cached-delegation.ts";
import {
  type DelegationOptions as CloudDelegationOptions,
  type DelegationRecords,
  type DelegationState,
  type NsRecords,
  zoneDelegation,
} from "#lib/cloud/delegation.ts";
import { FleetError } from "#lib/errors.ts";
import type { Resource } from "#lib/graph/resource.ts";

export interface DelegationOptions<Parent>
  extends Omit<CloudDelegationOptions<Parent, ZoneState, AzureWorld, NsRecords>, "records" | "markEnd" | "name"> {
  /** The zone that is delegated. */
  readonly place: ZonePlace;
  /** Account and resource group of the parent zone. */
  readonly parentPlace: { readonly account: AzureAccount; readonly group: string };
}

/** The delegation of a zone of Azure DNS in another one. Its tags are metadata of the NS records. */
export function delegation<Parent>({
  place,
  parentPlace,
  ...options
}: DelegationOptions<Parent>): Resource<DelegationState, AzureWorld> {
  return zoneDelegation({
    ...options,
    name: place.name,
    records: recordsOf(place.name, parentPlace),
    markEnd: (world, _zone, ttlSeconds) => tellCached(world, place, ttlSeconds),
  });
}

function recordsOf(
  name: string,
  { account, group }: DelegationOptions<unknown>["parentPlace"],
): DelegationRecords<AzureWorld, NsRecords> {
  const relative = (parent: string): string => name.slice(0, -parent.length - 1);
  return {
    async find(world, parent) {
      const dns = await world.azure.dns(account);
      const set = await dns.recordSet(world, group, parent.name, relative(parent.name), "NS");
      return set === undefined ? undefined : { nameServers: set.values, ttlSeconds: set.ttl, tags: set.metadata };
    },
    async write(world, parent, { nameServers, ttlSeconds, tags = {} }) {
      if (nameServers.length === 0) {
        throw new FleetError("AzureFailed", `Azure DNS names no servers for ${name}`, {
          hint: "delete the zone and run again",
        });
      }
      const dns = await world.azure.dns(account);
      const shared = { ttl: ttlSeconds, values: nameServers, metadata: tags };
      await dns.putRecordSet(world, group, parent.name, { name: relative(parent.name), type: "NS", ...shared });
    },
    async remove(world, parent) {
      const dns = await world.azure.dns(account);
      await dns.removeRecordSet(world, group, parent.name, relative(parent.name), "NS");
    },
  };
}

/** Records in the zone's tags that resolvers may have cached its delegation for `ttlSeconds` from now. */
async function tellCached(world: AzureWorld, { account, group, name }: ZonePlace, ttlSeconds: number): Promise<void> {
  const dns = await world.azure.dns(account);
  for (let attempt = 1; ; attempt++) {
    const zone = await dns.zone(world, group, name);
    if (zone === undefined) return;
    const tags = { ...zone.tags, [cachedUntilTag]: formatCachedUntil(world, ttlSeconds) };
    try {
      await dns.putZone(world, group, name, tags, { ifMatch: zone.etag });
      return;
    } catch (error) {
      // Somebody else has just written it, or deleted it.
      if (!isAzureError(error, "PreconditionFailed") || attempt > 1) throw error;
    }
  }
}
