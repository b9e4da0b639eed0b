import type { Cloud } from "#sandbox/aws/cloud.ts";
import {
  type Actions,
  actionsOn,
  formatDocument,
  formatTags,
  page,
  paging,
  permit,
  policyActions,
  tagsOf,
} from "#sandbox/aws/iam/actions.ts";
import { findInline } from "#sandbox/aws/iam/attachments.ts";
import type { Role } from "#sandbox/aws/iam/model.ts";
import {
  attachRolePolicy,
  createRole,
  deleteRole,
  deleteRolePolicy,
  detachRolePolicy,
  findRole,
  listRoles,
  putRolePolicy,
  tryFindRole,
  updateRole,
  updateTrust,
} from "#sandbox/aws/iam/roles.ts";
import { showTrust } from "#sandbox/aws/iam/trust.ts";
import { allowOnly, integerAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";

export function roleActions(cloud: Cloud): Actions {
  const on = actionsOn(cloud, "RoleName", (account, name) => {
    const found = tryFindRole(cloud, account, name);
    return {
      arn: found?.arn ?? `arn:aws:iam::${account}:role/${name}`,
      context: { ...tagsOf(found), "iam:PermissionsBoundary": found?.boundary },
    };
  });
  const { read, change } = on;
  return {
    ...read("CreateRole", ["AssumeRolePolicyDocument"], ({ account, name, text }) => ({
      Role: formatWhole(cloud, createRole(cloud, account, { name, trust: text("AssumeRolePolicyDocument") })),
    })),
    ...read("GetRole", [], ({ account, name }) => ({ Role: formatWhole(cloud, findRole(cloud, account, name)) })),
    ListRoles(call, input) {
      allowOnly(input, ...paging);
      const { account } = call.caller;
      permit(cloud, call, "ListRoles", `arn:aws:iam::${account}:role/`);
      const roles = listRoles(cloud, account).map((role) => formatRole(cloud, role));
      return page("Roles", roles, input);
    },
    ...read("UpdateRole", ["Description", "MaxSessionDuration"], ({ account, name, input }) => {
      updateRole(cloud, account, name, {
        description: tryTextAt(input, "Description"),
        maxSessionSeconds: integerAt(input, "MaxSessionDuration"),
      });
      return {};
    }),
    ...change("UpdateAssumeRolePolicy", ["PolicyDocument"], ({ account, name, text }) =>
      updateTrust(cloud, account, name, text("PolicyDocument")),
    ),
    ...change("DeleteRole", [], ({ account, name }) => deleteRole(cloud, account, name)),
    ...read("GetRolePolicy", ["PolicyName"], ({ account, name, text }) => {
      const policy = text("PolicyName");
      const document = formatDocument(findInline(findRole(cloud, account, name), policy));
      return { RoleName: name, PolicyName: policy, PolicyDocument: document };
    }),
    ...change("DeleteRolePolicy", ["PolicyName"], ({ account, name, text }) =>
      deleteRolePolicy(cloud, account, name, text("PolicyName")),
    ),
    ...policyActions("Role", on, {
      find: (account, name) => findRole(cloud, account, name),
      put: (...policy) => putRolePolicy(cloud, ...policy),
      attach: (...policy) => attachRolePolicy(cloud, ...policy),
      detach: (...policy) => detachRolePolicy(cloud, ...policy),
    }),
  };
}

/** As lists have it: without tags and boundary. */
function formatRole(cloud: Cloud, role: Role): { readonly [key: string]: XmlValue } {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: role.arn,
    CreateDate: role.created,
    AssumeRolePolicyDocument: formatDocument(showTrust(cloud, role)),
    Description: role.description,
    MaxSessionDuration: role.maxSessionSeconds,
  };
}

function formatWhole(cloud: Cloud, role: Role): XmlValue {
  const { tags, boundary } = role;
  const limit = { PermissionsBoundaryType: "Policy", PermissionsBoundaryArn: boundary };
  return {
    ...formatRole(cloud, role),
    ...(boundary === undefined ? {} : { PermissionsBoundary: limit }),
    Tags: formatTags(tags),
    RoleLastUsed: {},
  };
}
