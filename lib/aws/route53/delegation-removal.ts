import { isAwsError } from "#lib/aws/explain.ts";
import { tellCached } from "#lib/aws/route53/cached-delegation.ts";
import { type DelegationOptions, type DelegationState, findDelegation } from "#lib/aws/route53/delegation-model.ts";
import { changeRecords, isNoSuchZone, openRoute53, waitInSync } from "#lib/aws/route53/route53.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { FleetError } from "#lib/errors.ts";
import type { Observed, Outputs } from "#lib/graph/resource.ts";

/**
 * Also when the zone is already gone: what is left then leads into nothing, and whoever gets hold of one of its servers
 * answers for the name. The zone itself may go one TTL later only, because so long resolvers go on asking its servers.
 */
export async function removeDelegation<Parent>(
  world: AwsWorld,
  observed: Observed<DelegationState>,
  outputs: Outputs,
  options: DelegationOptions<Parent>,
): Promise<void> {
  const found = outputs.find(options.parent);
  if (found === undefined || observed.kind === "absent") return;
  if (observed.kind === "foreign" && !world.options.adopt) throw new FleetError("ForeignResource", observed.why);
  const parent = options.parentOf(found);
  const set = await findDelegation(world, options.actor, parent, options.name);
  if (set === undefined) return;
  const call = await openRoute53(world, options.actor);
  const tell = async (): Promise<void> => await tellZone(world, outputs, options, set.TTL ?? 0);
  // Before, for a run that is killed now; and after, because only then the last old answers were sent.
  await tell();
  world.progress(`deleting NS records from ${parent.name}`);
  try {
    const change = await changeRecords(call, parent.zoneId, `ending the delegation of ${options.name}`, [
      { Action: "DELETE", ResourceRecordSet: set },
    ]);
    await waitInSync(world, call, change, "the end of the delegation");
  } catch (error) {
    // The records or the whole parent zone were deleted meanwhile.
    const isGone = isNoSuchZone(error) || isAwsError(error, "InvalidChangeBatch", /not found/i);
    if (!isGone) throw error;
  }
  await tell();
}

async function tellZone<Parent>(
  world: AwsWorld,
  outputs: Outputs,
  { zone, zoneActor }: DelegationOptions<Parent>,
  ttlSeconds: number,
): Promise<void> {
  const found = outputs.find(zone);
  if (found === undefined) return;
  try {
    await tellCached(world, await openRoute53(world, zoneActor), found.id, ttlSeconds);
  } catch (error) {
    if (!isNoSuchZone(error)) throw error;
  }
}
