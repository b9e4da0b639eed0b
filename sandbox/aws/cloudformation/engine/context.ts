import { createHash } from "node:crypto";
import { AwsFault, type Caller, type Cloud } from "#sandbox/aws/cloud.ts";
import { HandlerFault } from "#sandbox/aws/cloudformation/engine/faults.ts";
import type { StackRecord } from "#sandbox/aws/cloudformation/engine/model.ts";
import { resourceType } from "#sandbox/aws/cloudformation/types/registry.ts";
import type { ResourceContext, Tag } from "#sandbox/aws/cloudformation/types/type.ts";

type Place = Pick<StackRecord, "account" | "region" | "id" | "name">;

/** With what a resource of a stack is handled. @throws AwsFault when the stack's role can't be assumed */
export function contextOf(
  cloud: Cloud,
  stack: StackRecord,
  logicalId: string,
  type: string,
  tags: readonly Tag[],
  began: (physicalId: string) => void = () => {},
): ResourceContext {
  const caller = callerOf(cloud, stack);
  return {
    ...lookingContext(cloud, stack, logicalId),
    caller,
    tags: allTags(stack, logicalId, type, tags),
    allow: (action, resource, context = {}) =>
      cloud.authorize(caller, action, resource, {
        ...context,
        // A service's own role acts by itself; else it is the caller, by way of CloudFormation.
        ...(stack.roleArn === undefined ? { "aws:CalledVia": ["cloudformation.amazonaws.com"] } : {}),
      }),
    began,
    generateName: (limit) => generateName(stack, logicalId, limit),
  };
}

/** For reading alone, which asks nobody for leave. */
export function lookingContext(cloud: Cloud, stack: Place, logicalId: string): ResourceContext {
  const refuse = (): never => {
    throw new Error(`${stack.name}: nobody is at work on ${logicalId}`);
  };
  const arn = `arn:aws:iam::${stack.account}:root`;
  return {
    cloud,
    account: stack.account,
    region: stack.region,
    caller: { account: stack.account, arn, principal: arn, context: {} },
    stackId: stack.id,
    stackName: stack.name,
    logicalId,
    tags: [],
    allow: refuse,
    began: refuse,
    generateName: refuse,
  };
}

function allTags(stack: Place, logicalId: string, type: string, tags: readonly Tag[]): readonly Tag[] {
  const { schema } = resourceType(type);
  if (schema.tagProperty === undefined) return [];
  if (!schema.systemTags) return tags;
  return [
    ...tags,
    { Key: "aws:cloudformation:stack-name", Value: stack.name },
    { Key: "aws:cloudformation:logical-id", Value: logicalId },
    { Key: "aws:cloudformation:stack-id", Value: stack.id },
  ];
}

function callerOf(cloud: Cloud, stack: StackRecord): Caller {
  const { roleArn, operation } = stack;
  if (roleArn !== undefined) return assumeRole(cloud, roleArn);
  if (operation === undefined) throw new Error(`${stack.name}: nobody is at work on it`);
  return operation.caller;
}

/** @throws AwsFault ValidationError in CloudFormation's words */
export function assumeRole(cloud: Cloud, roleArn: string): Caller {
  try {
    return cloud.assumeAsService(roleArn, "cloudformation.amazonaws.com");
  } catch (error) {
    if (!(error instanceof AwsFault)) throw error;
    throw new HandlerFault("ValidationError", `Role ${roleArn} is invalid or cannot be assumed`);
  }
}

/** `stack-LogicalId-1A2B3C4D5E6F`, cut where the type's limit asks for it; the same for the same stack's same operation. */
function generateName(stack: StackRecord, logicalId: string, limit: number): string {
  const digest = createHash("sha256")
    .update(`${stack.id}/${logicalId}/${stack.operation?.id ?? ""}`)
    .digest();
  const signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const suffix = [...digest.subarray(0, 12)].map((byte) => signs[byte % signs.length]).join("");
  const room = limit - suffix.length - 2;
  const logical = logicalId.slice(0, Math.max(room - stack.name.length, Math.floor(room / 2)));
  return `${stack.name.slice(0, room - logical.length)}-${logical}-${suffix}`;
}
