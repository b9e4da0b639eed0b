import { randomUUID } from "node:crypto";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import {
  type Action,
  authorizeStack,
  checkName,
  newStack,
  page,
  type Request,
  stackArn,
  tokenAt,
  wordAt,
} from "#sandbox/aws/cloudformation/api/action.ts";
import {
  deploymentContext,
  deploymentInputs,
  deploymentOf,
  emptyInputs,
  roleOf,
} from "#sandbox/aws/cloudformation/api/deployment.ts";
import { formatChangeSet, formatChangeSetSummary, formatValidation } from "#sandbox/aws/cloudformation/api/format.ts";
import { begin } from "#sandbox/aws/cloudformation/api/operation.ts";
import { setStatus } from "#sandbox/aws/cloudformation/engine/events.ts";
import type { ChangeSetRecord, StackRecord } from "#sandbox/aws/cloudformation/engine/model.ts";
import { type Plan, planOf } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { stacksOf, tryFindStack } from "#sandbox/aws/cloudformation/engine/stacks.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { booleanAt, listAt, textAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";

export const createChangeSet: Action = {
  inputs: [
    ...deploymentInputs,
    "ChangeSetName",
    "ChangeSetType",
    "ClientToken",
    "Description",
    "OnStackFailure",
    "ResourcesToImport",
  ],
  empty: emptyInputs,
  handle(request) {
    const { cloud, engine, account, region, input } = request;
    const stackName = textAt(input, "StackName");
    const name = textAt(input, "ChangeSetName");
    checkName("changeSetName", name);
    authorizeStack(request, stackName, deploymentContext(request));
    const type = wordAt("ChangeSetType", tryTextAt(input, "ChangeSetType"), ["CREATE", "UPDATE", "IMPORT"]) ?? "UPDATE";
    if (type === "IMPORT" || listAt(input, "ResourcesToImport").length > 0)
      throw invalid("This sandbox does not import resources");
    const existing = tryFindStack(cloud, account, region, stackName);
    const token = tokenAt(input, "ClientToken");
    const same = existing?.changeSets.find((one) => one.name === name);
    if (existing !== undefined && same !== undefined) {
      if (token !== undefined && same.token === token) return { Id: same.id, StackId: existing.id };
      throw new AwsFault("AlreadyExistsException", `ChangeSet ${same.id} already exists`);
    }
    checkType(type, existing, stackName, name);
    const target = deploymentOf(request, existing);
    const place = existing ?? {
      id: `arn:aws:cloudformation:${region}:${account}:stack/${stackName}/*`,
      name: stackName,
      account,
      region,
    };
    const plan = planOf(place, target);
    if (existing !== undefined) checkTypesKept(existing, plan);
    const roleArn = roleOf(request);
    const onStackFailure = wordAt("OnStackFailure", tryTextAt(input, "OnStackFailure"), ["DO_NOTHING", "ROLLBACK"]);
    const stack = existing ?? newStack(request, stackName);
    const description = tryTextAt(input, "Description");
    const id = `arn:aws:cloudformation:${region}:${account}:changeSet/${name}/${randomUUID()}`;
    if (existing === undefined) {
      stack.operations.unshift({ id: id.split("/").at(-1) ?? "", type: "CREATE_CHANGESET" });
      setStatus(cloud, stack, "REVIEW_IN_PROGRESS", "User Initiated");
    }
    const changeSet: ChangeSetRecord = {
      id,
      name,
      createdAt: cloud.now().toISOString(),
      target,
      status: "CREATE_PENDING",
      executionStatus: "UNAVAILABLE",
      changes: [],
      ...(description === undefined ? {} : { description }),
      ...(roleArn === undefined ? {} : { roleArn }),
      ...(token === undefined ? {} : { token }),
      ...(onStackFailure === undefined ? {} : { onStackFailure }),
    };
    stack.changeSets.push(changeSet);
    cloud.save(stack);
    engine.fillChangeSet(stack, changeSet);
    return { Id: id, StackId: stack.id };
  },
};

