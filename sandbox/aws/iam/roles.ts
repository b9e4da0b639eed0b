import type { Cloud } from "#sandbox/aws/cloud.ts";
import { addAttached, addInline, dropAttached, dropInline } from "#sandbox/aws/iam/attachments.ts";
import { findPolicy } from "#sandbox/aws/iam/managed-policies.ts";
import {
  alreadyExists,
  deleteConflict,
  formatTime,
  iamOf,
  makeId,
  noSuchEntity,
  type Role,
} from "#sandbox/aws/iam/model.ts";
import { resolveTrust } from "#sandbox/aws/iam/trust.ts";
import { checkName, checkPath, checkTags } from "#sandbox/aws/iam/validation.ts";
import { checkLength, checkRange } from "#sandbox/aws/protocol/constraints.ts";

export interface NewRole {
  readonly name: string;
  /** @default "/" */
  readonly path?: string | undefined;
  /** Text of the trust policy. */
  readonly trust: string;
  readonly description?: string | undefined;
  /** @default 3600 */
  readonly maxSessionSeconds?: number | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** ARN of a managed policy. */
  readonly boundary?: string | undefined;
}

export interface RoleChange {
  readonly description?: string | undefined;
  readonly maxSessionSeconds?: number | undefined;
}

/** @throws AwsFault EntityAlreadyExists, MalformedPolicyDocument, LimitExceeded, ValidationError, InvalidInput */
export function createRole(cloud: Cloud, account: string, input: NewRole): Role {
  const { name, path = "/", trust, description, maxSessionSeconds = 3_600, tags = {}, boundary } = input;
  const { roles } = iamOf(cloud, account);
  checkName("roleName", name, 64);
  checkPath(path);
  checkChange({ description, maxSessionSeconds });
  checkTags(tags);
  checkBoundary(cloud, account, boundary);
  if (roles[name.toLowerCase()] !== undefined) throw alreadyExists(`Role with name ${name} already exists.`);
  const role: Role = {
    name,
    path,
    id: makeId("AROA"),
    arn: `arn:aws:iam::${account}:role${path}${name}`,
    created: formatTime(cloud.now()),
    description,
    maxSessionSeconds,
    trust,
    trusted: resolveTrust(cloud, trust),
    tags,
    inline: {},
    attached: [],
    boundary,
  };
  return keep(cloud, account, role);
}

function checkChange({ description = "", maxSessionSeconds = 3_600 }: RoleChange): void {
  checkLength("description", description, 0, 1_000);
  checkRange("maxSessionDuration", maxSessionSeconds, 3_600, 43_200);
}

/** @throws AwsFault NoSuchEntity */
function checkBoundary(cloud: Cloud, account: string, boundary: string | undefined): void {
  if (boundary === undefined) return;
  findPolicy(cloud, account, boundary, `Scope ARN: ${boundary} does not exist or is not attachable.`);
}

function keep(cloud: Cloud, account: string, role: Role): Role {
  iamOf(cloud, account).roles[role.name.toLowerCase()] = role;
  cloud.save();
  return role;
}

/** @param nameOrArn an ARN counts only with the right account and path */
export function tryFindRole(cloud: Cloud, account: string, nameOrArn: string): Role | undefined {
  const name = nameOrArn.slice(nameOrArn.lastIndexOf("/") + 1);
  const found = iamOf(cloud, account).roles[name.toLowerCase()];
  return found?.name === nameOrArn || found?.arn === nameOrArn ? found : undefined;
}

/** @throws AwsFault NoSuchEntity */
export function findRole(cloud: Cloud, account: string, nameOrArn: string): Role {
  const found = tryFindRole(cloud, account, nameOrArn);
  if (found === undefined) throw noSuchEntity(`The role with name ${nameOrArn} cannot be found.`);
  return found;
}

export function listRoles(cloud: Cloud, account: string): readonly Role[] {
  return Object.values(iamOf(cloud, account).roles).toSorted((a, b) => a.name.localeCompare(b.name, "en"));
}

/** @throws AwsFault NoSuchEntity, ValidationError */
export function updateRole(cloud: Cloud, account: string, name: string, change: RoleChange): Role {
  const role = findRole(cloud, account, name);
  checkChange(change);
  const { description = role.description, maxSessionSeconds = role.maxSessionSeconds } = change;
  return keep(cloud, account, { ...role, description, maxSessionSeconds });
}

/** @throws AwsFault NoSuchEntity, MalformedPolicyDocument, LimitExceeded */
export function updateTrust(cloud: Cloud, account: string, name: string, trust: string): Role {
  const role = findRole(cloud, account, name);
  return keep(cloud, account, { ...role, trust, trusted: resolveTrust(cloud, trust) });
}

/** @throws AwsFault NoSuchEntity, DeleteConflict while it has policies of any kind */
export function deleteRole(cloud: Cloud, account: string, name: string): void {
  const role = findRole(cloud, account, name);
  if (role.attached.length > 0) throw deleteConflict("Cannot delete entity, must detach all policies first.");
  if (Object.keys(role.inline).length > 0) throw deleteConflict("Cannot delete entity, must delete policies first.");
  delete iamOf(cloud, account).roles[role.name.toLowerCase()];
  cloud.save();
}

/** Gives a role exactly these tags. @throws AwsFault NoSuchEntity, InvalidInput, LimitExceeded */
export function setRoleTags(cloud: Cloud, account: string, name: string, tags: Readonly<Record<string, string>>): Role {
  checkTags(tags);
  return keep(cloud, account, { ...findRole(cloud, account, name), tags });
}

/** Sets a limit, or another one. @throws AwsFault NoSuchEntity for the role or the policy */
export function putRoleBoundary(cloud: Cloud, account: string, name: string, policyArn: string): Role {
  const role = findRole(cloud, account, name);
  checkBoundary(cloud, account, policyArn);
  return keep(cloud, account, { ...role, boundary: policyArn });
}

/** @throws AwsFault NoSuchEntity for the role, or when it has no limit */
export function deleteRoleBoundary(cloud: Cloud, account: string, name: string): Role {
  const role = findRole(cloud, account, name);
  if (role.boundary === undefined) throw noSuchEntity(`Role ${name} does not have a permissions boundary`);
  return keep(cloud, account, { ...role, boundary: undefined });
}

/** Adds an inline policy, or replaces it. @throws AwsFault NoSuchEntity, MalformedPolicyDocument, LimitExceeded */
export function putRolePolicy(cloud: Cloud, account: string, name: string, policy: string, document: string): Role {
  const role = findRole(cloud, account, name);
  return keep(cloud, account, { ...role, inline: addInline(role, policy, document, { kind: "role", most: 10_240 }) });
}

/** @throws AwsFault NoSuchEntity for the role or the policy */
export function deleteRolePolicy(cloud: Cloud, account: string, name: string, policy: string): Role {
  const role = findRole(cloud, account, name);
  return keep(cloud, account, { ...role, inline: dropInline(role, policy) });
}

/** Attaching twice is no fault. @throws AwsFault NoSuchEntity, LimitExceeded */
export function attachRolePolicy(cloud: Cloud, account: string, name: string, policyArn: string): Role {
  const role = findRole(cloud, account, name);
  return keep(cloud, account, { ...role, attached: addAttached(cloud, account, role, policyArn, "Role") });
}

/** @throws AwsFault NoSuchEntity for the role, or when the policy is not attached */
export function detachRolePolicy(cloud: Cloud, account: string, name: string, policyArn: string): Role {
  const role = findRole(cloud, account, name);
  return keep(cloud, account, { ...role, attached: dropAttached(role, policyArn) });
}
