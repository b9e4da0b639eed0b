import { type Parameter, parseParameters } from "#sandbox/aws/cloudformation/template/parameters.ts";
import {
  checkDescription,
  checkNumber,
  invalid,
  parseTemplateText,
} from "#sandbox/aws/cloudformation/template/parse.ts";
import { isObject, type Json, type JsonObject } from "#sandbox/json.ts";

export type DeletionPolicy = "Delete" | "Retain";

export interface ResourceDeclaration {
  readonly type: string;
  readonly properties: JsonObject;
  readonly dependsOn: readonly string[];
  readonly condition: string | undefined;
  readonly deletionPolicy: DeletionPolicy;
  readonly updateReplacePolicy: DeletionPolicy;
  readonly metadata: JsonObject | undefined;
}

export interface OutputDeclaration {
  readonly value: Json;
  readonly description: string | undefined;
  readonly condition: string | undefined;
}

/** A template whose structure is right; whether its names lead anywhere is checked by `references.ts`. */
export interface Template {
  readonly description: string | undefined;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly conditions: ReadonlyMap<string, Json>;
  readonly resources: ReadonlyMap<string, ResourceDeclaration>;
  readonly outputs: ReadonlyMap<string, OutputDeclaration>;
}

const sections = [
  "AWSTemplateFormatVersion",
  "Description",
  "Metadata",
  "Parameters",
  "Conditions",
  "Resources",
  "Outputs",
];

/** A fleet has as many templates as kinds of stacks, and each look at a stack needs the stack's own. */
const keptTemplates = 32;
const kept = new Map<string, Template>();

/** What it returns is shared: nothing of it may be changed. @throws AwsFault ValidationError, in AWS's words */
export function parseTemplate(text: string): Template {
  const known = kept.get(text);
  if (known !== undefined) return known;
  const template = readTemplate(text);
  for (const oldest of kept.keys()) {
    if (kept.size < keptTemplates) break;
    kept.delete(oldest);
  }
  kept.set(text, template);
  return template;
}

function readTemplate(text: string): Template {
  const document = parseTemplateText(text);
  const unknown = Object.keys(document).filter((key) => !sections.includes(key));
  if (unknown.length > 0) throw invalid(`This sandbox does not know the template section(s) [${unknown.join(", ")}]`);
  const version = document.AWSTemplateFormatVersion;
  if (version !== undefined && version !== "2010-09-09") {
    throw invalid(`Template format error: unsupported value for AWSTemplateFormatVersion.`);
  }
  const description = document.Description;
  if (description !== undefined && typeof description !== "string") {
    throw invalid("Template format error: Description must be a string.");
  }
  const resources = section(document, "Resources");
  if (resources.length === 0) throw invalid("Template format error: At least one Resources member must be defined.");
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
  checkDescription("'Description'", description, 1_024);
  checkNumber("resources", resources, 500);
  const outputs = section(document, "Outputs");
  checkNumber("outputs", outputs, 200);
  return {
    description,
    parameters: parseParameters(section(document, "Parameters")),
    conditions: new Map(section(document, "Conditions")),
    resources: new Map(resources.map(([name, value]) => [name, parseResource(name, value)])),
    outputs: new Map(outputs.map(([name, value]) => [name, parseOutput(name, value)])),
  };
}

function section(document: JsonObject, name: string): readonly (readonly [string, Json])[] {
  const found = document[name];
  if (found === undefined || found === null) return [];
  if (!isObject(found)) throw invalid(`Template format error: [/${name}] 'null' values are not allowed in templates`);
  return Object.entries(found).map(([key, value]) => {
    if (!/^[A-Za-z0-9]{1,255}$/.test(key)) {
      throw invalid(`Template format error: ${name} name ${key} is non alphanumeric.`);
    }
    if (value === null || value === undefined) {
      throw invalid(`Template format error: [/${name}/${key}] 'null' values are not allowed in templates`);
    }
    return [key, value] as const;
  });
}

function objectOf(part: string, name: string, value: Json): JsonObject {
  if (isObject(value)) return value;
  throw invalid(`Template format error: Any ${part} member must be an object. (${name})`);
}

const attributes = [
  "Type",
  "Properties",
  "DependsOn",
  "Condition",
  "DeletionPolicy",
  "UpdateReplacePolicy",
  "Metadata",
];

function parseResource(name: string, value: Json): ResourceDeclaration {
  const resource = objectOf("Resources", name, value);
  const { Type, Properties = {}, DependsOn = [], Condition, Metadata } = resource;
  if (typeof Type !== "string" || Type === "") {
    throw invalid(`Template format error: [/Resources/${name}] Every Resources object must contain a Type member.`);
  }
  for (const key of Object.keys(resource)) {
    if (!attributes.includes(key)) throw invalid(`This sandbox does not know ${key} of resource ${name}`);
  }
  if (!isObject(Properties)) {
    throw invalid(`Template format error: Properties of resource ${name} must be an object.`);
  }
  const needs = typeof DependsOn === "string" ? [DependsOn] : DependsOn;
  if (!Array.isArray(needs) || !needs.every((need) => typeof need === "string")) {
    throw invalid("Template format error: Every DependsOn value must be a string.");
  }
  if (Condition !== undefined && typeof Condition !== "string") {
    throw invalid("Template format error: Every Condition member must be a string.");
  }
  return {
    type: Type,
    properties: Properties,
    dependsOn: needs,
    condition: Condition,
    deletionPolicy: policyOf(resource, "DeletionPolicy"),
    updateReplacePolicy: policyOf(resource, "UpdateReplacePolicy"),
    metadata: isObject(Metadata) ? Metadata : undefined,
  };
}

function policyOf(resource: JsonObject, key: "DeletionPolicy" | "UpdateReplacePolicy"): DeletionPolicy {
  const value = resource[key] ?? "Delete";
  if (value === "Delete" || value === "Retain") return value;
  throw invalid(`This sandbox does not know the ${key} ${JSON.stringify(value)}`);
}

function parseOutput(name: string, value: Json): OutputDeclaration {
  const output = objectOf("Outputs", name, value);
  for (const key of Object.keys(output)) {
    if (!["Value", "Description", "Condition"].includes(key)) {
      throw invalid(`This sandbox does not know ${key} of output ${name}`);
    }
  }
  if (output.Value === undefined || output.Value === null) {
    throw invalid("Template format error: Every Outputs member must contain a Value object");
  }
  const { Description, Condition } = output;
  if (typeof Description === "string") checkDescription(`Description of output ${name}`, Description, 1_024);
  return {
    value: output.Value,
    description: typeof Description === "string" ? Description : undefined,
    condition: typeof Condition === "string" ? Condition : undefined,
  };
}
