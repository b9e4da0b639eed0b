import type { Call, Cloud } from "#sandbox/aws/cloud.ts";
import { findInline } from "#sandbox/aws/iam/attachments.ts";
import type { Role } from "#sandbox/aws/iam/model.ts";
import { arnOf, belowPath, formatDocument, formatTags, page, permit, tagsOf } from "#sandbox/aws/iam/requests.ts";
import {
  attachRolePolicy,
  createRole,
  deleteRole,
  deleteRoleBoundary,
  deleteRolePolicy,
  detachRolePolicy,
  findRole,
  listRoles,
  putRoleBoundary,
  putRolePolicy,
  tagRole,
  tryFindRole,
  untagRole,
  updateRole,
  updateTrust,
} from "#sandbox/aws/iam/roles.ts";
import { showTrust } from "#sandbox/aws/iam/trust.ts";
import { type ContextValues, requestTags } from "#sandbox/aws/policy/context.ts";
import {
  allowOnly,
  integerAt,
  type QueryInput,
  tagsAt,
  textAt,
  textsAt,
  tryTextAt,
} from "#sandbox/aws/protocol/query.ts";
import type { QueryAction } from "#sandbox/aws/protocol/query-service.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";

export function roleActions(cloud: Cloud): Readonly<Record<string, QueryAction>> {
  /** Asks permission for one role, named in `RoleName`. */
  function permitted(call: Call, action: string, input: QueryInput, context: ContextValues = {}): string {
    const name = textAt(input, "RoleName");
    const found = tryFindRole(cloud, call.caller.account, name);
    const path = tryTextAt(input, "Path");
    permit(cloud, call, action, arnOf("role", call.caller.account, name, found, path), {
      ...tagsOf(found),
      "iam:PermissionsBoundary": found?.boundary,
      ...context,
    });
    return name;
  }

  return {
    CreateRole(call, input) {
      allowOnly(
        input,
        "RoleName",
        "Path",
        "AssumeRolePolicyDocument",
        "Description",
        "MaxSessionDuration",
        "PermissionsBoundary",
        "Tags",
      );
      const tags = tagsAt(input, "Tags");
      const boundary = tryTextAt(input, "PermissionsBoundary");
      const name = permitted(call, "CreateRole", input, {
        ...requestTags(tags),
        "iam:PermissionsBoundary": boundary,
      });
      // Tags are a permission of their own, also while something is made.
      if (Object.keys(tags).length > 0) permitted(call, "TagRole", input, requestTags(tags));
      const role = createRole(cloud, call.caller.account, {
        name,
        path: tryTextAt(input, "Path"),
        trust: textAt(input, "AssumeRolePolicyDocument"),
        description: tryTextAt(input, "Description"),
        maxSessionSeconds: integerAt(input, "MaxSessionDuration"),
        tags,
        boundary,
      });
      return { Role: formatRole(cloud, role, "whole") };
    },
    GetRole(call, input) {
      allowOnly(input, "RoleName");
      const name = permitted(call, "GetRole", input);
      return { Role: formatRole(cloud, findRole(cloud, call.caller.account, name), "whole") };
    },
    ListRoles(call, input) {
      allowOnly(input, "PathPrefix", "Marker", "MaxItems");
      const prefix = tryTextAt(input, "PathPrefix") ?? "/";
      permit(cloud, call, "ListRoles", `arn:aws:iam::${call.caller.account}:role${prefix}`);
      const roles = belowPath(listRoles(cloud, call.caller.account), input);
      return page(
        "Roles",
        roles.map((role) => formatRole(cloud, role, "listed")),
        input,
      );
    },
    UpdateRole(call, input) {
      allowOnly(input, "RoleName", "Description", "MaxSessionDuration");
      updateRole(cloud, call.caller.account, permitted(call, "UpdateRole", input), {
        description: tryTextAt(input, "Description"),
        maxSessionSeconds: integerAt(input, "MaxSessionDuration"),
      });
      return {};
    },
    UpdateAssumeRolePolicy(call, input) {
      allowOnly(input, "RoleName", "PolicyDocument");
      const name = permitted(call, "UpdateAssumeRolePolicy", input);
      updateTrust(cloud, call.caller.account, name, textAt(input, "PolicyDocument"));
      return undefined;
    },
    DeleteRole(call, input) {
      allowOnly(input, "RoleName");
      deleteRole(cloud, call.caller.account, permitted(call, "DeleteRole", input));
      return undefined;
    },
    TagRole(call, input) {
      allowOnly(input, "RoleName", "Tags");
      const tags = tagsAt(input, "Tags");
      tagRole(cloud, call.caller.account, permitted(call, "TagRole", input, requestTags(tags)), tags);
      return undefined;
    },
    UntagRole(call, input) {
      allowOnly(input, "RoleName", "TagKeys");
      const keys = textsAt(input, "TagKeys");
      untagRole(cloud, call.caller.account, permitted(call, "UntagRole", input, { "aws:TagKeys": keys }), keys);
      return undefined;
    },
    ListRoleTags(call, input) {
      allowOnly(input, "RoleName", "Marker", "MaxItems");
      const { tags } = findRole(cloud, call.caller.account, permitted(call, "ListRoleTags", input));
      return page("Tags", formatTags(tags), input);
    },
    PutRolePermissionsBoundary(call, input) {
      allowOnly(input, "RoleName", "PermissionsBoundary");
      const boundary = textAt(input, "PermissionsBoundary");
      const name = permitted(call, "PutRolePermissionsBoundary", input, { "iam:PermissionsBoundary": boundary });
      putRoleBoundary(cloud, call.caller.account, name, boundary);
      return undefined;
    },
    DeleteRolePermissionsBoundary(call, input) {
      allowOnly(input, "RoleName");
      deleteRoleBoundary(cloud, call.caller.account, permitted(call, "DeleteRolePermissionsBoundary", input));
      return undefined;
    },
    PutRolePolicy(call, input) {
      allowOnly(input, "RoleName", "PolicyName", "PolicyDocument");
      const name = permitted(call, "PutRolePolicy", input);
      putRolePolicy(cloud, call.caller.account, name, textAt(input, "PolicyName"), textAt(input, "PolicyDocument"));
      return undefined;
    },
    GetRolePolicy(call, input) {
      allowOnly(input, "RoleName", "PolicyName");
      const role = findRole(cloud, call.caller.account, permitted(call, "GetRolePolicy", input));
      const policy = textAt(input, "PolicyName");
      const document = formatDocument(findInline(role, policy, "role"));
      return { RoleName: role.name, PolicyName: policy, PolicyDocument: document };
    },
    DeleteRolePolicy(call, input) {
      allowOnly(input, "RoleName", "PolicyName");
      const name = permitted(call, "DeleteRolePolicy", input);
      deleteRolePolicy(cloud, call.caller.account, name, textAt(input, "PolicyName"));
      return undefined;
    },
    ListRolePolicies(call, input) {
      allowOnly(input, "RoleName", "Marker", "MaxItems");
      const role = findRole(cloud, call.caller.account, permitted(call, "ListRolePolicies", input));
      return page("PolicyNames", Object.keys(role.inline).sort(), input);
    },
    AttachRolePolicy(call, input) {
      allowOnly(input, "RoleName", "PolicyArn");
      const arn = textAt(input, "PolicyArn");
      const name = permitted(call, "AttachRolePolicy", input, { "iam:PolicyARN": arn });
      attachRolePolicy(cloud, call.caller.account, name, arn);
      return undefined;
    },
    DetachRolePolicy(call, input) {
      allowOnly(input, "RoleName", "PolicyArn");
      const arn = textAt(input, "PolicyArn");
      const name = permitted(call, "DetachRolePolicy", input, { "iam:PolicyARN": arn });
      detachRolePolicy(cloud, call.caller.account, name, arn);
      return undefined;
    },
    ListAttachedRolePolicies(call, input) {
      allowOnly(input, "RoleName", "PathPrefix", "Marker", "MaxItems");
      const role = findRole(cloud, call.caller.account, permitted(call, "ListAttachedRolePolicies", input));
      return page("AttachedPolicies", formatAttached(role.attached, input), input);
    },
  };
}

/** Name and ARN of what is attached, below a path if one is asked for. */
export function formatAttached(attached: readonly string[], input: QueryInput): readonly XmlValue[] {
  const policies = attached.map((arn) => {
    const [, path = "/", name = ""] = /:policy(\/.*?)([^/]+)$/.exec(arn) ?? [];
    return { arn, path, name };
  });
  return belowPath(policies, input).map(({ arn, name }) => ({ PolicyName: name, PolicyArn: arn }));
}

/** Lists leave out tags and boundaries. */
function formatRole(cloud: Cloud, role: Role, extent: "whole" | "listed"): XmlValue {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: role.arn,
    CreateDate: role.created,
    AssumeRolePolicyDocument: formatDocument(showTrust(cloud, role)),
    Description: role.description,
    MaxSessionDuration: role.maxSessionSeconds,
    ...(extent === "whole" ? formatRest(role) : {}),
  };
}

function formatRest({ tags, boundary }: Role): { readonly [key: string]: XmlValue } {
  const limit = { PermissionsBoundaryType: "Policy", PermissionsBoundaryArn: boundary };
  return {
    ...(boundary === undefined ? {} : { PermissionsBoundary: limit }),
    Tags: formatTags(tags),
    RoleLastUsed: {},
  };
}
