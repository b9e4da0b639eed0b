import { isDeepStrictEqual } from "node:util";
import type { Deployment, OutputRecord, StackRecord } from "#sandbox/aws/cloudformation/engine/model.ts";
import type { Order } from "#sandbox/aws/cloudformation/engine/walk.ts";
import { conform } from "#sandbox/aws/cloudformation/schemas/conform.ts";
import type { TypeSchema } from "#sandbox/aws/cloudformation/schemas/schema.ts";
import { createConditions } from "#sandbox/aws/cloudformation/template/conditions.ts";
import { type Graph, type GraphNode, graphOf } from "#sandbox/aws/cloudformation/template/graph.ts";
import { splitList } from "#sandbox/aws/cloudformation/template/parameters.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { checkReferences } from "#sandbox/aws/cloudformation/template/references.ts";
import { KNOWN_AFTER_APPLY, resolve, type Scope } from "#sandbox/aws/cloudformation/template/resolve.ts";
import { parseTemplate, type Template } from "#sandbox/aws/cloudformation/template/template.ts";
import { attributesOf, resourceType, tryResourceType } from "#sandbox/aws/cloudformation/types/registry.ts";
import { isObject, type Json, type JsonObject, objectAt } from "#sandbox/json.ts";

/** What resources of the stack are called and like. */
export interface Lookup {
  /** The physical id. */
  ref(logicalId: string): Json;
  attribute(logicalId: string, name: string): Json;
}

/** Nothing has been made yet: all is known after the execution. */
export const nothingMade: Lookup = { ref: () => KNOWN_AFTER_APPLY, attribute: () => KNOWN_AFTER_APPLY };

/** A deployment, understood: which resources there shall be, and of what. */
export interface Plan {
  readonly template: Template;
  readonly graph: Graph;
  readonly order: Order;
  node(logicalId: string): GraphNode;
  /** Properties as the type wants them, and what is wrong with them. */
  properties(
    logicalId: string,
    lookup: Lookup,
  ): { readonly properties: JsonObject; readonly faults: readonly string[] };
  metadata(logicalId: string, lookup: Lookup): JsonObject | undefined;
  outputs(lookup: Lookup): OutputRecord[];
}

type Place = Pick<StackRecord, "id" | "name" | "account" | "region">;

/** @throws AwsFault ValidationError: all that can be known to be wrong before anything is done */
export function planOf(place: Place, deployment: Deployment): Plan {
  const template = parseTemplate(deployment.template);
  checkTypes(template);
  checkReferences(template, (type, attribute) => {
    const known = attributesOf(resourceType(type));
    return known.some((name) => name === attribute || name.startsWith(`${attribute}.`));
  });
  const holds = createConditions(template.conditions, () => scopeFor(nothingMade));
  const scopeFor = (lookup: Lookup): Scope => ({
    region: place.region,
    ref: (name) => reference(template, deployment, place, lookup, name),
    attribute: lookup.attribute,
    condition: holds,
  });
  const graph = graphOf(template, holds);
  const plan: Plan = {
    template,
    graph,
    order: new Map([...graph].map(([name, { needs }]) => [name, needs])),
    node: (logicalId) => {
      const node = graph.get(logicalId);
      if (node === undefined) throw new Error(`${place.name} has no ${logicalId}`);
      return node;
    },
    properties: (logicalId, lookup) => {
      const { declaration } = plan.node(logicalId);
      const found = resolve(declaration.properties, scopeFor(lookup));
      return conform(resourceType(declaration.type).schema, objectAt(found));
    },
    metadata: (logicalId, lookup) => {
      const { metadata } = plan.node(logicalId).declaration;
      return metadata === undefined ? undefined : objectAt(resolve(metadata, scopeFor(lookup)));
    },
    outputs: (lookup) => outputsOf(template, scopeFor(lookup)),
  };
  for (const name of graph.keys()) checkSupported(plan, name);
  plan.outputs(nothingMade);
  return plan;
}

function checkTypes(template: Template): void {
  const unknown = [...template.resources.values()]
    .map(({ type }) => type)
    .filter((type) => tryResourceType(type) === undefined);
  if (unknown.length > 0) {
    throw invalid(`Template format error: Unrecognized resource types: [${[...new Set(unknown)].join(", ")}]`);
  }
}

/** Refuses what AWS would carry out and the sandbox would not. */
function checkSupported(plan: Plan, logicalId: string): void {
  const type = resourceType(plan.node(logicalId).declaration.type);
  const { properties } = plan.properties(logicalId, nothingMade);
  const unsupported = [...new Set(pathsOf(properties))].filter(
    (path) =>
      // What AWS has not either is told by the check of properties.
      isSettable(type.schema, path) &&
      !type.supports.some((known) => path === known || path.startsWith(`${known}.`) || known.startsWith(`${path}.`)),
  );
  if (unsupported.length === 0) return;
  throw invalid(
    `Template error: this sandbox does not carry out [${unsupported.join(", ")}] of ${type.name} (resource ${logicalId})`,
  );
}

function isSettable({ root, readOnly }: TypeSchema, path: string): boolean {
  const name = path.split(".")[0] ?? "";
  return objectAt(root, "properties")[name] !== undefined && !readOnly.includes(name);
}

function pathsOf(value: Json | undefined, path = ""): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => pathsOf(item, path)).concat(path === "" ? [] : [path]);
  if (!isObject(value)) return path === "" ? [] : [path];
  const inner = Object.entries(value).flatMap(([key, item]) => pathsOf(item, path === "" ? key : `${path}.${key}`));
  return path === "" ? inner : [path, ...inner];
}

function reference(
  template: Template,
  deployment: Deployment,
  place: Place,
  lookup: Lookup,
  name: string,
): Json | undefined {
  const parameter = template.parameters.get(name);
  if (parameter !== undefined) {
    const value = deployment.parameters[name] ?? "";
    return parameter.Type === "CommaDelimitedList" ? splitList(value) : value;
  }
  switch (name) {
    case "AWS::AccountId":
      return place.account;
    case "AWS::NoValue":
      return undefined;
    case "AWS::Partition":
      return "aws";
    case "AWS::Region":
      return place.region;
    case "AWS::StackName":
      return place.name;
    default:
      return lookup.ref(name);
  }
}

function outputsOf(template: Template, scope: Scope): OutputRecord[] {
  const records: OutputRecord[] = [];
  for (const [key, output] of template.outputs) {
    if (output.condition !== undefined && !scope.condition(output.condition)) continue;
    const value = resolve(output.value, scope);
    if (value === undefined) continue;
    if (typeof value === "object") {
      throw invalid("Template format error: The Value field of every Outputs member must evaluate to a String.");
    }
    records.push({
      key,
      value: String(value),
      ...(output.description === undefined ? {} : { description: output.description }),
    });
  }
  return records;
}

/** Whether two values are the same to AWS, which keeps no order of keys. */
export function same(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(one, other);
}
