import { randomUUID } from "node:crypto";
import { AwsFault, type Cloud } from "#sandbox/aws/cloud.ts";
import { changesBetween, isNoChange } from "#sandbox/aws/cloudformation/engine/changes.ts";
import { lookingContext } from "#sandbox/aws/cloudformation/engine/context.ts";
import type { ChangeSetRecord, StackRecord, ValidationRecord } from "#sandbox/aws/cloudformation/engine/model.ts";
import { pause } from "#sandbox/aws/cloudformation/engine/pause.ts";
import { nothingMade, type Plan, planOf } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { resourceType } from "#sandbox/aws/cloudformation/types/registry.ts";

/** What AWS says when there is nothing to do; clients know it by its beginning. */
export const NO_CHANGES =
  "The submitted information didn't contain changes. Submit different information to create a change set.";

/** How long AWS takes to compare a template with a stack. */
const COMPARING_MS = 4_000;

/** Works out what a change set would do, and what is wrong with it before anything is done. */
export async function finishChangeSet(cloud: Cloud, stack: StackRecord, changeSet: ChangeSetRecord): Promise<void> {
  changeSet.status = "CREATE_IN_PROGRESS";
  cloud.save(stack);
  await pause(cloud, COMPARING_MS);
  // Deleted in the meantime.
  if (!stack.changeSets.includes(changeSet)) return;
  try {
    const plan = planOf(stack, changeSet.target);
    changeSet.changes = changesBetween(cloud, stack, plan, changeSet.target);
    if (stack.status !== "REVIEW_IN_PROGRESS" && isNoChange(cloud, stack, plan, changeSet))
      fail(cloud, stack, changeSet, NO_CHANGES);
    else if (!validate(cloud, stack, plan, changeSet)) return;
    else {
      changeSet.status = "CREATE_COMPLETE";
      changeSet.executionStatus = "AVAILABLE";
    }
  } catch (error) {
    if (!(error instanceof AwsFault)) throw error;
    fail(cloud, stack, changeSet, error.message);
  }
  cloud.save(stack);
}

function fail(cloud: Cloud, stack: StackRecord, changeSet: ChangeSetRecord, reason: string): void {
  changeSet.status = "FAILED";
  changeSet.executionStatus = "UNAVAILABLE";
  changeSet.statusReason = reason;
  cloud.save(stack);
}

/** AWS's early validation: properties against the types' schemas, and names that are taken. */
function validate(cloud: Cloud, stack: StackRecord, plan: Plan, changeSet: ChangeSetRecord): boolean {
  const found = new Set<string>();
  const tell = (logicalId: string, type: string, name: ValidationRecord["name"], reason: string): void => {
    found.add(name === "PROPERTY_VALIDATION" ? "PropertyValidation" : "ResourceExistenceCheck");
    stack.events.push({
      id: randomUUID(),
      at: cloud.now().toISOString(),
      operationId: changeSet.id.split("/").at(-1) ?? "",
      operationType: "CREATE_CHANGESET",
      logicalId,
      physicalId: "",
      type,
      status: "FAILED",
      reason,
      validation: { changeSetId: changeSet.id, name, path: `/Resources/${logicalId}` },
    });
  };
  for (const [logicalId, { declaration }] of plan.graph) {
    const { properties, faults } = plan.properties(logicalId, nothingMade);
    for (const fault of faults) tell(logicalId, declaration.type, "PROPERTY_VALIDATION", fault);
    const type = resourceType(declaration.type);
    const name = type.nameOf(properties, stack);
    const isNew = changeSet.changes.some((change) => change.logicalId === logicalId && change.action === "Add");
    if (!isNew || name === undefined || faults.length > 0) continue;
    if (type.read(lookingContext(cloud, stack, logicalId), name, properties) === undefined) continue;
    const why = `Resource of type '${type.name}' with identifier '${name}' already exists.`;
    tell(logicalId, type.name, "NAME_CONFLICT_VALIDATION", why);
  }
  if (found.size === 0) return true;
  const names = [...found].map((name) => `AWS::EarlyValidation::${name}`).join(", ");
  fail(
    cloud,
    stack,
    changeSet,
    `The following hook(s)/validation failed: [${names}]. To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information.`,
  );
  return false;
}
