import type { Cloud } from "#sandbox/aws/cloud.ts";
import type { Cancellation } from "#sandbox/aws/cloudformation/engine/cancellation.ts";
import { lookingContext } from "#sandbox/aws/cloudformation/engine/context.ts";
import { HandlerFault } from "#sandbox/aws/cloudformation/engine/faults.ts";
import type {
  Deployment,
  Operation,
  ResourceRecord,
  StackRecord,
  Wanted,
} from "#sandbox/aws/cloudformation/engine/model.ts";
import type { Lookup, Plan } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { resourceType } from "#sandbox/aws/cloudformation/types/registry.ts";
import { type Json, valueAt } from "#sandbox/json.ts";

/** One operation at work on one stack. */
export interface Run {
  readonly cloud: Cloud;
  readonly stack: StackRecord;
  readonly operation: Operation;
  readonly cancellation: Cancellation;
}

export function findRecord(stack: StackRecord, logicalId: string): ResourceRecord | undefined {
  return stack.resources.find((record) => record.logicalId === logicalId);
}

/** Ids and attributes of what the stack has made, read when they are asked for. */
export function lookupOf(run: Pick<Run, "cloud" | "stack">): Lookup {
  const madeOf = (logicalId: string) => {
    const record = findRecord(run.stack, logicalId);
    if (record?.made === undefined) throw new Error(`${logicalId} of ${run.stack.name} has not been made`);
    return record.made;
  };
  return {
    ref: (logicalId) => madeOf(logicalId).physicalId,
    attribute: (logicalId, name) => {
      const made = madeOf(logicalId);
      const context = lookingContext(run.cloud, run.stack, logicalId);
      const found = valueAt(
        resourceType(made.type).read(context, made.physicalId, made.properties),
        ...name.split("."),
      );
      if (found !== undefined) return found as Json;
      throw new HandlerFault(
        "NotFound",
        `Resource ${made.physicalId} of ${logicalId} has no attribute ${name}, or is gone`,
      );
    },
  };
}

/** What a plan wants of one resource, given what has been made before it. @throws AwsFault for wrong properties */
export function wantedOf(run: Run, plan: Plan, deployment: Deployment, logicalId: string): Wanted {
  const { declaration, needs } = plan.node(logicalId);
  const lookup = lookupOf(run);
  const { properties, faults } = plan.properties(logicalId, lookup);
  if (faults.length > 0) {
    const why = `Properties validation failed for resource ${logicalId} with message:\n${faults.join("\n")}`;
    throw new HandlerFault("ValidationError", why);
  }
  const metadata = plan.metadata(logicalId, lookup);
  return {
    type: declaration.type,
    properties,
    tags: resourceType(declaration.type).schema.tagProperty === undefined ? [] : deployment.tags,
    needs,
    deletionPolicy: declaration.deletionPolicy,
    updateReplacePolicy: declaration.updateReplacePolicy,
    ...(metadata === undefined ? {} : { metadata }),
  };
}