function checkType(
  type: "CREATE" | "UPDATE",
  existing: StackRecord | undefined,
  stackName: string,
  name: string,
): void {
  if (type === "CREATE") {
    if (existing === undefined || existing.status === "REVIEW_IN_PROGRESS") return;
    throw invalid(`Stack [${stackName}] already exists and cannot be created again with the changeSet [${name}].`);
  }
  if (existing === undefined) throw invalid(`Stack [${stackName}] does not exist`);
  checkUpdatable(existing, true);
}

/** @throws AwsFault ValidationError for a stack in a state that no update leads out of */
function checkUpdatable(stack: StackRecord, disableRollback: boolean): void {
  switch (stack.status) {
    case "CREATE_COMPLETE":
    case "UPDATE_COMPLETE":
    case "UPDATE_ROLLBACK_COMPLETE":
      return;
    case "CREATE_FAILED":
    case "UPDATE_FAILED":
      if (disableRollback) return;
      throw invalid(
        `This stack is currently in a non-terminal [${stack.status}] state. To update the stack from this state, please use the disable-rollback parameter with update-stack API. To rollback to the last known good state, use the rollback-stack API`,
      );
    default:
      throw invalid(`Stack:${stack.id} is in ${stack.status} state and can not be updated.`);
  }
}

/** @throws AwsFault ValidationError */
function checkTypesKept(stack: StackRecord, { graph }: Plan): void {
  const changed = stack.resources
    .filter(
      ({ logicalId, made }) =>
        made !== undefined && (graph.get(logicalId)?.declaration.type ?? made.type) !== made.type,
    )
    .map(({ logicalId }) => logicalId);
  if (changed.length === 0) return;
  throw invalid(
    `Update of resource type is not permitted. The new template modifies resource type of the following resources: [${changed.join(", ")}]`,
  );
}

/** By the change set's ARN, or by its name and its stack. @throws AwsFault ChangeSetNotFound, ValidationError */
function findChangeSet(request: Request): { readonly stack: StackRecord; readonly changeSet: ChangeSetRecord } {
  const { cloud, account, region, input } = request;
  const name = textAt(input, "ChangeSetName");
  const stackName = tryTextAt(input, "StackName");
  if (stackName === undefined && !name.startsWith("arn:")) {
    throw invalid("StackName must be specified if ChangeSetName is not specified as an ARN.");
  }
  const holder =
    stackName === undefined
      ? stacksOf(cloud, account, region).stacks.find(({ changeSets }) => changeSets.some(({ id }) => id === name))
      : tryFindStack(cloud, account, region, stackName);
  // Decided on the stack where the caller names it, on the change set where it names nothing else.
  authorizeStack(request, stackName === undefined ? name : stackArn(request, stackName), {
    "cloudformation:ChangeSetName": name,
  });
  if (stackName !== undefined && holder === undefined) throw invalid(`Stack [${stackName}] does not exist`);
  const changeSet = holder?.changeSets.find((one) => one.id === name || one.name === name);
  if (holder === undefined || changeSet === undefined) {
    throw new AwsFault("ChangeSetNotFound", `ChangeSet [${name}] does not exist`, 404);
  }
  return { stack: holder, changeSet };
}

export const describeChangeSet: Action = {
  inputs: ["ChangeSetName", "StackName", "NextToken"],
  handle(request) {
    const { stack, changeSet } = findChangeSet(request);
    const { items, next } = page(changeSet.changes, tryTextAt(request.input, "NextToken"));
    return formatChangeSet(stack, { ...changeSet, changes: [...items] }, next);
  },
};

/** What the early validation of a change set has found. */
export const describeEvents: Action = {
  inputs: ["ChangeSetName", "StackName", "Filters", "NextToken"],
  handle(request) {
    const { stack, changeSet } = findChangeSet(request);
    // All of them are failures, whether the filter asks for these or not.
    const found = stack.events.filter(({ validation }) => validation?.changeSetId === changeSet.id).toReversed();
    const { items, next } = page(found, tryTextAt(request.input, "NextToken"));
    return { OperationEvents: items.map((event) => formatValidation(stack, event)), NextToken: next };
  },
};

