import { contextOf } from "#sandbox/aws/cloudformation/engine/context.ts";
import { addResourceEvent, setResourceStatus, setStatus } from "#sandbox/aws/cloudformation/engine/events.ts";
import type { Leftover, Made, ResourceRecord } from "#sandbox/aws/cloudformation/engine/model.ts";
import { pause } from "#sandbox/aws/cloudformation/engine/pause.ts";
import { reasonOf } from "#sandbox/aws/cloudformation/engine/resources.ts";
import type { Run } from "#sandbox/aws/cloudformation/engine/run.ts";
import { reversed, WorkFailed, walk } from "#sandbox/aws/cloudformation/engine/walk.ts";
import { resourceType } from "#sandbox/aws/cloudformation/types/registry.ts";

/** DELETE_IN_PROGRESS to its end. */
export async function remove(run: Run): Promise<void> {
  const { cloud, stack } = run;
  const failed = await deleteAll(run);
  if (failed.length > 0) {
    setStatus(cloud, stack, "DELETE_FAILED", `The following resource(s) failed to delete: [${failed.join(", ")}]. `);
    return;
  }
  stack.deletedAt = cloud.now().toISOString();
  stack.outputs = [];
  setStatus(cloud, stack, "DELETE_COMPLETE");
}

/** Deletes what a stack has made, what leans on others first. @returns those that failed */
export async function deleteAll(run: Run): Promise<readonly string[]> {
  const { stack } = run;
  const records = new Map(stack.resources.map((record) => [record.logicalId, record]));
  const order = reversed(new Map([...records].map(([name, { made }]) => [name, made?.needs ?? []])));
  return walk(order, async (name) => {
    const record = records.get(name);
    if (record !== undefined) await deleteRecord(run, record);
  });
}

async function deleteRecord(run: Run, record: ResourceRecord): Promise<void> {
  const { cloud, stack } = run;
  const { made, logicalId } = record;
  if (record.status === "DELETE_COMPLETE" || record.status === "DELETE_SKIPPED") return;
  if (made === undefined) {
    // It never came to be.
    setResourceStatus(cloud, stack, record, "DELETE_COMPLETE");
    return;
  }
  if (made.deletionPolicy === "Retain") {
    setResourceStatus(cloud, stack, record, "DELETE_SKIPPED");
    return;
  }
  setResourceStatus(cloud, stack, record, "DELETE_IN_PROGRESS");
  try {
    await deleteMade(run, logicalId, made);
  } catch (error) {
    const reason = reasonOf(error, made.type);
    setResourceStatus(cloud, stack, record, "DELETE_FAILED", { reason });
    throw new WorkFailed(reason);
  }
  setResourceStatus(cloud, stack, record, "DELETE_COMPLETE");
}

async function deleteMade(run: Run, logicalId: string, made: Made): Promise<void> {
  const type = resourceType(made.type);
  const context = contextOf(run.cloud, run.stack, logicalId, made.type, made.tags);
  await type.delete(context, made.physicalId, made.properties);
  await pause(run.cloud, type.seconds.delete * 1_000);
  await type.settle?.(context, made.physicalId, "delete");
}

/** Deletes what updates leave over. @returns whether all of it is gone or retained on purpose */
export async function cleanUp(run: Run, leftovers: readonly Leftover[], isRollback: boolean): Promise<boolean> {
  const { cloud, stack } = run;
  const byName = new Map(leftovers.map((leftover) => [leftover.logicalId, leftover]));
  const order = reversed(new Map([...byName].map(([name, { needs }]) => [name, needs])));
  const failed = await walk(order, async (name) => {
    const leftover = byName.get(name);
    if (leftover === undefined) return;
    const tell = (
      status: "DELETE_IN_PROGRESS" | "DELETE_COMPLETE" | "DELETE_SKIPPED" | "DELETE_FAILED",
      reason?: string,
    ) =>
      addResourceEvent(cloud, stack, {
        logicalId: name,
        type: leftover.type,
        status,
        physicalId: leftover.physicalId,
        properties: leftover.properties,
        ...(reason === undefined ? {} : { reason }),
      });
    const isReplaced = stack.resources.some(({ logicalId }) => logicalId === name);
    const policy = isReplaced && !isRollback ? leftover.updateReplacePolicy : leftover.deletionPolicy;
    if (policy === "Retain") {
      tell("DELETE_SKIPPED");
      return;
    }
    tell("DELETE_IN_PROGRESS");
    try {
      await deleteMade(run, name, leftover);
    } catch (error) {
      const reason = reasonOf(error, leftover.type);
      tell("DELETE_FAILED", reason);
      throw new WorkFailed(reason);
    }
    tell("DELETE_COMPLETE");
  });
  return failed.length === 0;
}
