import { documentText } from "#sandbox/aws/cloudformation/types/iam/policies.ts";
import { existingRoleArn } from "#sandbox/aws/cloudformation/types/iam/role.ts";
import { defineType, type ResourceContext } from "#sandbox/aws/cloudformation/types/type.ts";
import {
  createPolicy,
  createPolicyVersion,
  deletePolicy,
  deletePolicyVersion,
  documentOf,
  findPolicy,
  tryFindPolicy,
} from "#sandbox/aws/iam/managed-policies.ts";
import { attachRolePolicy, detachRolePolicy, listRoles } from "#sandbox/aws/iam/roles.ts";
import { type JsonObject, listAt, stringAt } from "#sandbox/json.ts";

/** IAM keeps so many versions of a policy; CloudFormation makes room for the next one. */
const mostVersions = 5;

export const iamManagedPolicy = defineType({
  name: "AWS::IAM::ManagedPolicy",
  supports: ["Description", "ManagedPolicyName", "Path", "PolicyDocument", "Roles"],
  seconds: { create: 15, update: 8, delete: 5 },
  nameOf: ({ ManagedPolicyName, Path }, { account }) =>
    typeof ManagedPolicyName === "string" ? policyArn(account, Path, ManagedPolicyName) : undefined,

  create(context, properties) {
    const { cloud, account } = context;
    const name = stringAt(properties, "ManagedPolicyName") || context.generateName(128);
    context.allow("iam:CreatePolicy", policyArn(account, properties.Path, name));
    const { arn } = createPolicy(cloud, account, {
      name,
      path: stringAt(properties, "Path") || "/",
      document: documentText(properties.PolicyDocument),
      description: stringAt(properties, "Description") || undefined,
    });
    context.began(arn);
    attach(context, arn, properties);
    return arn;
  },

  readArn: (_, arn) => arn,

  read({ cloud, account }, arn) {
    const policy = tryFindPolicy(cloud, account, arn);
    if (policy === undefined) return undefined;
    return {
      PolicyArn: arn,
      PolicyId: policy.id,
      DefaultVersionId: policy.defaultVersion,
      AttachmentCount: rolesWith(cloud, account, arn).length,
      CreateDate: policy.created,
      UpdateDate: policy.updated,
      IsAttachable: true,
      PermissionsBoundaryUsageCount: listRoles(cloud, account).filter(({ boundary }) => boundary === arn).length,
      ManagedPolicyName: policy.name,
      Path: policy.path,
      PolicyDocument: JSON.parse(documentOf(policy)),
      ...(policy.description === undefined ? {} : { Description: policy.description }),
      Roles: rolesWith(cloud, account, arn),
    };
  },

  update(context, arn, properties, previous) {
    const { cloud, account } = context;
    const policy = findPolicy(cloud, account, arn);
    const document = documentText(properties.PolicyDocument);
    if (document !== documentOf(policy)) {
      context.allow("iam:CreatePolicyVersion", arn);
      const oldest = policy.versions.findLast(({ id }) => id !== policy.defaultVersion);
      if (policy.versions.length >= mostVersions && oldest !== undefined) {
        context.allow("iam:DeletePolicyVersion", arn);
        deletePolicyVersion(cloud, account, arn, oldest.id);
      }
      createPolicyVersion(cloud, account, arn, document, true);
    }
    attach(context, arn, properties, previous);
  },

  delete(context, arn, properties) {
    const { cloud, account } = context;
    context.allow("iam:GetPolicy", arn);
    const policy = tryFindPolicy(cloud, account, arn);
    if (policy === undefined) return;
    attach(context, arn, {}, properties);
    for (const { id } of policy.versions.filter((version) => version.id !== policy.defaultVersion)) {
      context.allow("iam:DeletePolicyVersion", arn);
      deletePolicyVersion(cloud, account, arn, id);
    }
    context.allow("iam:DeletePolicy", arn);
    deletePolicy(cloud, account, arn);
  },
});

function policyArn(account: string, path: unknown, name: string): string {
  return `arn:aws:iam::${account}:policy${typeof path === "string" ? path : "/"}${name}`;
}

function rolesWith(cloud: ResourceContext["cloud"], account: string, arn: string): string[] {
  return listRoles(cloud, account)
    .filter(({ attached }) => attached.includes(arn))
    .map(({ name }) => name);
}

/**
 * Attaches it to the roles of its properties, and detaches it from those that only its properties of before name. Roles may
 * have it by their own properties, too.
 */
function attach(context: ResourceContext, arn: string, properties: JsonObject, previous: JsonObject = {}): void {
  const { cloud, account } = context;
  const wanted = listAt(properties, "Roles").map(String);
  const present = rolesWith(cloud, account, arn);
  for (const role of listAt(previous, "Roles").map(String)) {
    if (wanted.includes(role) || !present.includes(role)) continue;
    context.allow("iam:DetachRolePolicy", existingRoleArn(context, role), { "iam:PolicyARN": arn });
    detachRolePolicy(cloud, account, role, arn);
  }
  for (const role of wanted.filter((name) => !present.includes(name))) {
    context.allow("iam:AttachRolePolicy", existingRoleArn(context, role), { "iam:PolicyARN": arn });
    attachRolePolicy(cloud, account, role, arn);
  }
}
