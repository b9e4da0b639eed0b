import { AwsFault } from "#sandbox/aws/cloud.ts";
import { Cancelled } from "#sandbox/aws/cloudformation/engine/cancellation.ts";
import { contextOf } from "#sandbox/aws/cloudformation/engine/context.ts";
import { setResourceStatus } from "#sandbox/aws/cloudformation/engine/events.ts";
import { alreadyExists, HandlerFault, handlerMessage } from "#sandbox/aws/cloudformation/engine/faults.ts";
import type { Made, ResourceRecord, Wanted } from "#sandbox/aws/cloudformation/engine/model.ts";
import { pause } from "#sandbox/aws/cloudformation/engine/pause.ts";
import { same } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { replacementOf } from "#sandbox/aws/cloudformation/engine/replacement.ts";
import type { Run } from "#sandbox/aws/cloudformation/engine/run.ts";
import { WorkFailed } from "#sandbox/aws/cloudformation/engine/walk.ts";
import { resourceType } from "#sandbox/aws/cloudformation/types/registry.ts";
import type { ResourceContext } from "#sandbox/aws/cloudformation/types/type.ts";

/** Makes a resource that is not there, or one beside the old that it replaces. @throws WorkFailed */
export async function createResource(run: Run, record: ResourceRecord, wanted: Wanted, reason?: string): Promise<void> {
  const phase = reason === undefined ? "CREATE" : "UPDATE";
  await attempt(run, record, phase, "creation", wanted, async () => {
    const { cloud, stack } = run;
    const type = resourceType(wanted.type);
    setResourceStatus(cloud, stack, record, `${phase}_IN_PROGRESS`, {
      ...(reason === undefined ? {} : { reason }),
      properties: wanted.properties,
      physicalId: reason === undefined ? "" : (record.made?.physicalId ?? ""),
    });
    const context = contextFor(run, record, wanted, (physicalId) => {
      record.made = { ...wanted, physicalId };
      record.type = wanted.type;
    });
    checkName(context, wanted);
    const made = type.create(context, wanted.properties);
    // Without a wait where there need be none: what was made and the record of it belong together.
    record.made = { ...wanted, physicalId: typeof made === "string" ? made : await made };
    record.type = wanted.type;
    setResourceStatus(cloud, stack, record, `${phase}_IN_PROGRESS`, { reason: "Resource creation Initiated" });
    await settle(run, record, "create");
    setResourceStatus(cloud, stack, record, `${phase}_COMPLETE`);
  });
}

/** Changes a resource in place. @throws WorkFailed */
export async function updateResource(run: Run, record: ResourceRecord, made: Made, wanted: Wanted): Promise<void> {
  await attempt(run, record, "UPDATE", "update", wanted, async () => {
    const { cloud, stack } = run;
    setResourceStatus(cloud, stack, record, "UPDATE_IN_PROGRESS", { properties: wanted.properties });
    const context = contextFor(run, record, wanted);
    const done = resourceType(wanted.type).update(context, made.physicalId, wanted.properties, made.properties);
    if (done !== undefined) await done;
    record.made = { ...wanted, physicalId: made.physicalId };
    cloud.save(run.stack);
    await settle(run, record, "update");
    setResourceStatus(cloud, stack, record, "UPDATE_COMPLETE");
  });
}

/** Waits for a resource that was in progress when the sandbox was last stopped, or called off. @throws WorkFailed */
export async function resumeResource(run: Run, record: ResourceRecord, made: Made): Promise<void> {
  const phase = record.status.startsWith("CREATE") ? "CREATE" : "UPDATE";
  await attempt(run, record, phase, phase === "CREATE" ? "creation" : "update", made, async () => {
    setResourceStatus(run.cloud, run.stack, record, `${phase}_IN_PROGRESS`);
    await settle(run, record, phase === "CREATE" ? "create" : "update");
    setResourceStatus(run.cloud, run.stack, record, `${phase}_COMPLETE`);
  });
}

async function settle(run: Run, record: ResourceRecord, operation: "create" | "update"): Promise<void> {
  const { made } = record;
  if (made === undefined) return;
  const type = resourceType(made.type);
  const context = contextFor(run, record, made);
  const wait = async (): Promise<void> => {
    await pause(run.cloud, type.seconds[operation] * 1_000);
    await type.settle?.(context, made.physicalId, operation);
  };
  await run.cancellation.race(wait());
}

function contextFor(
  run: Run,
  record: ResourceRecord,
  thing: Wanted,
  began?: (physicalId: string) => void,
): ResourceContext {
  return contextOf(run.cloud, run.stack, record.logicalId, thing.type, thing.tags, began);
}

/** A name that is taken is refused before anything is tried, so that a rollback never removes what is somebody else's. */
function checkName(context: ResourceContext, wanted: Wanted): void {
  const type = resourceType(wanted.type);
  const name = type.nameOf(wanted.properties, context);
  if (name !== undefined && type.read(context, name, wanted.properties) !== undefined)
    throw alreadyExists(type.name, name);
}

async function attempt(
  run: Run,
  record: ResourceRecord,
  phase: "CREATE" | "UPDATE",
  noun: string,
  wanted: Wanted,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const reason = error instanceof Cancelled ? `Resource ${noun} cancelled` : reasonOf(error, wanted.type);
    setResourceStatus(run.cloud, run.stack, record, `${phase}_FAILED`, { reason, properties: wanted.properties });
    throw new WorkFailed(reason);
  }
}

/** Why something failed, as an event tells it. What no service said is a fault of the sandbox, and told as such. */
export function reasonOf(error: unknown, type: string): string {
  if (error instanceof HandlerFault && error.code === "ValidationError") return error.message;
  if (error instanceof AwsFault) return handlerMessage(error, type);
  return `Internal Failure of the sandbox: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

/** What has to be done to come from one to the other. */
export function stepBetween(made: Made, wanted: Wanted): "nothing" | "update" | "replace" {
  const isSame = same(made.properties, wanted.properties) && same(made.tags, wanted.tags);
  if (isSame && made.type === wanted.type) return "nothing";
  if (made.type !== wanted.type) return "replace";
  const type = resourceType(wanted.type);
  const isTagged = type.schema.tagProperty !== undefined;
  if (same(made.properties, wanted.properties) && !isTagged) return "nothing";
  return replacementOf(type, made.properties, wanted.properties) === "none" ? "update" : "replace";
}
