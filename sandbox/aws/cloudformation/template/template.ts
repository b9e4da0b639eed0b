import { z } from "zod";
import { type Parameter, parameterShape } from "#sandbox/aws/cloudformation/template/parameters.ts";
import { invalid, parseTemplateText } from "#sandbox/aws/cloudformation/template/parse.ts";
import { anything, description, readShape, section } from "#sandbox/aws/cloudformation/template/shape.ts";
import type { Json, JsonObject } from "#sandbox/json.ts";

const properties = z.record(z.string(), anything) as z.ZodType<JsonObject>;
const policy = z.enum(["Delete", "Retain"]).default("Delete");
const dependsOn = z.union([z.string().transform((name) => [name]), z.array(z.string())]).default([]);

const resourceShape = z
  .strictObject({
    Type: z.string().min(1),
    Properties: properties.default({}),
    DependsOn: dependsOn,
    Condition: z.string().optional(),
    DeletionPolicy: policy,
    UpdateReplacePolicy: policy,
    Metadata: properties.optional(),
  })
  .transform((resource) => ({
    type: resource.Type,
    properties: resource.Properties,
    dependsOn: resource.DependsOn,
    condition: resource.Condition,
    deletionPolicy: resource.DeletionPolicy,
    updateReplacePolicy: resource.UpdateReplacePolicy,
    metadata: resource.Metadata,
  }));

const outputShape = z
  .strictObject({ Value: anything, Description: description(1_024), Condition: z.string().optional() })
  .transform((output) => ({ value: output.Value, description: output.Description, condition: output.Condition }));

const templateShape = z.strictObject({
  AWSTemplateFormatVersion: z.literal("2010-09-09").optional(),
  Description: description(1_024),
  Metadata: anything.optional(),
  Parameters: section("parameters", 200, parameterShape),
  Conditions: section("conditions", Number.POSITIVE_INFINITY, anything),
  Resources: section("resources", 500, resourceShape),
  Outputs: section("outputs", 200, outputShape),
});

export type DeletionPolicy = z.output<typeof policy>;
export type ResourceDeclaration = Readonly<z.output<typeof resourceShape>>;

/** A template whose structure is right; whether its names lead anywhere is checked by `references.ts`. */
export interface Template {
  readonly description: string | undefined;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly conditions: ReadonlyMap<string, Json>;
  readonly resources: ReadonlyMap<string, ResourceDeclaration>;
  readonly outputs: ReadonlyMap<string, Readonly<z.output<typeof outputShape>>>;
}

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
  const { Description, Parameters, Conditions, Resources, Outputs } = readShape(templateShape, parseTemplateText(text));
  if (Object.keys(Resources).length === 0) {
    throw invalid("Template format error: At least one Resources member must be defined.");
  }
  return {
    description: Description,
    parameters: new Map(Object.entries(Parameters)),
    conditions: new Map(Object.entries(Conditions)),
    resources: new Map(Object.entries(Resources)),
    outputs: new Map(Object.entries(Outputs)),
  };
}
