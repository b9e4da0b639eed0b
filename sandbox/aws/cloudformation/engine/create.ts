import { AwsFault } from "#sandbox/aws/cloud.ts";
import { setResourceStatus, setStatus } from "#sandbox/aws/cloudformation/engine/events.ts";
import type { Deployment, ResourceRecord, Wanted } from "#sandbox/aws/cloudformation/engine/model.ts";
import { type Plan, planOf } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { deleteAll } from "#sandbox/aws/cloudformation/engine/removal.ts";
import {
  createResource,
  reasonOf,
  resumeResource,
  stepBetween,
  updateResource,
} from "#sandbox/aws/cloudformation/engine/resources.ts";
import { findRecord, lookupOf, type Run, wantedOf } from "#sandbox/aws/cloudformation/engine/run.ts";
import { WorkFailed, walk } from "#sandbox/aws/cloudformation/engine/walk.ts";
import { resourceType } from "#sandbox/aws/cloudformation/types/registry.ts";

/** CREATE_IN_PROGRESS to its end. */
export async function create(run: Run, target: Deployment): Promise<void> {
  const { cloud, stack, operation } = run;
  const plan = planOf(stack, target);
  const failed = await bringAll(run, plan, target);
  // Cancelled by a deletion, which is the stack's operation now.
  if (stack.operation?.id !== operation.id) return;
  const why = failureOf(stack.resources, failed) ?? finishOutputs(run, plan);
  if (why === undefined) {
    stack.stable = target;
    for (const record of stack.resources) delete record.before;
    setStatus(cloud, stack, "CREATE_COMPLETE");
    return;
  }
  if (operation.onFailure === "DO_NOTHING") setStatus(cloud, stack, "CREATE_FAILED", why);
  else setStatus(cloud, stack, "ROLLBACK_IN_PROGRESS", `${why}Rollback requested by user.`);
}

/** ROLLBACK_IN_PROGRESS to its end: what has been made goes again. */
export async function rollBackCreation(run: Run): Promise<void> {
  const { cloud, stack } = run;
  const failed = await deleteAll(run);
  if (failed.length > 0) {
    setStatus(cloud, stack, "ROLLBACK_FAILED", `The following resource(s) failed to delete: [${failed.join(", ")}]. `);
  } else setStatus(cloud, stack, "ROLLBACK_COMPLETE");
}

/** Brings every resource of a plan to what it shall be. @returns those that failed */
export async function bringAll(run: Run, plan: Plan, target: Deployment): Promise<readonly string[]> {
  const { cancellation, operation } = run;
  // With rollback a failure is the end of all; without, what does not depend on it goes on.
  const isFinal = operation.onFailure !== "DO_NOTHING";
  return walk(
    plan.order,
    async (logicalId) => {
      try {
        await bring(run, plan, target, logicalId);
      } catch (error) {
        if (error instanceof WorkFailed && isFinal) cancellation.cancel();
        throw error;
      }
    },
    () => cancellation.requested(),
  );
}

async function bring(run: Run, plan: Plan, target: Deployment, logicalId: string): Promise<void> {
  const { cloud, stack } = run;
  const found = findRecord(stack, logicalId);
  const { type } = plan.node(logicalId).declaration;
  const record: ResourceRecord = found ?? {
    logicalId,
    type,
    status: "CREATE_IN_PROGRESS",
    changedAt: cloud.now().toISOString(),
    before: null,
  };
  if (found === undefined) stack.resources.push(record);
  const wanted = wantedOrFail(run, plan, target, record);
  const { made } = record;
  if (made === undefined) return createResource(run, record, wanted);
  const step = stepBetween(made, wanted);
  if (step === "nothing") {
    record.made = { ...wanted, physicalId: made.physicalId };
    if (record.status.endsWith("_COMPLETE")) return;
    return resumeResource(run, record, made);
  }
  if (record.before === undefined) record.before = made;
  if (step === "update") return updateResource(run, record, made, wanted);
  refuseTakenName(run, record, wanted);
  return createResource(
    run,
    record,
    wanted,
    "Requested update requires the creation of a new physical resource; hence creating one.",
  );
}

function wantedOrFail(run: Run, plan: Plan, target: Deployment, record: ResourceRecord): Wanted {
  try {
    return wantedOf(run, plan, target, record.logicalId);
  } catch (error) {
    const reason = reasonOf(error, record.type);
    const phase = record.made === undefined ? "CREATE" : "UPDATE";
    if (record.before === undefined && record.made !== undefined) record.before = record.made;
    setResourceStatus(run.cloud, run.stack, record, `${phase}_FAILED`, { reason });
    throw new WorkFailed(reason);
  }
}

/** A new resource beside the old one needs another name. */
function refuseTakenName(run: Run, record: ResourceRecord, wanted: Wanted): void {
  const { made } = record;
  const name = resourceType(wanted.type).nameOf(wanted.properties, run.stack);
  if (name === undefined || name !== made?.physicalId || made.type !== wanted.type) return;
  const reason = `CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename ${name} and update the stack again.`;
  setResourceStatus(run.cloud, run.stack, record, "UPDATE_FAILED", { reason, properties: wanted.properties });
  throw new WorkFailed(reason);
}

/** Gives a stack the outputs of its new deployment. @returns why it can't have them; undefined when it has */
export function finishOutputs(run: Run, plan: Plan): string | undefined {
  try {
    run.stack.outputs = plan.outputs(lookupOf(run));
    return undefined;
  } catch (error) {
    if (error instanceof AwsFault) return error.message;
    throw error;
  }
}

/** What failed, as the stack's status tells it; undefined when nothing did. */
export function failureOf(records: readonly ResourceRecord[], failed: readonly string[]): string | undefined {
  if (failed.length === 0) return undefined;
  const named = (status: string) =>
    records
      .filter((record) => failed.includes(record.logicalId) && record.status === status)
      .map(({ logicalId }) => logicalId);
  return (
    [
      ["create", named("CREATE_FAILED")],
      ["update", named("UPDATE_FAILED")],
    ] as const
  )
    .filter(([, names]) => names.length > 0)
    .map(([verb, names]) => `The following resource(s) failed to ${verb}: [${names.join(", ")}]. `)
    .join("");
}
