import { randomUUID } from "node:crypto";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import type { Request } from "#sandbox/aws/cloudformation/api/action.ts";
import { setStatus } from "#sandbox/aws/cloudformation/engine/events.ts";
import type { Operation, OperationType, StackRecord, StackStatus } from "#sandbox/aws/cloudformation/engine/model.ts";

/** Begins an operation on a stack: its first status, and all that follows behind the API. */
export function begin(
  { cloud, engine, caller }: Request,
  stack: StackRecord,
  status: StackStatus,
  options: Partial<Omit<Operation, "id" | "caller" | "token">> & {
    readonly type: OperationType;
    readonly token?: string | undefined;
  },
): Operation {
  const { token, ...rest } = options;
  const operation: Operation = {
    onFailure: "ROLLBACK",
    skip: [],
    ...rest,
    id: randomUUID(),
    caller,
    ...(token === undefined ? {} : { token }),
  };
  stack.operation = operation;
  stack.operations.unshift({ id: operation.id, type: operation.type });
  setStatus(cloud, stack, status, "User Initiated");
  engine.drive(stack);
  return operation;
}

/**
 * Whether a request is one that was heard already; then the answer is the same and nothing is done.
 *
 * @throws AwsFault TokenAlreadyExistsException for a token of something else
 */
export function isRepeated(stack: StackRecord, type: OperationType, token: string | undefined): boolean {
  if (token === undefined) return false;
  const found = stack.events.find((event) => event.token === token);
  if (found === undefined) return false;
  if (found.operationType === type) return true;
  throw new AwsFault("TokenAlreadyExistsException", `Token ${token} is already used in another operation`);
}
