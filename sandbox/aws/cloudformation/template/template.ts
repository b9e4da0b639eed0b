import { type Parameter, parseParameters } from "#sandbox/aws/cloudformation/template/parameters.ts";
import {
  checkDescription,
  checkNumber,
  invalid,
  parseTemplateText,
} from "#sandbox/aws/cloudformation/template/parse.ts";
import { isObject, type Json, type JsonObject } from "#sandbox/json.ts";

export type DeletionPolicy = "Delete" | "Retain" | "RetainExceptOnCreate";

export interface ResourceDeclaration {
  readonly type: string;
  readonly properties: JsonObject;
  readonly dependsOn: readonly string[];
  readonly condition: string | undefined;
  readonly deletionPolicy: DeletionPolicy;
  readonly updateReplacePolicy: "Delete" | "Retain";
  readonly metadata: JsonObject | undefined;
}

export interface OutputDeclaration {
  readonly value: Json;
  readonly description: string | undefined;
  readonly condition: string | undefined;
  /** Name of the export, with its functions. */
  readonly exportName: Json | undefined;
}

/** A template whose structure is right; whether its names lead anywhere is checked by `references.ts`. */
export interface Template {
  readonly description: string | undefined;
  readonly metadata: JsonObject | undefined;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly mappings: ReadonlyMap<string, JsonObject>;
  readonly conditions: ReadonlyMap<string, Json>;
  readonly rules: ReadonlyMap<string, JsonObject>;
  readonly resources: ReadonlyMap<string, ResourceDeclaration>;
  readonly outputs: ReadonlyMap<string, OutputDeclaration>;
}

const sections = [
  "AWSTemplateFormatVersion",
  "Description",
  "Metadata",
  "Parameters",
  "Rules",
  "Mappings",
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
  if (document.Transform !== undefined) throw invalid("Template format error: this sandbox knows no transforms");
  const unknown = Object.keys(document).filter((key) => !sections.includes(key));
  if (unknown.length > 0) throw invalid(`Invalid template property or properties [${unknown.join(", ")}]`);
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
  const mappings = section(document, "Mappings");
  checkNumber("mappings", mappings, 200);
  const outputs = section(document, "Outputs");
  checkNumber("outputs", outputs, 200);
  return {
    description,
    metadata: isObject(document.Metadata) ? document.Metadata : undefined,
    parameters: parseParameters(section(document, "Parameters")),
    mappings: new Map(mappings.map(([name, value]) => [name, parseMapping(name, value)])),
    conditions: new Map(section(document, "Conditions")),
    rules: new Map(section(document, "Rules").map(([name, value]) => [name, objectOf("Rules", name, value)])),
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

function parseMapping(name: string, value: Json): JsonObject {
  const mapping = objectOf("Mappings", name, value);
  for (const [key, inner] of Object.entries(mapping)) {
    if (!isObject(inner))
      throw invalid(`Template format error: Every Mappings attribute must be a map. (${name}.${key})`);
  }
  return mapping;
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
    if (key === "CreationPolicy" || key === "UpdatePolicy") {
      throw invalid(`Template format error: this sandbox does not know ${key} (resource ${name})`);
    }
    if (!attributes.includes(key)) {
      throw invalid(`Invalid template resource property '${key}'`);
    }
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
    deletionPolicy: policy(resource.DeletionPolicy, "DeletionPolicy", ["Delete", "Retain", "RetainExceptOnCreate"]),
    updateReplacePolicy: policy(resource.UpdateReplacePolicy, "UpdateReplacePolicy", ["Delete", "Retain"]),
    metadata: isObject(Metadata) ? Metadata : undefined,
  };
}

/** Snapshots are for databases and volumes, which the sandbox does not have. */
function policy<Name extends string>(value: Json | undefined, key: string, allowed: readonly Name[]): Name | "Delete" {
  if (value === undefined) return "Delete";
  const found = allowed.find((name) => name === value);
  if (found !== undefined) return found;
  throw invalid(`Template format error: Unrecognized ${key} ${JSON.stringify(value)}`);
}

function parseOutput(name: string, value: Json): OutputDeclaration {
  const output = objectOf("Outputs", name, value);
  for (const key of Object.keys(output)) {
    if (!["Value", "Description", "Condition", "Export"].includes(key)) {
      throw invalid(`Template format error: Unknown attribute ${key} of output ${name}`);
    }
  }
  if (output.Value === undefined || output.Value === null) {
    throw invalid("Template format error: Every Outputs member must contain a Value object");
  }
  const { Description, Condition, Export } = output;
  if (typeof Description === "string") checkDescription(`Description of output ${name}`, Description, 1_024);
  if (Export !== undefined && (!isObject(Export) || Export.Name === undefined)) {
    throw invalid(`Template format error: Output ${name} is malformed. The Export field must have a Name`);
  }
  return {
    value: output.Value,
    description: typeof Description === "string" ? Description : undefined,
    condition: typeof Condition === "string" ? Condition : undefined,
    exportName: isObject(Export) ? Export.Name : undefined,
  };
}
