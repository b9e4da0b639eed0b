import { AwsFault, type Cloud } from "#sandbox/aws/cloud.ts";
import type { StackRecord, StacksState } from "#sandbox/aws/cloudformation/engine/model.ts";

export type { StackRecord } from "#sandbox/aws/cloudformation/engine/model.ts";

export const serviceName = "cloudformation";

export function stacksOf(cloud: Cloud, account: string, region: string): StacksState {
  return cloud.slice<StacksState>(serviceName, account, region, () => ({ stacks: [] }));
}

/** By name, if it is not deleted, or by id. */
export function tryFindStack(cloud: Cloud, account: string, region: string, nameOrId: string): StackRecord | undefined {
  const { stacks } = stacksOf(cloud, account, region);
  return stacks.findLast(
    (stack) => stack.id === nameOrId || (stack.name === nameOrId && stack.status !== "DELETE_COMPLETE"),
  );
}

/** @throws AwsFault ValidationError */
export function findStack(cloud: Cloud, account: string, region: string, nameOrId: string): StackRecord {
  const found = tryFindStack(cloud, account, region, nameOrId);
  if (found !== undefined) return found;
  throw new AwsFault("ValidationError", `Stack with id ${nameOrId} does not exist`);
}
