import { randomUUID } from "node:crypto";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import {
  type Action,
  authorizeStack,
  checkName,
  newStack,
  page,
  tokenAt,
  wordAt,
} from "#sandbox/aws/cloudformation/api/action.ts";
import { findChangeSet, formatChangeSet, formatSummary } from "#sandbox/aws/cloudformation/api/change-set-format.ts";
import {
  deploymentContext,
  deploymentInputs,
  deploymentOf,
  emptyInputs,
  roleOf,
} from "#sandbox/aws/cloudformation/api/deployment.ts";
import { begin } from "#sandbox/aws/cloudformation/api/operation.ts";
import { checkTypesKept, checkUpdatable } from "#sandbox/aws/cloudformation/api/stacks.ts";
import { setStatus } from "#sandbox/aws/cloudformation/engine/events.ts";
import type { ChangeSetRecord, StackRecord } from "#sandbox/aws/cloudformation/engine/model.ts";
import { planOf } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { tryFindStack } from "#sandbox/aws/cloudformation/engine/stacks.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { booleanAt, listAt, textAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";

export const createChangeSet: Action = {
  inputs: [
    ...deploymentInputs,
    "ChangeSetName",
    "ChangeSetType",
    "ClientToken",
    "Description",
    "DisableValidation",
    "OnStackFailure",
    "ResourcesToImport",
  ],
  empty: emptyInputs,
  handle(request) {
    const { cloud, engine, account, region, input } = request;
    const stackName = textAt(input, "StackName");
    const name = textAt(input, "ChangeSetName");
    checkName("changeSetName", name, 128);
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
    const plan = planOf(cloud, place, target);
    if (existing !== undefined) checkTypesKept(existing, (one) => plan.graph.get(one)?.declaration.type);
    const roleArn = roleOf(request);
    const onStackFailure = wordAt("OnStackFailure", tryTextAt(input, "OnStackFailure"), [
      "DO_NOTHING",
      "ROLLBACK",
      "DELETE",
    ]);
    if (onStackFailure === "DELETE" && type !== "CREATE") {
      throw invalid("OnStackFailure DELETE can only be used with ChangeSetType CREATE");
    }
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
      type,
      createdAt: cloud.now().toISOString(),
      target,
      status: "CREATE_PENDING",
      executionStatus: "UNAVAILABLE",
      changes: [],
      skipValidation: booleanAt(input, "DisableValidation") ?? false,
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

export const describeChangeSet: Action = {
  inputs: ["ChangeSetName", "StackName", "IncludePropertyValues", "NextToken"],
  handle(request) {
    const { stack, changeSet } = findChangeSet(request);
    const withValues = booleanAt(request.input, "IncludePropertyValues") ?? false;
    const { items, next } = page(changeSet.changes, tryTextAt(request.input, "NextToken"));
    return formatChangeSet(stack, { ...changeSet, changes: [...items] }, withValues, next);
  },
};

export const executeChangeSet: Action = {
  inputs: ["ChangeSetName", "StackName", "ClientRequestToken", "DisableRollback", "RetainExceptOnCreate"],
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
    stack.retainExceptOnCreate = booleanAt(input, "RetainExceptOnCreate") ?? false;
    stack.updatedAt = cloud.now().toISOString();
    begin(request, stack, isNew ? "CREATE_IN_PROGRESS" : "UPDATE_IN_PROGRESS", {
      type: isNew ? "CREATE_STACK" : "UPDATE_STACK",
      token,
      target: changeSet.target,
      onFailure,
      retainExceptOnCreate: stack.retainExceptOnCreate,
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
    return { Summaries: items.map((changeSet) => formatSummary(stack, changeSet)), NextToken: next };
  },
};
