import type { Stack } from "@aws-sdk/client-cloudformation";
import { removeShell } from "#lib/aws/cloudformation/change-set.ts";
import { newToken, type StackClient, serviceRole } from "#lib/aws/cloudformation/client.ts";
import { setProtection } from "#lib/aws/cloudformation/deploy.ts";
import { formatEvent, heldResources } from "#lib/aws/cloudformation/events.ts";
import { stackFailed } from "#lib/aws/cloudformation/failure.ts";
import { describeStranger, readState } from "#lib/aws/cloudformation/observe.ts";
import { type Ended, follow, markEvents, waitForOthers } from "#lib/aws/cloudformation/operation.ts";
import { stackStatus } from "#lib/aws/cloudformation/status.ts";
import { FleetError } from "#lib/errors.ts";
import type { Outputs } from "#lib/graph/resource.ts";

/** Deletes the stack in any state; succeeds if it is gone. @throws FleetError StackFailed, ForeignResource */
export async function removeStack(client: StackClient, outputs: Outputs): Promise<void> {
  const stack = await waitForOthers(client);
  if (stack === undefined || stackStatus(stack.StackStatus).name === "DELETE_COMPLETE") return;
  const stackId = stack.StackId ?? client.options.name;
  if (stackStatus(stack.StackStatus).isGone) {
    await removeShell(client, stackId, serviceRole(client, outputs, stack.RoleARN));
    return;
  }
  requireOwn(client, stack);
  const first = await deleteOnce(client, stack, outputs);
  if (isDeleted(first)) return;
  // Blocking resources often disappear in a moment: interfaces of a load balancer that was just deleted.
  const held = heldResources(first.events).map(formatEvent);
  client.world.output(`not deleted at the first try: ${held.join("; ")}`);
  client.world.progress("trying once more to delete what is left");
  const second = await deleteOnce(client, first.stack ?? stack, outputs);
  if (isDeleted(second)) return;
  throw deleteFailed(client, stackId, second);
}

/** Checked again: the stack may have been replaced by another of the same name. */
function requireOwn({ world, options }: StackClient, stack: Stack): void {
  const stranger = describeStranger(stack, options);
  if (stranger === undefined || world.options.adopt) return;
  throw new FleetError("ForeignResource", stranger, { hint: "rename or remove it, or take it over with --adopt" });
}

async function deleteOnce(client: StackClient, stack: Stack, outputs: Outputs): Promise<Ended> {
  const { world, options } = client;
  const stackId = stack.StackId ?? options.name;
  if (options.beforeDelete !== undefined) await options.beforeDelete(world, await readState(client, stack), outputs);
  // Only now: what stops a delete must leave the stack protected.
  if (stack.EnableTerminationProtection === true) await setProtection(client, stackId, false);
  const total = await countResources(client, stackId);
  const since = await markEvents(client, stackId);
  const token = newToken();
  world.progress("deleting it");
  const role = serviceRole(client, outputs, stack.RoleARN);
  await client.write("deleting it", (cloudFormation) =>
    cloudFormation.deleteStack({ StackName: stackId, ClientRequestToken: token, ...role }),
  );
  return await follow(client, { what: "deleting it", stackId, token, since, total });
}

function isDeleted({ stack }: Ended): boolean {
  return stack === undefined || stackStatus(stack.StackStatus).name === "DELETE_COMPLETE";
}

/** Those that are still there. */
async function countResources(client: StackClient, stackId: string): Promise<number> {
  let count = 0;
  for (let next: string | undefined = ""; next !== undefined; ) {
    const token: string = next;
    const page = await client.read("listing its resources", (cloudFormation, options) =>
      cloudFormation.listStackResources({ StackName: stackId, ...(token === "" ? {} : { NextToken: token }) }, options),
    );
    const present = (page.StackResourceSummaries ?? []).filter((one) => one.ResourceStatus !== "DELETE_COMPLETE");
    count += present.length;
    next = page.NextToken;
  }
  return count;
}

function deleteFailed(client: StackClient, stackId: string, { stack, events }: Ended): FleetError {
  const held = heldResources(events);
  const fallback = stack?.StackStatusReason ?? "no reason was given";
  const failure = stackFailed(client, "deleting it", events, { stackId, fallback });
  const names = held.map(({ LogicalResourceId, PhysicalResourceId }) => `${LogicalResourceId} ${PhysicalResourceId}`);
  return new FleetError("StackFailed", failure.message, {
    hint: failure.hint,
    details: [...names.map((name) => `still there: ${name}`), ...failure.details],
  });
}
