import { AwsFault } from "#sandbox/aws/cloud.ts";
import {
  type Action,
  authorizeStack,
  checkName,
  newStack,
  stackOf,
  tokenAt,
} from "#sandbox/aws/cloudformation/api/action.ts";
import {
  deploymentContext,
  deploymentInputs,
  deploymentOf,
  emptyInputs,
  roleOf,
} from "#sandbox/aws/cloudformation/api/deployment.ts";
import { begin, isRepeated } from "#sandbox/aws/cloudformation/api/operation.ts";
import { isInProgress } from "#sandbox/aws/cloudformation/engine/model.ts";
import { planOf } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { tryFindStack } from "#sandbox/aws/cloudformation/engine/stacks.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { booleanAt, textAt, textsAt } from "#sandbox/aws/protocol/query.ts";

export const createStack: Action = {
  inputs: [...deploymentInputs, "ClientRequestToken"],
  empty: emptyInputs,
  handle(request) {
    const { cloud, account, region, input } = request;
    const name = textAt(input, "StackName");
    checkName("stackName", name);
    authorizeStack(request, name, deploymentContext(request));
    const token = tokenAt(input, "ClientRequestToken");
    const existing = tryFindStack(cloud, account, region, name);
    if (existing !== undefined) {
      if (isRepeated(existing, "CREATE_STACK", token)) return { StackId: existing.id };
      throw new AwsFault("AlreadyExistsException", `Stack [${name}] already exists`);
    }
    const target = deploymentOf(request, undefined);
    planOf({ id: `arn:aws:cloudformation:${region}:${account}:stack/${name}/*`, name, account, region }, target);
    const roleArn = roleOf(request);
    const stack = newStack(request, name);
    stack.current = target;
    if (roleArn !== undefined) stack.roleArn = roleArn;
    const operation = begin(request, stack, "CREATE_IN_PROGRESS", { type: "CREATE_STACK", token, target });
    return { StackId: stack.id, OperationId: operation.id };
  },
};

export const deleteStack: Action = {
  inputs: ["StackName", "ClientRequestToken", "RoleARN"],
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
    // A creation is cancelled.
    if (isInProgress(stack.status) && stack.status !== "CREATE_IN_PROGRESS") {
      throw invalid(`Stack [${stack.name}] cannot be deleted while in status ${stack.status}`);
    }
    const roleArn = roleOf(request);
    if (roleArn !== undefined) stack.roleArn = roleArn;
    begin(request, stack, "DELETE_IN_PROGRESS", { type: "DELETE_STACK", token });
    return undefined;
  },
};

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

export const continueUpdateRollback: Action = {
  inputs: ["StackName", "ClientRequestToken", "ResourcesToSkip", "RoleARN"],
  handle(request) {
    const { input } = request;
    authorizeStack(request, textAt(input, "StackName"), deploymentContext(request));
    const stack = stackOf(request);
    const token = tokenAt(input, "ClientRequestToken");
    if (isRepeated(stack, "CONTINUE_ROLLBACK", token)) return {};
    if (stack.status !== "UPDATE_ROLLBACK_FAILED") {
      throw invalid(`Stack:${stack.id} is in ${stack.status} state and can not continue rolling back.`);
    }
    const skip = textsAt(input, "ResourcesToSkip");
    const wrong = skip.filter(
      (name) => !stack.resources.some((one) => one.logicalId === name && one.status === "UPDATE_FAILED"),
    );
    if (wrong.length > 0) {
      throw invalid(`The following resources to skip are not in the UPDATE_FAILED state: [${wrong.join(", ")}]`);
    }
    const roleArn = roleOf(request);
    if (roleArn !== undefined) stack.roleArn = roleArn;
    begin(request, stack, "UPDATE_ROLLBACK_IN_PROGRESS", { type: "CONTINUE_ROLLBACK", token, skip });
    return {};
  },
};

export const rollbackStack: Action = {
  inputs: ["StackName", "ClientRequestToken", "RoleARN"],
  handle(request) {
    authorizeStack(request, textAt(request.input, "StackName"), deploymentContext(request));
    const stack = stackOf(request);
    const token = tokenAt(request.input, "ClientRequestToken");
    if (isRepeated(stack, "ROLLBACK", token)) return { StackId: stack.id };
    if (stack.status !== "CREATE_FAILED" && stack.status !== "UPDATE_FAILED") {
      throw invalid(`Stack:${stack.id} is in ${stack.status} state and can not be rolled back.`);
    }
    const roleArn = roleOf(request);
    if (roleArn !== undefined) stack.roleArn = roleArn;
    const status = stack.stable === undefined ? "ROLLBACK_IN_PROGRESS" : "UPDATE_ROLLBACK_IN_PROGRESS";
    const operation = begin(request, stack, status, { type: "ROLLBACK", token });
    return { StackId: stack.id, OperationId: operation.id };
  },
};
