import { type Action, authorizeStack, stackOf, tokenAt } from "#sandbox/aws/cloudformation/api/action.ts";
import { deploymentContext, roleOf } from "#sandbox/aws/cloudformation/api/deployment.ts";
import { begin, isRepeated } from "#sandbox/aws/cloudformation/api/operation.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { booleanAt, textAt, textsAt } from "#sandbox/aws/protocol/query.ts";

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
  inputs: ["StackName", "ClientRequestToken", "RetainExceptOnCreate", "RoleARN"],
  handle(request) {
    const { input } = request;
    authorizeStack(request, textAt(input, "StackName"), deploymentContext(request));
    const stack = stackOf(request);
    const token = tokenAt(input, "ClientRequestToken");
    if (isRepeated(stack, "ROLLBACK", token)) return { StackId: stack.id };
    if (stack.status !== "CREATE_FAILED" && stack.status !== "UPDATE_FAILED") {
      throw invalid(`Stack:${stack.id} is in ${stack.status} state and can not be rolled back.`);
    }
    const roleArn = roleOf(request);
    if (roleArn !== undefined) stack.roleArn = roleArn;
    const status = stack.stable === undefined ? "ROLLBACK_IN_PROGRESS" : "UPDATE_ROLLBACK_IN_PROGRESS";
    const operation = begin(request, stack, status, {
      type: "ROLLBACK",
      token,
      retainExceptOnCreate: booleanAt(input, "RetainExceptOnCreate") ?? false,
    });
    return { StackId: stack.id, OperationId: operation.id };
  },
};

export const cancelUpdateStack: Action = {
  inputs: ["StackName", "ClientRequestToken"],
  handle(request) {
    const { cloud, engine, input } = request;
    const stack = stackOf(request, (name) => invalid(`Stack [${name}] does not exist`));
    const token = tokenAt(input, "ClientRequestToken");
    const { operation } = stack;
    if (stack.status !== "UPDATE_IN_PROGRESS" || operation === undefined) {
      throw invalid("CancelUpdateStack cannot be called from current stack status");
    }
    if (isRepeated(stack, "UPDATE_STACK", token)) return undefined;
    operation.cancelled = true;
    cloud.save(stack);
    engine.interrupt(stack);
    return undefined;
  },
};
