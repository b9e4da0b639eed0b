import { AwsFault } from "#sandbox/aws/cloud.ts";
import { changePolicies, documentText, inlinePolicies } from "#sandbox/aws/cloudformation/types/iam/policies.ts";
import {
  allowTagChanges,
  defineType,
  mergeTags,
  type ResourceContext,
  tagContext,
  tagList,
  tagRecord,
} from "#sandbox/aws/cloudformation/types/type.ts";
import {
  createRole,
  deleteRole,
  deleteRoleBoundary,
  findRole,
  putRoleBoundary,
  setRoleTags,
  tryFindRole,
  updateRole,
  updateTrust,
} from "#sandbox/aws/iam/roles.ts";
import { resourceTags } from "#sandbox/aws/policy/context.ts";
import { type JsonObject, numberAt, stringAt } from "#sandbox/json.ts";

export const iamRole = defineType({
  name: "AWS::IAM::Role",
  supports: [
    "AssumeRolePolicyDocument",
    "Description",
    "ManagedPolicyArns",
    "MaxSessionDuration",
    "Path",
    "PermissionsBoundary",
    "Policies",
    "RoleName",
    "Tags",
  ],
  seconds: { create: 15, update: 8, delete: 3 },
  nameOf: ({ RoleName }) => (typeof RoleName === "string" ? RoleName : undefined),

  create(context, properties) {
    const { cloud, account } = context;
    const name = stringAt(properties, "RoleName") || context.generateName(64);
    const path = stringAt(properties, "Path") || "/";
    const arn = roleArn(account, path, name);
    const tags = mergeTags(context, properties.Tags);
    const boundary = optionalText(properties, "PermissionsBoundary");
    context.allow("iam:CreateRole", arn, { ...boundaryContext(boundary), ...tagContext(tags) });
    if (tags.length > 0) context.allow("iam:TagRole", arn, tagContext(tags));
    createRole(cloud, account, {
      name,
      path,
      trust: documentText(properties.AssumeRolePolicyDocument),
      description: optionalText(properties, "Description"),
      maxSessionSeconds: numberAt(properties, "MaxSessionDuration"),
      tags: tagRecord(tags),
      boundary,
    });
    context.began(name);
    changePolicies(context, name, properties);
    return name;
  },

  readArn: ({ account }, name, { Path }) => roleArn(account, typeof Path === "string" ? Path : "/", name),

  read({ cloud, account }, name) {
    const role = tryFindRole(cloud, account, name);
    if (role === undefined) return undefined;
    return {
      Arn: role.arn,
      RoleId: role.id,
      RoleName: role.name,
      Path: role.path,
      AssumeRolePolicyDocument: JSON.parse(role.trust),
      MaxSessionDuration: role.maxSessionSeconds,
      ManagedPolicyArns: [...role.attached],
      Policies: inlinePolicies(role),
      ...(role.description === undefined ? {} : { Description: role.description }),
      ...(role.boundary === undefined ? {} : { PermissionsBoundary: role.boundary }),
      Tags: tagList(role.tags),
    };
  },

  update(context, name, properties, previous) {
    const { cloud, account } = context;
    const role = findRole(cloud, account, name);
    const known = resourceTags(role.tags);
    const trust = documentText(properties.AssumeRolePolicyDocument);
    if (trust !== documentText(previous.AssumeRolePolicyDocument) || trust !== role.trust) {
      context.allow("iam:UpdateAssumeRolePolicy", role.arn, known);
      updateTrust(cloud, account, name, trust);
    }
    const description = stringAt(properties, "Description");
    const maxSessionSeconds = numberAt(properties, "MaxSessionDuration") ?? 3_600;
    if (description !== (role.description ?? "") || maxSessionSeconds !== role.maxSessionSeconds) {
      context.allow("iam:UpdateRole", role.arn, known);
      updateRole(cloud, account, name, { description, maxSessionSeconds });
    }
    changeBoundary(context, name, optionalText(properties, "PermissionsBoundary"));
    changePolicies(context, name, properties, previous);
    const tags = tagRecord(mergeTags(context, properties.Tags));
    allowTagChanges(context.allow, role.arn, ["iam:TagRole", "iam:UntagRole"], role.tags, tags);
    setRoleTags(cloud, account, name, tags);
  },

  delete(context, name, properties) {
    const { cloud, account } = context;
    const role = tryFindRole(cloud, account, name);
    // Without the right to look, CloudFormation does not know that it is gone.
    context.allow("iam:GetRole", role?.arn ?? roleArn(account, stringAt(properties, "Path") || "/", name));
    if (role === undefined) return;
    const known = { ...resourceTags(role.tags), ...boundaryContext(role.boundary) };
    changePolicies(context, name, {}, properties);
    context.allow("iam:DeleteRole", role.arn, known);
    deleteRole(cloud, account, name);
  },
});

function changeBoundary(context: ResourceContext, name: string, boundary: string | undefined): void {
  const { cloud, account } = context;
  const role = findRole(cloud, account, name);
  if (role.boundary === boundary) return;
  const known = resourceTags(role.tags);
  if (boundary === undefined) {
    context.allow("iam:DeleteRolePermissionsBoundary", role.arn, { ...known, ...boundaryContext(role.boundary) });
    deleteRoleBoundary(cloud, account, name);
  } else {
    context.allow("iam:PutRolePermissionsBoundary", role.arn, { ...known, ...boundaryContext(boundary) });
    putRoleBoundary(cloud, account, name, boundary);
  }
}

function boundaryContext(boundary: string | undefined): Record<string, string> {
  return boundary === undefined ? {} : { "iam:PermissionsBoundary": boundary };
}

export function roleArn(account: string, path: string, name: string): string {
  return `arn:aws:iam::${account}:role${path}${name}`;
}

function optionalText(properties: JsonObject, key: string): string | undefined {
  const value = properties[key];
  return typeof value === "string" ? value : undefined;
}

/** The role that other types name. @throws AwsFault NoSuchEntity */
export function existingRoleArn({ cloud, account }: ResourceContext, name: string): string {
  const found = tryFindRole(cloud, account, name);
  if (found !== undefined) return found.arn;
  throw new AwsFault("NoSuchEntity", `The role with name ${name} cannot be found.`, 404);
}
