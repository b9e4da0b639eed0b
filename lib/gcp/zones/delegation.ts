import { cachedUntilTag } from "#lib/cloud/cached-delegation.ts";
import {
  type DelegationOptions as CloudDelegationOptions,
  type DelegationRecords,
  type DelegationState,
  type NsRecords,
  zoneDelegation,
} from "#lib/cloud/delegation.ts";
import { FleetError } from "#lib/errors.ts";
import type { GcpActor, GcpRecordSet } from "#lib/gcp/clients.ts";
import { isConflict } from "#lib/gcp/conflict.ts";
import { isMissing } from "#lib/gcp/explain.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import { cachedUntilLabel, type ZonePlace, type ZoneState } from "#lib/gcp/zones/zone.ts";
import type { Resource } from "#lib/graph/resource.ts";

export interface DelegationOptions<Parent>
  extends Omit<CloudDelegationOptions<Parent, ZoneState, GcpWorld, FoundRecords>, "records" | "markEnd" | "name"> {
  /** The zone that is delegated. */
  readonly place: ZonePlace;
  /** Who writes into the parent zone. */
  readonly parentActor: GcpActor;
}

interface FoundRecords extends NsRecords {
  /** As Cloud DNS has it: a deletion must match it exactly. */
  readonly set: GcpRecordSet;
}

/** The delegation of a zone of Cloud DNS in another one. Only the NS set of this name is written. */
export function delegation<Parent>({
  place,
  parentActor,
  ...options
}: DelegationOptions<Parent>): Resource<DelegationState, GcpWorld> {
  return zoneDelegation({
    ...options,
    name: place.dnsName,
    records: recordsOf(place.dnsName, parentActor),
    markEnd: (world, zone, ttlSeconds) => tellCached(world, place.actor, zone, ttlSeconds),
  });
}

function recordsOf(name: string, actor: GcpActor): DelegationRecords<GcpWorld, FoundRecords> {
  const find = async (world: GcpWorld, zone: string): Promise<GcpRecordSet | undefined> => {
    const [set] = await (await world.gcp.dns(actor)).recordSets(world, zone, { name, type: "NS" });
    return set;
  };
  /** Replaces exactly what was read; read again once if somebody wrote it in between. */
  const replace = async (world: GcpWorld, zone: string, additions: readonly GcpRecordSet[]): Promise<void> => {
    const dns = await world.gcp.dns(actor);
    for (let attempt = 1; ; attempt++) {
      const found = await find(world, zone);
      if (found === undefined && additions.length === 0) return;
      const deletions = found === undefined ? [] : [found];
      try {
        await dns.change(world, zone, { additions, deletions });
        return;
      } catch (error) {
        if (attempt > 1 || !(isConflict(error) || isMissing(error))) throw error;
        world.progress("reading the NS records again: they were changed meanwhile");
      }
    }
  };
  return {
    async find(world, { zoneId }) {
      const set = await find(world, zoneId);
      if (set === undefined) return undefined;
      const nameServers = set.values.map((value) => value.toLowerCase().replace(/\.$/, "")).toSorted();
      return { nameServers, ttlSeconds: set.ttl, set };
    },
    async write(world, { zoneId }, { nameServers, ttlSeconds }) {
      if (nameServers.length === 0) {
        throw new FleetError("GcpFailed", `Cloud DNS names no servers for ${name}`, {
          hint: "delete the zone and run again",
        });
      }
      await replace(world, zoneId, [
        { name, type: "NS", ttl: ttlSeconds, values: nameServers.map((server) => `${server}.`) },
      ]);
    },
    remove: (world, { zoneId }) => replace(world, zoneId, []),
  };
}

/** Records in the zone's labels that resolvers may have cached its delegation for `ttlSeconds` from now. */
async function tellCached(world: GcpWorld, actor: GcpActor, { name }: ZoneState, ttlSeconds: number): Promise<void> {
  const dns = await world.gcp.dns(actor);
  const found = await dns.zone(world, name);
  if (found === undefined) return;
  await dns.setLabels(world, name, { ...found.labels, [cachedUntilTag]: cachedUntilLabel(world, ttlSeconds) });
}