export const executeChangeSet: Action = {
  inputs: ["ChangeSetName", "StackName", "ClientRequestToken", "DisableRollback"],
  handle(request) {
    const { cloud, input } = request;
    const { stack, changeSet } = findChangeSet(request);
    const token = tokenAt(input, "ClientRequestToken");
    if (
      token !== undefined &&
      changeSet.executionStatus !== "AVAILABLE" &&
      stack.events.some((event) => event.token === token)
    )
      return {};
    if (changeSet.status !== "CREATE_COMPLETE") {
      throw new AwsFault(
        "InvalidChangeSetStatus",
        `ChangeSet [${changeSet.id}] cannot be executed in its current status of [${changeSet.status}]`,
      );
    }
    if (changeSet.executionStatus !== "AVAILABLE") {
      throw new AwsFault(
        "InvalidChangeSetStatus",
        `ChangeSet [${changeSet.id}] cannot be executed in its current execution status of [${changeSet.executionStatus}]`,
      );
    }
    const disableRollback = booleanAt(input, "DisableRollback");
    if (disableRollback !== undefined && changeSet.onStackFailure !== undefined) {
      throw invalid("DisableRollback can't be specified for a change set that has OnStackFailure");
    }
    const isNew = stack.status === "REVIEW_IN_PROGRESS";
    const onFailure = changeSet.onStackFailure ?? (disableRollback === true ? "DO_NOTHING" : "ROLLBACK");
    if (!isNew) checkUpdatable(stack, onFailure === "DO_NOTHING");
    // The others were worked out for a stack that will be another one.
    stack.changeSets = [changeSet];
    changeSet.executionStatus = "EXECUTE_IN_PROGRESS";
    if (changeSet.roleArn !== undefined) stack.roleArn = changeSet.roleArn;
    stack.current = changeSet.target;
    stack.changeSetId = changeSet.id;
    stack.disableRollback = onFailure === "DO_NOTHING";
    stack.updatedAt = cloud.now().toISOString();
    begin(request, stack, isNew ? "CREATE_IN_PROGRESS" : "UPDATE_IN_PROGRESS", {
      type: isNew ? "CREATE_STACK" : "UPDATE_STACK",
      token,
      target: changeSet.target,
      onFailure,
    });
    return {};
  },
};

export const deleteChangeSet: Action = {
  inputs: ["ChangeSetName", "StackName"],
  handle(request) {
    const { cloud } = request;
    let found: { readonly stack: StackRecord; readonly changeSet: ChangeSetRecord };
    try {
      found = findChangeSet(request);
    } catch (error) {
      // What is gone already is no fault, as long as the stack is there.
      if (error instanceof AwsFault && error.code === "ChangeSetNotFound") return {};
      throw error;
    }
    const { stack, changeSet } = found;
    if (changeSet.executionStatus === "EXECUTE_IN_PROGRESS" && stack.operation !== undefined) {
      throw new AwsFault(
        "InvalidChangeSetStatus",
        `The change set [${changeSet.id}] cannot be deleted while it is executed`,
      );
    }
    stack.changeSets = stack.changeSets.filter((one) => one !== changeSet);
    cloud.save(stack);
    return {};
  },
};

export const listChangeSets: Action = {
  inputs: ["StackName", "NextToken"],
  handle(request) {
    const { cloud, account, region, input } = request;
    const name = textAt(input, "StackName");
    authorizeStack(request, name);
    const stack = tryFindStack(cloud, account, region, name);
    if (stack === undefined) throw invalid(`Stack [${name}] does not exist`);
    const { items, next } = page(stack.changeSets.toReversed(), tryTextAt(input, "NextToken"));
    return { Summaries: items.map((changeSet) => formatChangeSetSummary(stack, changeSet)), NextToken: next };
  },
};
