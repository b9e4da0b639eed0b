import { AwsFault } from "#sandbox/aws/cloud.ts";
import type { Request } from "#sandbox/aws/cloudformation/api/action.ts";
import { assumeRole } from "#sandbox/aws/cloudformation/engine/context.ts";
import type { Deployment, StackRecord } from "#sandbox/aws/cloudformation/engine/model.ts";
import { type GivenParameter, parameterValues } from "#sandbox/aws/cloudformation/template/parameters.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { parseTemplate, type Template } from "#sandbox/aws/cloudformation/template/template.ts";
import { type Tag, tagRecord } from "#sandbox/aws/cloudformation/types/type.ts";
import { type ContextValues, requestTags } from "#sandbox/aws/policy/context.ts";
import { booleanAt, listAt, type QueryInput, textAt, textsAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";

/** Inputs of everything that deploys. */
export const deploymentInputs = ["StackName", "TemplateBody", "Parameters", "Capabilities", "RoleARN", "Tags"];

/** Sent empty by some clients; the sandbox has nothing behind them. */
export const emptyInputs = ["NotificationARNs", "ResourceTypes", "RollbackConfiguration"];

/**
 * What a request wants deployed.
 *
 * @param stack undefined for a new one
 * @throws AwsFault ValidationError, InsufficientCapabilitiesException
 */
export function deploymentOf({ input }: Request, stack: StackRecord | undefined): Deployment {
  const previous = stack?.current;
  const template = tryTextAt(input, "TemplateBody");
  if (template === undefined || template === "")
    throw invalid("Either Template URL or Template Body must be specified.");
  const parsed = parseTemplate(template);
  const parameters = parameterValues(
    parsed.parameters,
    listAt(input, "Parameters").map(parseParameter),
    previous?.parameters,
  );
  const isGiven = typeof input === "object" && "Tags" in input;
  const tags = isGiven || previous === undefined ? listAt(input, "Tags").map(parseTag) : previous.tags;
  checkTags(tags);
  const capabilities = textsAt(input, "Capabilities");
  checkCapabilities(parsed, capabilities);
  return { template, parameters, tags, capabilities };
}

function parseParameter(item: QueryInput): GivenParameter {
  const key = textAt(item, "ParameterKey");
  const value = tryTextAt(item, "ParameterValue");
  if (booleanAt(item, "UsePreviousValue") === true) {
    if (value !== undefined) {
      throw invalid(`Invalid input for parameter key ${key}. Cannot specify usePreviousValue as true and a value.`);
    }
    return { kind: "previous", key };
  }
  if (value === undefined) {
    throw invalid(`Invalid input for parameter key ${key}. Either a value or usePreviousValue must be specified.`);
  }
  return { kind: "value", key, value };
}

function parseTag(item: QueryInput): Tag {
  return { Key: textAt(item, "Key"), Value: tryTextAt(item, "Value") ?? "" };
}

function checkTags(tags: readonly Tag[]): void {
  if (tags.length > 50)
    throw invalid(
      `1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50`,
    );
  for (const { Key, Value } of tags) {
    if (Key.toLowerCase().startsWith("aws:")) {
      throw invalid(`aws: prefixed tag key names are not allowed for external use. (${Key})`);
    }
    if (Key.length > 128 || Value.length > 256 || Value === "") {
      throw invalid(`1 validation error detected: tag ${Key}: keys have 1 to 128 and values 1 to 256 characters`);
    }
  }
  const keys = tags.map(({ Key }) => Key);
  if (new Set(keys).size < keys.length)
    throw invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
}

function checkCapabilities(template: Template, given: readonly string[]): void {
  for (const capability of given) {
    if (!["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"].includes(capability)) {
      throw invalid(
        `1 validation error detected: Value '[${given.join(", ")}]' at 'capabilities' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [CAPABILITY_IAM, CAPABILITY_AUTO_EXPAND, CAPABILITY_NAMED_IAM]]`,
      );
    }
  }
  const iam = [...template.resources.values()].filter(({ type }) => type in iamNames);
  const isNamed = iam.some(({ type, properties }) => properties[iamNames[type] ?? ""] !== undefined);
  const needed = isNamed ? "CAPABILITY_NAMED_IAM" : "CAPABILITY_IAM";
  if (iam.length === 0 || given.includes(needed) || given.includes("CAPABILITY_NAMED_IAM")) return;
  throw new AwsFault("InsufficientCapabilitiesException", `Requires capabilities : [${needed}]`);
}

/** Types that change who may do what, with the property that gives them a name of the template's choice. */
const iamNames: Readonly<Record<string, string>> = {
  "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
  "AWS::IAM::Role": "RoleName",
};

/**
 * The service role that a request names, if the caller may pass it and CloudFormation may take it on.
 *
 * @throws AwsFault AccessDenied, ValidationError
 */
export function roleOf({ cloud, caller, input }: Request): string | undefined {
  const roleArn = tryTextAt(input, "RoleARN");
  if (roleArn === undefined || roleArn === "") return undefined;
  if (!/^arn:aws:iam::\d{12}:role\/.+$/.test(roleArn)) {
    throw invalid(`Role ${roleArn} is invalid or cannot be assumed`);
  }
  cloud.authorize(caller, "iam:PassRole", roleArn, { "iam:PassedToService": "cloudformation.amazonaws.com" });
  assumeRole(cloud, roleArn);
  return roleArn;
}

/** Condition keys of a request that may bring a role, tags, resources to import and a change set's name. */
export function deploymentContext({ input }: Request): ContextValues {
  const imports = listAt(input, "ResourcesToImport").map((one) => textAt(one, "ResourceType"));
  return {
    "cloudformation:ImportResourceTypes": imports.length === 0 ? undefined : imports,
    "cloudformation:RoleArn": tryTextAt(input, "RoleARN"),
    "cloudformation:ChangeSetName": tryTextAt(input, "ChangeSetName"),
    ...requestTags(tagRecord(listAt(input, "Tags").map(parseTag))),
  };
}
