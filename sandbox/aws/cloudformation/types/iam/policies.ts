import type { ResourceContext } from "#sandbox/aws/cloudformation/types/type.ts";
import type { Role } from "#sandbox/aws/iam/model.ts";
import {
  attachRolePolicy,
  deleteRolePolicy,
  detachRolePolicy,
  findRole,
  putRolePolicy,
} from "#sandbox/aws/iam/roles.ts";
import { resourceTags } from "#sandbox/aws/policy/context.ts";
import { type Json, type JsonObject, listAt, objectAt, stringAt } from "#sandbox/json.ts";

interface InlinePolicy {
  readonly PolicyName: string;
  readonly PolicyDocument: JsonObject;
}

/** A policy as IAM is sent it. */
export function documentText(document: Json | undefined): string {
  return typeof document === "string" ? document : JSON.stringify(document ?? {});
}

function attachedArns(properties: JsonObject): readonly string[] {
  return listAt(properties, "ManagedPolicyArns").map(String);
}

export function inlinePolicies(role: Role): JsonObject[] {
  return Object.entries(role.inline).map(([PolicyName, text]) => ({ PolicyName, PolicyDocument: JSON.parse(text) }));
}

/** Gives a role the policies of its properties, and takes those that only its properties of before name. */
export function changePolicies(
  context: ResourceContext,
  name: string,
  properties: JsonObject,
  previous: JsonObject = {},
): void {
  const { cloud, account } = context;
  const role = findRole(cloud, account, name);
  const known = { ...resourceTags(role.tags), ...boundaryOf(role) };
  const wanted = attachedArns(properties);
  for (const policyArn of wanted.filter((arn) => !role.attached.includes(arn))) {
    context.allow("iam:AttachRolePolicy", role.arn, { ...known, "iam:PolicyARN": policyArn });
    attachRolePolicy(cloud, account, name, policyArn);
  }
  for (const policyArn of attachedArns(previous)) {
    if (wanted.includes(policyArn) || !role.attached.includes(policyArn)) continue;
    context.allow("iam:DetachRolePolicy", role.arn, { ...known, "iam:PolicyARN": policyArn });
    detachRolePolicy(cloud, account, name, policyArn);
  }
  const inline = inlineOf(properties);
  for (const { PolicyName, PolicyDocument } of inline) {
    const text = documentText(PolicyDocument);
    if (role.inline[PolicyName] === text) continue;
    context.allow("iam:PutRolePolicy", role.arn, known);
    putRolePolicy(cloud, account, name, PolicyName, text);
  }
  for (const { PolicyName } of inlineOf(previous)) {
    if (inline.some((policy) => policy.PolicyName === PolicyName) || role.inline[PolicyName] === undefined) continue;
    context.allow("iam:DeleteRolePolicy", role.arn, known);
    deleteRolePolicy(cloud, account, name, PolicyName);
  }
}

/** Inline policies of a role's properties. */
function inlineOf(properties: JsonObject): readonly InlinePolicy[] {
  return listAt(properties, "Policies").map((policy) => ({
    PolicyName: stringAt(policy, "PolicyName"),
    PolicyDocument: objectAt(policy, "PolicyDocument"),
  }));
}

function boundaryOf({ boundary }: Role): Record<string, string> {
  return boundary === undefined ? {} : { "iam:PermissionsBoundary": boundary };
}
