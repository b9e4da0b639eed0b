import { clientCalls } from "#lib/aws/client-calls.ts";
import type { AwsActor } from "#lib/aws/clients.ts";
import { isAwsError } from "#lib/aws/explain.ts";
import type { AwsWorld } from "#lib/aws/world.ts";

/** Whether a stack of that name exists, ours or not. One in review has no resources. */
export async function hasStack(
  world: AwsWorld,
  actor: AwsActor,
  { name, region }: { readonly name: string; readonly region: string },
): Promise<boolean> {
  const call = clientCalls(world, actor, await world.aws.cloudFormation(actor, region));
  try {
    const { Stacks = [] } = await call(`looking for the stack ${name}`, (cloudFormation, http) =>
      cloudFormation.describeStacks({ StackName: name }, http),
    );
    return Stacks.some(({ StackStatus }) => StackStatus !== "REVIEW_IN_PROGRESS");
  } catch (error) {
    if (isAwsError(error, "ValidationError", /does not exist$/)) return false;
    throw error;
  }
}
