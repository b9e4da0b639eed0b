import { AwsFault, type Caller, type Cloud } from "#sandbox/aws/cloud.ts";
import { schemaOf, type TypeSchema } from "#sandbox/aws/cloudformation/schemas/schema.ts";
import { type ContextValues, requestTags, resourceTags } from "#sandbox/aws/policy/context.ts";
import type { Json, JsonObject } from "#sandbox/json.ts";

export type Tag = {
  readonly Key: string;
  readonly Value: string;
};

/** What a resource's operations act with. */
export interface ResourceContext {
  readonly cloud: Cloud;
  readonly account: string;
  readonly region: string;
  /** In whose name: the stack's service role, or who asked for the operation. */
  readonly caller: Caller;
  readonly stackId: string;
  readonly stackName: string;
  readonly logicalId: string;
  /** The stack's tags and CloudFormation's own, which types with tags add to those of the template. */
  readonly tags: readonly Tag[];
  /** @throws AwsFault AccessDenied unless the caller may @param resource ARN, or `*` */
  allow(action: string, resource: string, context?: ContextValues): void;
  /**
   * Tells the id of what exists from now on, where more is to be done before it is as wanted: if that fails, a rollback
   * finds it.
   */
  began(physicalId: string): void;
  /** A name for a resource whose template gives none: `<stack>-<logical id>-<random>`. */
  generateName(limit: number): string;
}

/** How long the real AWS takes, in seconds. */
export interface Durations {
  readonly create: number;
  readonly update: number;
  readonly delete: number;
}

/**
 * One resource type. Operations act at once and return what was made, so that a record of it is written in the same breath;
 * the time that AWS takes passes afterwards.
 */
export interface ResourceType {
  readonly name: string;
  readonly schema: TypeSchema;
  /** Dotted paths of properties that the sandbox carries out. Others that AWS has are refused. */
  readonly supports: readonly string[];
  /** For `Fn::GetAtt`, in addition to the schema's read-only properties. */
  readonly attributes: readonly string[];
  /** Dotted paths whose change makes a new resource, in addition to the schema's. */
  readonly createOnly: readonly string[];
  readonly seconds: Durations;
  /** Name that the template gives to the resource, if another with the same name can't be. */
  nameOf(properties: JsonObject, place: Pick<ResourceContext, "account" | "region">): string | undefined;
  /** @returns the physical id, which `Ref` gives @throws AwsFault */
  create(context: ResourceContext, properties: JsonObject): string | Promise<string>;
  /** Resolves when AWS would say that the resource is ready; for what has a life of its own. @throws AwsFault when it failed */
  settle?(context: ResourceContext, physicalId: string, operation: "create" | "update" | "delete"): Promise<void>;
  /**
   * Properties and attributes as they are; undefined when it is gone.
   *
   * @param properties by which it was made, for what its id does not tell
   */
  read(context: ResourceContext, physicalId: string, properties: JsonObject): JsonObject | undefined;
  /** ARN that leave to read is decided on; missing where there is leave for everything or nothing, as in EC2. */
  readArn?(context: ResourceContext, physicalId: string, properties: JsonObject): string;
  /** @throws AwsFault */
  update(
    context: ResourceContext,
    physicalId: string,
    properties: JsonObject,
    previous: JsonObject,
  ): void | Promise<void>;
  /** What is gone already is no error. @throws AwsFault */
  delete(context: ResourceContext, physicalId: string, properties: JsonObject): void | Promise<void>;
}

/** A type with its schema, and the usual where it has nothing of its own. */
export function defineType(
  type: Omit<ResourceType, "schema" | "attributes" | "createOnly" | "nameOf"> &
    Partial<Pick<ResourceType, "attributes" | "createOnly" | "nameOf">>,
): ResourceType {
  return { attributes: [], createOnly: [], nameOf: () => undefined, ...type, schema: schemaOf(type.name) };
}

/** What is found, or undefined when its service does not know it. @param code of the service's error for that */
export function tryFind<Found>(code: string, find: () => Found): Found | undefined {
  try {
    return find();
  } catch (error) {
    if (error instanceof AwsFault && error.code === code) return undefined;
    throw error;
  }
}

export function tagRecord(tags: readonly Tag[]): Record<string, string> {
  return Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));
}

/** Tags as a template would have them, without CloudFormation's own. */
export function tagList(tags: Readonly<Record<string, string>>): Tag[] {
  return Object.entries(tags)
    .filter(([key]) => !key.startsWith("aws:"))
    .map(([Key, Value]) => ({ Key, Value }));
}

/** Condition keys of a request that brings tags. */
export function tagContext(tags: readonly Tag[]): ContextValues {
  return requestTags(tagRecord(tags));
}

/** What has to be done to come from some tags to others. */
export function tagChanges(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): { readonly add: Record<string, string>; readonly remove: readonly string[] } {
  const add = Object.fromEntries(Object.entries(after).filter(([key, value]) => before[key] !== value));
  return { add, remove: Object.keys(before).filter((key) => !(key in after)) };
}

/**
 * Asks for what a change of tags needs.
 *
 * @param actions by which tags are added, and removed
 * @throws AwsFault AccessDenied
 */
export function allowTagChanges(
  allow: ResourceContext["allow"],
  arn: string,
  [tag, untag]: readonly [tag: string, untag: string],
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): void {
  const { add, remove } = tagChanges(before, after);
  const known = resourceTags(before);
  if (Object.keys(add).length > 0) allow(tag, arn, { ...known, ...requestTags(add) });
  if (remove.length > 0) allow(untag, arn, { ...known, "aws:TagKeys": remove });
}

/** Tags of the template and of the stack together, as they are put on a resource. The template's win. */
export function mergeTags(context: ResourceContext, given: Json | undefined): Tag[] {
  const own: readonly Tag[] = Array.isArray(given) ? (given as readonly Tag[]) : [];
  const keys = new Set(own.map(({ Key }) => Key));
  return [...own, ...context.tags.filter(({ Key }) => !keys.has(Key))];
}
