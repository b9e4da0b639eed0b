import { bringAll, failureOf, finishOutputs } from "#sandbox/aws/cloudformation/engine/create.ts";
import { setResourceStatus, setStatus } from "#sandbox/aws/cloudformation/engine/events.ts";
import type { Deployment, Leftover, Made, ResourceRecord } from "#sandbox/aws/cloudformation/engine/model.ts";
import { planOf } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { cleanUp } from "#sandbox/aws/cloudformation/engine/removal.ts";
import { updateResource } from "#sandbox/aws/cloudformation/engine/resources.ts";
import type { Run } from "#sandbox/aws/cloudformation/engine/run.ts";
import { walk } from "#sandbox/aws/cloudformation/engine/walk.ts";

/** UPDATE_IN_PROGRESS to its end. */
export async function update(run: Run, target: Deployment): Promise<void> {
  const { cloud, stack, operation } = run;
  const plan = planOf(stack, target);
  const failed = await bringAll(run, plan, target);
  const why = failureOf(stack.resources, failed) ?? finishOutputs(run, plan);
  if (why === undefined) {
    operation.cleanup = leftoversOfSuccess(stack.resources, (name) => plan.graph.has(name));
    stack.resources = stack.resources.filter(({ logicalId }) => plan.graph.has(logicalId));
    for (const record of stack.resources) delete record.before;
    stack.stable = target;
    setStatus(cloud, stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS");
  } else if (operation.onFailure === "DO_NOTHING") {
    setStatus(cloud, stack, "UPDATE_FAILED", why);
  } else if (stack.stable === undefined) {
    setStatus(cloud, stack, "ROLLBACK_IN_PROGRESS", why);
  } else setStatus(cloud, stack, "UPDATE_ROLLBACK_IN_PROGRESS", why);
}

/** UPDATE_COMPLETE_CLEANUP_IN_PROGRESS to its end. */
export async function finishUpdate(run: Run): Promise<void> {
  const { cloud, stack, operation } = run;
  const isClean = await cleanUp(run, operation.cleanup ?? [], false);
  const reason = isClean ? undefined : "Update successful. One or more resources could not be deleted.";
  setStatus(cloud, stack, "UPDATE_COMPLETE", reason);
}

/** UPDATE_ROLLBACK_IN_PROGRESS to its end: back to the last deployment that was stable. */
export async function rollBackUpdate(run: Run): Promise<void> {
  const { cloud, stack, operation } = run;
  const touched = stack.resources.filter(({ before }) => before !== undefined);
  const order = new Map(touched.map(({ logicalId, before, made }) => [logicalId, (before ?? made)?.needs ?? []]));
  const byName = new Map(touched.map((record) => [record.logicalId, record]));
  const failed = await walk(order, async (name) => {
    const record = byName.get(name);
    if (record !== undefined) await rollBackRecord(run, record);
  });
  if (failed.length > 0) {
    const why = `The following resource(s) failed to update: [${failed.join(", ")}]. `;
    setStatus(cloud, stack, "UPDATE_ROLLBACK_FAILED", why);
    return;
  }
  operation.cleanup = [
    ...(operation.cleanup ?? []),
    ...touched.flatMap((record) => leftover(record, record.made, null)),
  ];
  stack.resources = stack.resources.filter(({ before }) => before !== null);
  for (const record of stack.resources) delete record.before;
  if (stack.stable !== undefined) stack.current = stack.stable;
  setStatus(cloud, stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS");
}

/** UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS to its end. */
export async function finishRollback(run: Run): Promise<void> {
  const { cloud, stack, operation } = run;
  const isClean = await cleanUp(run, operation.cleanup ?? [], true);
  const reason = isClean ? undefined : "Update rollback successful. One or more resources could not be deleted.";
  setStatus(cloud, stack, "UPDATE_ROLLBACK_COMPLETE", reason);
}

async function rollBackRecord(run: Run, record: ResourceRecord): Promise<void> {
  const { cloud, stack, operation } = run;
  const { before, made } = record;
  // New ones go in the cleanup.
  if (before === null || before === undefined || made === undefined) return;
  if (operation.skip.includes(record.logicalId)) {
    record.made = before;
    record.skipped = true;
    setResourceStatus(cloud, stack, record, "UPDATE_COMPLETE");
    return;
  }
  if (before.physicalId !== made.physicalId) {
    operation.cleanup = [...(operation.cleanup ?? []), ...leftover(record, made, before)];
    record.made = before;
    record.type = before.type;
    setResourceStatus(cloud, stack, record, "UPDATE_COMPLETE");
    return;
  }
  const { physicalId: _, ...wanted } = before;
  await updateResource(run, record, made, wanted);
}

function leftover(record: ResourceRecord, made: Made | undefined, kept: Made | null | undefined): readonly Leftover[] {
  if (made === undefined || kept === undefined || kept?.physicalId === made.physicalId || record.before === undefined)
    return [];
  // Only what is new: a record that went back to what it was has nothing left over.
  if (kept === null && record.before !== null) return [];
  return [{ ...made, logicalId: record.logicalId }];
}

function leftoversOfSuccess(records: readonly ResourceRecord[], isWanted: (name: string) => boolean): Leftover[] {
  return records.flatMap((record): Leftover[] => {
    const { logicalId, made, before } = record;
    if (!isWanted(logicalId)) return made === undefined ? [] : [{ ...made, logicalId }];
    if (before === undefined || before === null || before.physicalId === made?.physicalId) return [];
    return [{ ...before, logicalId }];
  });
}
