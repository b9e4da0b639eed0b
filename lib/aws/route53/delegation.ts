import type { ResourceRecordSet } from "@aws-sdk/client-route-53";
import type { AwsActor } from "#lib/aws/clients.ts";
import { isAwsError } from "#lib/aws/explain.ts";
import { tellCached } from "#lib/aws/route53/cached-delegation.ts";
import { changeRecords, findRecordSet, isNoSuchZone, openRoute53, waitInSync } from "#lib/aws/route53/route53.ts";
import type { HostedZoneState } from "#lib/aws/route53/zone-lookup.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import {
  type DelegationOptions as CloudDelegationOptions,
  type DelegationRecords,
  type DelegationState,
  type NsRecords,
  type ParentZone,
  zoneDelegation,
} from "#lib/cloud/delegation.ts";
import { normalize } from "#lib/dns/query.ts";
import { FleetError } from "#lib/errors.ts";
import type { Resource } from "#lib/graph/resource.ts";

export interface DelegationOptions<Parent>
  extends Omit<CloudDelegationOptions<Parent, HostedZoneState, AwsWorld, FoundRecords>, "records" | "markEnd"> {
  /** Who may write NS records into the parent. */
  readonly actor: AwsActor;
  readonly zoneActor: AwsActor;
}

/** Route 53 deletes a record set only by all that it has. */
interface FoundRecords extends NsRecords {
  readonly set: ResourceRecordSet;
}

/** The delegation of a zone of Route 53 in another one. */
export function delegation<Parent>({
  actor,
  zoneActor,
  ...options
}: DelegationOptions<Parent>): Resource<DelegationState, AwsWorld> {
  return zoneDelegation({
    ...options,
    records: recordsOf(options.name, actor),
    async markEnd(world, { id }, ttlSeconds) {
      try {
        await tellCached(world, await openRoute53(world, zoneActor), id, ttlSeconds);
      } catch (error) {
        if (!isNoSuchZone(error)) throw error;
      }
    },
  });
}

function recordsOf(name: string, actor: AwsActor): DelegationRecords<AwsWorld, FoundRecords> {
  return {
    async find(world, parent) {
      const set = await findSet(world, actor, parent, name);
      return set === undefined ? undefined : { set, nameServers: serversOf(set), ttlSeconds: set.TTL ?? 0 };
    },
    async write(world, { zoneId, name: parentName }, { nameServers, ttlSeconds }) {
      if (nameServers.length === 0) {
        throw new FleetError("AwsFailed", `Route 53 names no servers for ${name}`, {
          hint: "delete the zone and run again",
        });
      }
      const call = await openRoute53(world, actor);
      const set = {
        Name: name,
        Type: "NS",
        TTL: ttlSeconds,
        ResourceRecords: nameServers.map((Value) => ({ Value })),
      } as const;
      const change = await changeRecords(call, zoneId, `delegating ${name} in ${parentName}`, [
        { Action: "UPSERT", ResourceRecordSet: set },
      ]);
      await waitInSync(world, call, change, "the delegation");
    },
    async remove(world, { zoneId }, { set }) {
      const call = await openRoute53(world, actor);
      try {
        const change = await changeRecords(call, zoneId, `ending the delegation of ${name}`, [
          { Action: "DELETE", ResourceRecordSet: set },
        ]);
        await waitInSync(world, call, change, "the end of the delegation");
      } catch (error) {
        // The records or the whole parent zone were deleted meanwhile.
        const isGone = isNoSuchZone(error) || isAwsError(error, "InvalidChangeBatch", /not found/i);
        if (!isGone) throw error;
      }
    },
  };
}

/** Servers that a parent zone names for a name; empty while it names none. */
export async function delegatedServers(
  world: AwsWorld,
  actor: AwsActor,
  parent: Pick<ParentZone, "zoneId">,
  name: string,
): Promise<readonly string[]> {
  return serversOf(await findSet(world, actor, parent, name));
}

async function findSet(
  world: AwsWorld,
  actor: AwsActor,
  { zoneId }: Pick<ParentZone, "zoneId">,
  name: string,
): Promise<ResourceRecordSet | undefined> {
  const call = await openRoute53(world, actor);
  try {
    return await findRecordSet(call, zoneId, name, "NS");
  } catch (error) {
    // The zone's stack exists, but the zone was deleted by hand.
    if (isNoSuchZone(error)) return undefined;
    throw error;
  }
}

function serversOf(set: ResourceRecordSet | undefined): readonly string[] {
  return [...new Set((set?.ResourceRecords ?? []).map(({ Value = "" }) => normalize(Value)))].sort();
}
