import { AwsFault } from "#sandbox/aws/cloud.ts";
import {
  type Action,
  authorizeStack,
  checkName,
  newStack,
  stackOf,
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
import { begin, isRepeated } from "#sandbox/aws/cloudformation/api/operation.ts";
import { changesBetween, isNoChange } from "#sandbox/aws/cloudformation/engine/changes.ts";
import { isInProgress, type StackRecord } from "#sandbox/aws/cloudformation/engine/model.ts";
import { planOf } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { tryFindStack } from "#sandbox/aws/cloudformation/engine/stacks.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { booleanAt, textAt, textsAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";

export const createStack: Action = {
  inputs: [
    ...deploymentInputs,
    "ClientRequestToken",
    "DisableRollback",
    "EnableTerminationProtection",
    "OnFailure",
    "RetainExceptOnCreate",
  ],
  empty: emptyInputs,
  handle(request) {
    const { cloud, account, region, input } = request;
    const name = textAt(input, "StackName");
    checkName("stackName", name, 128);
    authorizeStack(request, name, deploymentContext(request));
    const token = tokenAt(input, "ClientRequestToken");
    const existing = tryFindStack(cloud, account, region, name);
    if (existing !== undefined) {
      if (isRepeated(existing, "CREATE_STACK", token)) return { StackId: existing.id };
      throw new AwsFault("AlreadyExistsException", `Stack [${name}] already exists`);
    }
    const disableRollback = booleanAt(input, "DisableRollback");
    const onFailure = wordAt("OnFailure", tryTextAt(input, "OnFailure"), ["DO_NOTHING", "ROLLBACK", "DELETE"]);
    if (disableRollback !== undefined && onFailure !== undefined) {
      throw invalid("You can specify only one of DisableRollback or OnFailure.");
    }
    const target = deploymentOf(request, undefined);
    const place = { id: `arn:aws:cloudformation:${region}:${account}:stack/${name}/*`, name, account, region };
    planOf(cloud, place, target);
    const roleArn = roleOf(request);
    const stack = newStack(request, name);
    stack.current = target;
    stack.terminationProtection = booleanAt(input, "EnableTerminationProtection") ?? false;
    stack.disableRollback = disableRollback === true || onFailure === "DO_NOTHING";
    stack.retainExceptOnCreate = booleanAt(input, "RetainExceptOnCreate") ?? false;
    if (roleArn !== undefined) stack.roleArn = roleArn;
    const operation = begin(request, stack, "CREATE_IN_PROGRESS", {
      type: "CREATE_STACK",
      token,
      target,
      onFailure: stack.disableRollback ? "DO_NOTHING" : (onFailure ?? "ROLLBACK"),
      retainExceptOnCreate: stack.retainExceptOnCreate,
    });
    return { StackId: stack.id, OperationId: operation.id };
  },
};

export const updateStack: Action = {
  inputs: [...deploymentInputs, "ClientRequestToken", "DisableRollback", "RetainExceptOnCreate"],
  empty: emptyInputs,
  handle(request) {
    const { cloud, input } = request;
    authorizeStack(request, textAt(input, "StackName"), deploymentContext(request));
    const stack = stackOf(request, (name) => invalid(`Stack [${name}] does not exist`));
    const token = tokenAt(input, "ClientRequestToken");
    if (isRepeated(stack, "UPDATE_STACK", token)) return { StackId: stack.id };
    const disableRollback = booleanAt(input, "DisableRollback") ?? false;
    checkUpdatable(stack, disableRollback);
    const target = deploymentOf(request, stack);
    const plan = planOf(cloud, stack, target);
    checkTypesKept(stack, (name) => plan.graph.get(name)?.declaration.type);
    const changes = changesBetween(cloud, stack, plan, target);
    const isWhole = !stack.resources.some(({ status }) => status.endsWith("_FAILED"));
    if (isWhole && isNoChange(cloud, stack, plan, { changes, target })) {
      throw invalid("No updates are to be performed.");
    }
    const roleArn = roleOf(request);
    if (roleArn !== undefined) stack.roleArn = roleArn;
    stack.current = target;
    stack.disableRollback = disableRollback;
    stack.retainExceptOnCreate = booleanAt(input, "RetainExceptOnCreate") ?? false;
    stack.updatedAt = cloud.now().toISOString();
    const operation = begin(request, stack, "UPDATE_IN_PROGRESS", {
      type: "UPDATE_STACK",
      token,
      target,
      onFailure: disableRollback ? "DO_NOTHING" : "ROLLBACK",
      retainExceptOnCreate: stack.retainExceptOnCreate,
    });
    return { StackId: stack.id, OperationId: operation.id };
  },
};

/** @throws AwsFault ValidationError for a stack in a state that no update leads out of */
export function checkUpdatable(stack: StackRecord, disableRollback: boolean): void {
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
export function checkTypesKept(stack: StackRecord, typeOf: (logicalId: string) => string | undefined): void {
  const changed = stack.resources
    .filter(({ logicalId, made }) => made !== undefined && (typeOf(logicalId) ?? made.type) !== made.type)
    .map(({ logicalId }) => logicalId);
  if (changed.length === 0) return;
  throw invalid(
    `Update of resource type is not permitted. The new template modifies resource type of the following resources: [${changed.join(", ")}]`,
  );
}

export const deleteStack: Action = {
  inputs: ["StackName", "ClientRequestToken", "DeletionMode", "RetainResources", "RoleARN"],
  handle(request) {
    const { cloud, account, region, input } = request;
    const name = textAt(input, "StackName");
    authorizeStack(request, name, deploymentContext(request));
    const stack = tryFindStack(cloud, account, region, name);
    if (stack === undefined || stack.status === "DELETE_COMPLETE" || stack.status === "DELETE_IN_PROGRESS")
      return undefined;
    const token = tokenAt(input, "ClientRequestToken");
    if (isRepeated(stack, "DELETE_STACK", token)) return undefined;
    if (stack.terminationProtection) {
      throw invalid(`Stack [${stack.name}] cannot be deleted while TerminationProtection is enabled`);
    }
    if (isInProgress(stack.status) && stack.status !== "CREATE_IN_PROGRESS") {
      throw invalid(`Stack [${stack.name}] cannot be deleted while in status ${stack.status}`);
    }
    const retain = textsAt(input, "RetainResources");
    checkRetained(stack, retain);
    const mode = wordAt("DeletionMode", tryTextAt(input, "DeletionMode"), ["STANDARD", "FORCE_DELETE_STACK"]);
    if (mode === "FORCE_DELETE_STACK" && stack.status !== "DELETE_FAILED") {
      throw invalid(
        `Invalid operation on stack [${stack.name}]. Stack must be in DELETE_FAILED state to use FORCE_DELETE_STACK.`,
      );
    }
    const roleArn = roleOf(request);
    if (roleArn !== undefined) stack.roleArn = roleArn;
    if (mode !== undefined) stack.deletionMode = mode;
    begin(request, stack, "DELETE_IN_PROGRESS", {
      type: "DELETE_STACK",
      token,
      retain,
      force: mode === "FORCE_DELETE_STACK",
      before: stack.status,
    });
    return undefined;
  },
};

function checkRetained(stack: StackRecord, retain: readonly string[]): void {
  if (retain.length === 0) return;
  if (stack.status !== "DELETE_FAILED") {
    throw invalid(
      `Invalid operation on stack [${stack.id}]. The specified operation can only be performed on a stack in the DELETE_FAILED state. RetainResources can't be used in ${stack.status}.`,
    );
  }
  const wrong = retain.filter(
    (name) => !stack.resources.some((one) => one.logicalId === name && one.status === "DELETE_FAILED"),
  );
  if (wrong.length > 0) {
    throw invalid(
      `The specified resources to retain must be in a valid state. Do not specify resources that are in the DELETE_COMPLETE state: [${wrong.join(", ")}]`,
    );
  }
}

export const updateTerminationProtection: Action = {
  inputs: ["StackName", "EnableTerminationProtection"],
  handle(request) {
    const stack = stackOf(request);
    if (stack.status === "DELETE_COMPLETE" || stack.status === "DELETE_IN_PROGRESS") {
      throw invalid(`Stack [${stack.name}] is in ${stack.status} state: termination protection can't be changed`);
    }
    const wanted = booleanAt(request.input, "EnableTerminationProtection");
    if (wanted === undefined) throw invalid("EnableTerminationProtection must be specified");
    stack.terminationProtection = wanted;
    request.cloud.save(stack);
    return { StackId: stack.id };
  },
};
