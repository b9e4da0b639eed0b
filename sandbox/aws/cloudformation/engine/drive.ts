import type { Cloud } from "#sandbox/aws/cloud.ts";
import { type Cancellation, createCancellation } from "#sandbox/aws/cloudformation/engine/cancellation.ts";
import { create, rollBackCreation } from "#sandbox/aws/cloudformation/engine/create.ts";
import type { StackRecord } from "#sandbox/aws/cloudformation/engine/model.ts";
import { remove } from "#sandbox/aws/cloudformation/engine/removal.ts";
import { finishRollback, finishUpdate, rollBackUpdate, update } from "#sandbox/aws/cloudformation/engine/update.ts";

/** Carries on with a stack's operation until it has come to an end; each status is one step, so that a restart can go on from any. */
export async function drive(
  cloud: Cloud,
  stack: StackRecord,
  begun: (cancellation: Cancellation) => void,
): Promise<void> {
  for (;;) {
    const { operation } = stack;
    if (operation === undefined) return;
    const run = { cloud, stack, operation, cancellation: createCancellation() };
    begun(run.cancellation);
    switch (stack.status) {
      case "CREATE_IN_PROGRESS":
        await create(run, targetOf(stack));
        break;
      case "ROLLBACK_IN_PROGRESS":
        await rollBackCreation(run);
        break;
      case "DELETE_IN_PROGRESS":
        await remove(run);
        break;
      case "UPDATE_IN_PROGRESS":
        await update(run, targetOf(stack));
        break;
      case "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
        await finishUpdate(run);
        break;
      case "UPDATE_ROLLBACK_IN_PROGRESS":
        await rollBackUpdate(run);
        break;
      case "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS":
        await finishRollback(run);
        break;
      default:
        finish(stack);
        cloud.save(stack);
        return;
    }
  }
}

function finish(stack: StackRecord): void {
  delete stack.operation;
  const isDone = stack.status === "CREATE_COMPLETE" || stack.status === "UPDATE_COMPLETE";
  for (const changeSet of stack.changeSets) {
    if (changeSet.executionStatus === "EXECUTE_IN_PROGRESS") {
      changeSet.executionStatus = isDone ? "EXECUTE_COMPLETE" : "EXECUTE_FAILED";
    } else if (changeSet.executionStatus === "AVAILABLE") changeSet.executionStatus = "OBSOLETE";
  }
}

function targetOf({ name, operation }: StackRecord) {
  if (operation?.target === undefined) throw new Error(`${name}: its operation has nothing to deploy`);
  return operation.target;
}
