import { AwsFault, type Caller, type Cloud } from "#sandbox/aws/cloud.ts";
import { lookingContext } from "#sandbox/aws/cloudformation/engine/context.ts";
import type {
  DriftDetection,
  Made,
  PropertyDifference,
  ResourceDrift,
  StackRecord,
} from "#sandbox/aws/cloudformation/engine/model.ts";
import { pause } from "#sandbox/aws/cloudformation/engine/pause.ts";
import { same } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { follow, type TypeSchema } from "#sandbox/aws/cloudformation/schemas/schema.ts";
import { resourceType } from "#sandbox/aws/cloudformation/types/registry.ts";
import { isObject, type Json, type JsonObject, objectAt } from "#sandbox/json.ts";

const DETECTING_MS = 10_000;

/** Actions whose decisions know no resource. */
const hasNoResource = /^(ec2:Describe|route53:List(HostedZones|QueryLoggingConfigs)$)/;

/** Compares what a stack wanted with what there is. */
export async function finishDetection(cloud: Cloud, stack: StackRecord, detection: DriftDetection): Promise<void> {
  await pause(cloud, DETECTING_MS);
  let drifted = 0;
  const unknown: string[] = [];
  for (const record of stack.resources) {
    const { made, logicalId } = record;
    if (made === undefined) continue;
    record.drift =
      record.skipped === true ? unchecked(cloud) : driftOf(cloud, detection.caller, stack, logicalId, made);
    if (record.drift.status === "MODIFIED" || record.drift.status === "DELETED") drifted++;
    if (record.drift.status === "UNKNOWN") unknown.push(logicalId);
  }
  detection.status = unknown.length === 0 ? "DETECTION_COMPLETE" : "DETECTION_FAILED";
  if (unknown.length > 0) detection.reason = `Failed to detect drift on resource(s) [${unknown.join(", ")}]`;
  detection.drifted = drifted;
  stack.drift = { status: drifted > 0 ? "DRIFTED" : "IN_SYNC", checkedAt: cloud.now().toISOString() };
  cloud.save(stack);
}

function unchecked(cloud: Cloud): ResourceDrift {
  return { status: "NOT_CHECKED", checkedAt: cloud.now().toISOString(), differences: [] };
}

function driftOf(cloud: Cloud, caller: Caller, stack: StackRecord, logicalId: string, made: Made): ResourceDrift {
  const checkedAt = cloud.now().toISOString();
  const type = resourceType(made.type);
  const { schema } = type;
  const context = lookingContext(cloud, stack, logicalId);
  try {
    for (const action of schema.actions.read) {
      const arn = hasNoResource.test(action) ? "*" : (type.readArn?.(context, made.physicalId, made.properties) ?? "*");
      cloud.authorize(caller, action, arn, { "aws:CalledVia": ["cloudformation.amazonaws.com"] });
    }
  } catch (error) {
    if (!(error instanceof AwsFault)) throw error;
    return { status: "UNKNOWN", checkedAt, reason: error.message, differences: [] };
  }
  const actual = type.read(context, made.physicalId, made.properties);
  const expected = comparable(schema, made.properties);
  if (actual === undefined) return { status: "DELETED", checkedAt, expected, differences: [] };
  const differences: PropertyDifference[] = [];
  const found: JsonObject = {};
  // Only what the template gives is looked at, as AWS does.
  for (const [name, wanted] of Object.entries(expected)) {
    const is = name === schema.tagProperty ? withoutStackTags(actual[name], made.tags) : actual[name];
    if (is !== undefined) found[name] = is;
    compare(schema, objectAt(objectAt(schema.root, "properties"), name), `/${name}`, wanted, is, differences);
  }
  const status = differences.length > 0 ? "MODIFIED" : "IN_SYNC";
  return { status, checkedAt, expected, actual: found, differences };
}

/** Tags that come of the stack are not the template's. */
function withoutStackTags(tags: Json | undefined, ofStack: Made["tags"]): Json | undefined {
  return Array.isArray(tags) ? tags.filter((tag: Json) => !ofStack.some((other) => same(tag, other))) : tags;
}

function comparable(schema: TypeSchema, properties: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !schema.writeOnly.includes(name)));
}

function compare(
  schema: TypeSchema,
  given: JsonObject,
  path: string,
  wanted: Json | undefined,
  is: Json | undefined,
  differences: PropertyDifference[],
): void {
  if (same(wanted, is)) return;
  const declared = follow(schema.root, given);
  if (isObject(wanted) && isObject(is) && isObject(declared.properties)) {
    for (const key of Object.keys(wanted)) {
      compare(schema, objectAt(declared.properties, key), `${path}/${key}`, wanted[key], is[key], differences);
    }
    return;
  }
  if (Array.isArray(wanted) && Array.isArray(is)) {
    compareLists(path, wanted, is, declared.insertionOrder === false, differences);
    return;
  }
  differences.push({
    path,
    type: is === undefined ? "REMOVE" : wanted === undefined ? "ADD" : "NOT_EQUAL",
    expected: text(wanted),
    actual: text(is),
  });
}

/** What is in one list and not in the other, wherever; in a list with an order, place by place. */
function compareLists(
  path: string,
  wanted: readonly Json[],
  is: readonly Json[],
  isSet: boolean,
  differences: PropertyDifference[],
): void {
  if (isSet || path.endsWith("Tags")) {
    for (const [index, item] of wanted.entries()) {
      if (is.some((other) => same(item, other))) continue;
      differences.push({ path: `${path}/${index}`, type: "REMOVE", expected: text(item), actual: "null" });
    }
    for (const [index, item] of is.entries()) {
      if (wanted.some((other) => same(item, other))) continue;
      differences.push({ path: `${path}/${index}`, type: "ADD", expected: "null", actual: text(item) });
    }
    return;
  }
  differences.push({ path, type: "NOT_EQUAL", expected: text(wanted), actual: text(is) });
}

function text(value: Json | undefined): string {
  if (value === undefined) return "null";
  return typeof value === "string" ? value : JSON.stringify(value);
}
