import type { AwsActor } from "#lib/aws/clients.ts";
import { hasStack } from "#lib/aws/has-stack.ts";
import { decodeName, isNoSuchZone, listRecords, openRoute53 } from "#lib/aws/route53.ts";
import { FleetError } from "#lib/errors.ts";
import type { World } from "#lib/world.ts";

/** A stack that lives by another one. */
export interface Dependent {
  /** Of the cluster, for the message. */
  readonly cluster: string;
  readonly name: string;
  readonly region: string;
}

/**
 * Stops a delete that would succeed halfway: a role that goes before what was made by it leaves that behind for nobody.
 *
 * @throws FleetError StillNeeded
 */
export async function refuseWhileStacks(
  world: World,
  actor: AwsActor,
  dependents: readonly Dependent[],
): Promise<void> {
  const there = await Promise.all(
    dependents.map(async (one) => ((await hasStack(world, actor, one)) ? [one.cluster] : [])),
  );
  const clusters = there.flat();
  if (clusters.length === 0) return;
  throw new FleetError("StillNeeded", `${actor.account.name} still has ${clusters.join(", ")}, made by this role`, {
    hint: `delete them first: mise run delete-eks-all -- ${clusters.join(" ")}`,
  });
}

/** A zone that is about to go, and what in it goes along. */
export interface LeavingZone {
  readonly id: string;
  readonly name: string;
  /** Names of records that are part of the same stack. */
  readonly own: readonly string[];
}

/** Route 53 deletes no zone with records: by then the rest of the stack would be gone. @throws FleetError StillNeeded */
export async function refuseWhileRecords(world: World, actor: AwsActor, zones: readonly LeavingZone[]): Promise<void> {
  const call = await openRoute53(world, actor);
  for (const { id, name, own } of zones) {
    const records = await listRecords(call, id).catch((error: unknown) => {
      if (isNoSuchZone(error)) return [];
      throw error;
    });
    const names = records.map((record) => ({ name: decodeName(record.Name), type: record.Type ?? "" }));
    const others = names.filter((one) => one.name !== name && !own.includes(one.name));
    if (others.length === 0) continue;
    const list = others.map((one) => `${one.name} ${one.type}`);
    throw new FleetError("StillNeeded", `the zone ${name} still has records: ${list.slice(0, 5).join(", ")}`, {
      hint: "delete the clusters that they lead to first (mise run delete-eks-all), or the records",
      details: list,
    });
  }
}
