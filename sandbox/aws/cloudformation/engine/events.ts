import { randomUUID } from "node:crypto";
import type { Cloud } from "#sandbox/aws/cloud.ts";
import type {
  OperationType,
  ResourceRecord,
  ResourceStatus,
  StackRecord,
  StackStatus,
} from "#sandbox/aws/cloudformation/engine/model.ts";
import type { JsonObject } from "#sandbox/json.ts";

export const STACK_TYPE = "AWS::CloudFormation::Stack";

/** Moves a stack to a status, and tells it as an event. */
export function setStatus(cloud: Cloud, stack: StackRecord, status: StackStatus, reason?: string): void {
  stack.status = status;
  if (reason === undefined) delete stack.statusReason;
  else stack.statusReason = reason;
  stack.events.push({
    ...headOf(cloud, stack),
    id: randomUUID(),
    logicalId: stack.name,
    physicalId: stack.id,
    type: STACK_TYPE,
    status,
    ...(reason === undefined ? {} : { reason }),
  });
  cloud.save(stack);
}

/** Moves a resource to a status, and tells it as an event. */
export function setResourceStatus(
  cloud: Cloud,
  stack: StackRecord,
  record: ResourceRecord,
  status: ResourceStatus,
  options: { readonly reason?: string; readonly properties?: JsonObject; readonly physicalId?: string } = {},
): void {
  const { reason, properties = record.made?.properties, physicalId = record.made?.physicalId ?? "" } = options;
  record.status = status;
  record.changedAt = cloud.now().toISOString();
  if (reason === undefined) delete record.reason;
  else record.reason = reason;
  addResourceEvent(cloud, stack, {
    logicalId: record.logicalId,
    type: record.type,
    status,
    physicalId,
    ...(reason === undefined ? {} : { reason }),
    ...(properties === undefined ? {} : { properties }),
  });
}

/** An event of something that the stack no longer holds, such as what a replacement leaves over. */
export function addResourceEvent(
  cloud: Cloud,
  stack: StackRecord,
  event: {
    readonly logicalId: string;
    readonly type: string;
    readonly status: ResourceStatus;
    readonly physicalId: string;
    readonly reason?: string;
    readonly properties?: JsonObject;
  },
): void {
  const { properties, ...rest } = event;
  const head = headOf(cloud, stack);
  stack.events.push({
    ...head,
    ...rest,
    id: `${event.logicalId}-${event.status}-${head.at}`,
    ...(properties === undefined ? {} : { properties: JSON.stringify(properties) }),
  });
  cloud.save(stack);
}

function headOf(
  cloud: Cloud,
  stack: StackRecord,
): { at: string; operationId: string; operationType: OperationType; token?: string } {
  const { operation } = stack;
  const [last] = stack.operations;
  return {
    at: cloud.now().toISOString(),
    operationId: operation?.id ?? last?.id ?? "",
    operationType: operation?.type ?? last?.type ?? "CREATE_CHANGESET",
    ...(operation?.token === undefined ? {} : { token: operation.token }),
  };
}
