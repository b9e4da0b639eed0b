import { isDeepStrictEqual } from "node:util";
import { cachedUntilTag } from "#lib/cloud/cached-delegation.ts";
import {
  type DelegationOptions as CloudDelegationOptions,
  type DelegationRecords,
  type DelegationState,
  type NsRecords,
  type ParentZone,
  zoneDelegation,
} from "#lib/cloud/delegation.ts";
import { FleetError } from "#lib/errors.ts";
import type { GcpActor, GcpRecordSet } from "#lib/gcp/clients.ts";
import { readAndWrite } from "#lib/gcp/conflict.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import { formatMark, markNameOf, parseMark } from "#lib/gcp/zones/delegation-mark.ts";
import { cachedUntilLabel, type ZonePlace, type ZoneState } from "#lib/gcp/zones/zone.ts";
import type { Resource } from "#lib/graph/resource.ts";

export interface DelegationOptions<Parent>
  extends Omit<CloudDelegationOptions<Parent, ZoneState, GcpWorld, NsRecords>, "records" | "markEnd" | "name"> {
  /** The zone that is delegated. */
  readonly place: ZonePlace;
  /** Who writes into the parent zone. */
  readonly parentActor: GcpActor;
}

/** The delegation of a zone of Cloud DNS in another one. Only the NS set of this name is written, and a TXT set with its tags. */
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

function recordsOf(name: string, actor: GcpActor): DelegationRecords<GcpWorld, NsRecords> {
  const find = async (world: GcpWorld, { zoneId, name: parent }: ParentZone): Promise<readonly GcpRecordSet[]> => {
    const dns = await world.gcp.dns(actor);
    const sets = [
      { name, type: "NS" },
      { name: markNameOf(name, parent), type: "TXT" },
    ];
    return (await Promise.all(sets.map((set) => dns.recordSets(world, zoneId, set)))).flat();
  };
  /** Replaces exactly what was read, in one change. */
  const replace = async (world: GcpWorld, parent: ParentZone, wanted: readonly GcpRecordSet[]): Promise<void> => {
    const dns = await world.gcp.dns(actor);
    await readAndWrite(
      world,
      () => find(world, parent),
      async (found) => {
        const additions = without(wanted, found);
        const deletions = without(found, wanted);
        if (additions.length === 0 && deletions.length === 0) return;
        await dns.change(world, parent.zoneId, { additions, deletions });
      },
    );
  };
  return {
    async find(world, parent) {
      const sets = await find(world, parent);
      const [ns, mark] = ["NS", "TXT"].map((type) => sets.find((set) => set.type === type));
      if (ns === undefined) return undefined;
      const nameServers = ns.values.map((value) => value.toLowerCase().replace(/\.$/, "")).toSorted();
      return { nameServers, ttlSeconds: ns.ttl, tags: mark === undefined ? {} : (parseMark(mark) ?? {}) };
    },
    async write(world, parent, { nameServers, ttlSeconds: ttl, tags = {} }) {
      if (nameServers.length === 0) {
        throw new FleetError("GcpFailed", `Cloud DNS names no servers for ${name}`, {
          hint: "delete the zone and run again",
        });
      }
      const ns = { name, type: "NS", ttl, values: nameServers.map((server) => `${server}.`) };
      const mark = { name: markNameOf(name, parent.name), type: "TXT", ttl, values: [formatMark(tags)] };
      await replace(world, parent, Object.keys(tags).length === 0 ? [ns] : [ns, mark]);
    },
    remove: (world, parent) => replace(world, parent, []),
  };
}

/** Those of `sets` that `others` does not have. */
function without(sets: readonly GcpRecordSet[], others: readonly GcpRecordSet[]): readonly GcpRecordSet[] {
  const sorted = (set: GcpRecordSet): GcpRecordSet => ({ ...set, values: set.values.toSorted() });
  return sets.filter((set) => !others.some((other) => isDeepStrictEqual(sorted(set), sorted(other))));
}

/** Records in the zone's labels that resolvers may have cached its delegation for `ttlSeconds` from now. */
async function tellCached(world: GcpWorld, actor: GcpActor, { name }: ZoneState, ttlSeconds: number): Promise<void> {
  const dns = await world.gcp.dns(actor);
  const found = await dns.zone(world, name);
  if (found === undefined) return;
  await dns.setLabels(world, name, { ...found.labels, [cachedUntilTag]: cachedUntilLabel(world, ttlSeconds) });
}
