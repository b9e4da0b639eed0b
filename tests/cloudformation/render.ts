import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { createConditions } from "#sandbox/aws/cloudformation/template/conditions.ts";
import { parameterValues, splitList } from "#sandbox/aws/cloudformation/template/parameters.ts";
import { resolve, type Scope } from "#sandbox/aws/cloudformation/template/resolve.ts";
import { parseTemplate, type Template } from "#sandbox/aws/cloudformation/template/template.ts";
import { isObject, type Json, type JsonObject, stringAt } from "#sandbox/json.ts";

export interface RenderedResource {
  readonly type: string;
  readonly properties: JsonObject;
}

/** What a template becomes with certain parameters: as CloudFormation would hand it to the services. */
export interface Rendered {
  readonly resources: Readonly<Record<string, RenderedResource>>;
  readonly outputs: Readonly<Record<string, Json>>;
}

export type Parameters = Readonly<Record<string, string>>;

export const account = "222222222222";
export const region = "us-east-1";
const stackName = "the-stack";

export async function readTemplate(file: string): Promise<string> {
  return await Bun.file(join(projectRoot, "cloudformation", file)).text();
}

export function render(text: string, parameters: Parameters): Rendered {
  const template = parseTemplate(text);
  const given = Object.entries(parameters).map(([key, value]) => ({ kind: "value", key, value }) as const);
  const scope = scopeOf(template, parameterValues(template.parameters, given, undefined));
  const wanted = [...template.resources].filter(
    ([, { condition }]) => condition === undefined || scope.condition(condition),
  );
  return {
    resources: Object.fromEntries(
      wanted.map(([name, { type, properties }]) => [name, { type, properties: asObject(resolve(properties, scope)) }]),
    ),
    outputs: Object.fromEntries(
      [...template.outputs].map(([name, { value }]) => [name, resolve(value, scope) ?? null]),
    ),
  };
}

/** Resources that don't exist have ids and ARNs of the form that AWS gives them. */
function scopeOf(template: Template, values: Readonly<Record<string, string>>): Scope {
  const condition = createConditions(template.conditions, () => scope);
  const pseudo: Readonly<Record<string, string>> = {
    "AWS::AccountId": account,
    "AWS::Partition": "aws",
    "AWS::Region": region,
    "AWS::StackName": stackName,
    "AWS::StackId": `arn:aws:cloudformation:${region}:${account}:stack/${stackName}/1`,
  };
  const refuse = (what: string): never => {
    throw new Error(`the templates don't use ${what}`);
  };
  const scope: Scope = {
    region,
    condition,
    ref(name) {
      if (name === "AWS::NoValue") return undefined;
      const parameter = template.parameters.get(name);
      const value = values[name];
      if (parameter !== undefined && value !== undefined)
        return parameter.Type === "CommaDelimitedList" ? splitList(value) : value;
      if (pseudo[name] !== undefined) return pseudo[name];
      return identify(name, "Id");
    },
    attribute: identify,
  };
  function identify(name: string, attribute: string): Json {
    const { type = "", properties = {} } = template.resources.get(name) ?? refuse(`a resource ${name}`);
    const path = stringAt(properties, "Path") || "/";
    if (type === "AWS::IAM::ManagedPolicy") {
      return `arn:aws:iam::${account}:policy${path}${stringAt(properties, "ManagedPolicyName") || name}`;
    }
    if (type === "AWS::IAM::Role") {
      const named = resolve(properties.RoleName, scope);
      return `arn:aws:iam::${account}:role${path}${typeof named === "string" ? named : name}`;
    }
    if (type === "AWS::Route53::HostedZone") return attribute === "NameServers" ? ["ns-1.test", "ns-2.test"] : "Z0MADE";
    return `${name}.${attribute}`;
  }
  return scope;
}

function asObject(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}
