import { armResource } from "#lib/azure/arm-resource.ts";
import type { ArmResource } from "#lib/azure/clients.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { groupId } from "#lib/azure/names.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import type { Tags } from "#lib/cloud/ownership.ts";
import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Resource, RowRef } from "#lib/graph/resource.ts";

export interface ResourceGroupOptions {
  readonly id: string;
  readonly title: string;
  readonly row: RowRef;
  readonly needs: readonly AnyResource[];
  readonly account: AzureAccount;
  readonly name: string;
  /** Where it is created; an existing one stays where it is. */
  readonly region: string;
  readonly tags: Tags;
  /** Names of all that the fleet creates in it: a delete waits until they are gone, and for nothing else. */
  readonly contents: readonly string[];
  readonly keptOnDelete?: string;
}

/** Azure deletes what is in a group first, one by one. */
const timeoutMs = 30 * 60_000;
/** Resource Manager lists what was just deleted for a while. */
const listingTries = 12;
const listingPauseMs = 5_000;
/** Maximum number of resources listed in an error; its message has the total. */
const namedResources = 20;

/** A resource group. Azure deletes what is in it, too: so it is deleted only when it is empty. */
export function resourceGroup({
  name,
  region,
  contents,
  ...options
}: ResourceGroupOptions): Resource<ArmResource, AzureWorld> {
  const id = groupId(options.account, name);
  return armResource({
    ...options,
    label: "resource group",
    azureId: () => id,
    body: () => ({ location: region }),
    // Of its description only: what is in it has regions of its own.
    keepsLocation: true,
    timeoutMs,
    summary: ({ location = name }) => location,
    beforeDelete: (world) => refuseWhileFull(world, options.account, id, contents),
  });
}

/** @throws FleetError StillNeeded */
async function refuseWhileFull(
  world: AzureWorld,
  account: AzureAccount,
  id: string,
  contents: readonly string[],
): Promise<void> {
  const own = new Set(contents.map((name) => name.toLowerCase()));
  for (let attempt = 1; ; attempt++) {
    const found = await world.azure.arm(account).list(world, `${id}/resources`);
    if (found.length === 0) return;
    const others = found.filter(({ name }) => !own.has(name.toLowerCase()));
    const names = (others.length > 0 ? others : found).map(({ type, name }) => `${type} ${name}`).toSorted();
    if (others.length > 0 || attempt === listingTries) throw stillFull(account, id, names);
    world.progress(`waiting until it is empty: ${names[0]}${names.length > 1 ? ` and ${names.length - 1} more` : ""}`);
    await world.clock.sleep(listingPauseMs, world.signal);
  }
}

function stillFull({ name: account }: AzureAccount, id: string, names: readonly string[]): FleetError {
  const count = names.length === 1 ? "a resource" : `${names.length} resources`;
  return new FleetError("StillNeeded", `${account}: ${id} has ${count} that this fleet did not make`, {
    hint: "delete them or move them to another group, then run the same command again",
    details: [
      ...names.slice(0, namedResources),
      ...(names.length > namedResources ? [`and ${names.length - namedResources} more`] : []),
    ],
  });
}
