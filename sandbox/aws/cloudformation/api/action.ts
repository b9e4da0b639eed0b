import { randomUUID } from "node:crypto";
import type { AwsFault, Caller, Cloud } from "#sandbox/aws/cloud.ts";
import type { Engine } from "#sandbox/aws/cloudformation/engine/engine.ts";
import { findStack, type StackRecord, stacksOf, tryFindStack } from "#sandbox/aws/cloudformation/engine/stacks.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { tagRecord } from "#sandbox/aws/cloudformation/types/type.ts";
import { type ContextValues, resourceTags } from "#sandbox/aws/policy/context.ts";
import { checkLength, checkPattern, constraint } from "#sandbox/aws/protocol/constraints.ts";
import { pageOf } from "#sandbox/aws/protocol/paging.ts";
import { type QueryInput, textAt } from "#sandbox/aws/protocol/query.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";

/** A call of one action, by somebody who may make it as far as its stack's name tells. */
export interface Request {
  readonly cloud: Cloud;
  readonly engine: Engine;
  readonly caller: Caller;
  readonly account: string;
  readonly region: string;
  readonly input: QueryInput;
  /** Name of the action. */
  readonly action: string;
}

export interface Action {
  /** Names of inputs that it reads. */
  readonly inputs: readonly string[];
  /** Inputs that clients send empty, and that are refused otherwise. @default none */
  readonly empty?: readonly string[];
  handle(request: Request): XmlValue | undefined | Promise<XmlValue | undefined>;
}

/** @throws AwsFault for inputs that nobody would look at */
export function checkInputs(action: Action, name: string, input: QueryInput): void {
  for (const [key, value] of Object.entries(typeof input === "object" ? input : {})) {
    if (action.inputs.includes(key)) continue;
    if (action.empty?.includes(key) === true && (value === "" || JSON.stringify(value) === "{}")) continue;
    throw invalid(`This sandbox does not know ${key} of ${name}`);
  }
}

/** @throws AwsFault AccessDenied @param resource ARN of a stack, or `*` */
export function authorize({ cloud, caller, action }: Request, resource: string, context: ContextValues = {}): void {
  cloud.authorize(caller, `cloudformation:${action}`, resource, context);
}

/** ARN of a stack for decisions, also of one that is not there. */
export function stackArn({ cloud, account, region }: Request, nameOrId: string): string {
  const found = tryFindStack(cloud, account, region, nameOrId);
  if (found !== undefined) return found.id;
  return nameOrId.startsWith("arn:") ? nameOrId : `arn:aws:cloudformation:${region}:${account}:stack/${nameOrId}/*`;
}

/** The stack that a request names, if the caller may do with it what it asks for. @throws AwsFault */
export function stackOf(request: Request, missing?: (name: string) => AwsFault): StackRecord {
  const { cloud, account, region, input } = request;
  const name = textAt(input, "StackName");
  authorizeStack(request, name);
  const found = tryFindStack(cloud, account, region, name);
  if (found !== undefined) return found;
  if (missing !== undefined) throw missing(name);
  return findStack(cloud, account, region, name);
}

export function authorizeStack(request: Request, name: string, context: ContextValues = {}): void {
  const { cloud, account, region } = request;
  const stack = tryFindStack(cloud, account, region, name);
  const known = resourceTags(tagRecord(stack?.current?.tags ?? []));
  authorize(request, stackArn(request, name), { ...known, ...context });
}

/** One page of a list. @throws AwsFault ValidationError */
export function page<Item>(items: readonly Item[], token: string | undefined) {
  const found = pageOf(items, 100, token);
  if (found === undefined) throw invalid("NextToken is invalid");
  return found;
}

/** A new stack of a name, without anything in it. @throws AwsFault for a name that can't be */
export function newStack(request: Request, name: string): StackRecord {
  const { cloud, account, region } = request;
  checkName("stackName", name);
  const stack: StackRecord = {
    id: `arn:aws:cloudformation:${region}:${account}:stack/${name}/${randomUUID()}`,
    name,
    account,
    region,
    status: "REVIEW_IN_PROGRESS",
    createdAt: cloud.now().toISOString(),
    terminationProtection: false,
    disableRollback: false,
    outputs: [],
    resources: [],
    events: [],
    changeSets: [],
    operations: [],
    detections: [],
  };
  stacksOf(cloud, account, region).stacks.push(stack);
  return stack;
}

/** @throws AwsFault ValidationError */
export function checkName(field: string, name: string): void {
  checkPattern(field, name, "[a-zA-Z][-a-zA-Z0-9]*");
  checkLength(field, name, 1, 128);
}

/** One of some words; undefined when it is missing. @throws AwsFault ValidationError */
export function wordAt<Word extends string>(
  field: string,
  text: string | undefined,
  allowed: readonly Word[],
): Word | undefined {
  if (text === undefined || text === "") return undefined;
  const found = allowed.find((word) => word === text);
  if (found !== undefined) return found;
  throw constraint(text, lowered(field), `Member must satisfy enum value set: [${allowed.join(", ")}]`);
}

/** @throws AwsFault ValidationError */
export function tokenAt(input: QueryInput, field: string): string | undefined {
  const found = typeof input === "object" && field in input ? textAt(input, field) : undefined;
  if (found === undefined) return undefined;
  checkPattern(lowered(field), found, "[a-zA-Z0-9][-a-zA-Z0-9]*");
  checkLength(lowered(field), found, 1, 128);
  return found;
}

function lowered(field: string): string {
  return field.charAt(0).toLowerCase() + field.slice(1);
}
