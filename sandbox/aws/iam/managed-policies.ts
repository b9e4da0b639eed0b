import type { Cloud } from "#sandbox/aws/cloud.ts";
import { tryFindAwsPolicy } from "#sandbox/aws/iam/aws-managed-policies.ts";
import {
  alreadyExists,
  deleteConflict,
  formatTime,
  iamOf,
  limitExceeded,
  type ManagedPolicy,
  makeId,
  noSuchEntity,
  type PolicyVersion,
} from "#sandbox/aws/iam/model.ts";
import { checkName, checkPath, sizeOfPolicy } from "#sandbox/aws/iam/validation.ts";
import { parsePolicy } from "#sandbox/aws/policy/parse.ts";
import { checkLength } from "#sandbox/aws/protocol/constraints.ts";

export interface NewPolicy {
  readonly name: string;
  /** @default "/" */
  readonly path?: string | undefined;
  readonly document: string;
  readonly description?: string | undefined;
}

const maxVersions = 5;
/** Characters without white space. */
const maxSize = 6_144;

/** @throws AwsFault EntityAlreadyExists, MalformedPolicyDocument, LimitExceeded, ValidationError, InvalidInput */
export function createPolicy(cloud: Cloud, account: string, input: NewPolicy): ManagedPolicy {
  const { name, path = "/", document, description } = input;
  const { policies } = iamOf(cloud, account);
  checkName("policyName", name, 128);
  checkPath(path);
  checkLength("description", description ?? "", 0, 1_000);
  checkDocument(document);
  const isTaken = Object.values(policies).some((policy) => policy.name.toLowerCase() === name.toLowerCase());
  if (isTaken) throw alreadyExists(`A policy called ${name} already exists. Duplicate names are not allowed.`);
  const created = formatTime(cloud.now());
  return keep(cloud, account, {
    name,
    path,
    id: makeId("ANPA"),
    arn: `arn:aws:iam::${account}:policy${path}${name}`,
    created,
    updated: created,
    description,
    defaultVersion: "v1",
    versions: [{ id: "v1", created, document }],
    lastVersion: 1,
  });
}

function checkDocument(document: string): void {
  parsePolicy(document, "identity");
  if (sizeOfPolicy(document) > maxSize) throw limitExceeded(`Cannot exceed quota for PolicySize: ${maxSize}`);
}

function keep(cloud: Cloud, account: string, policy: ManagedPolicy): ManagedPolicy {
  iamOf(cloud, account).policies[policy.arn] = policy;
  cloud.save();
  return policy;
}

/** One of the account, or one of AWS's own. */
export function tryFindPolicy(cloud: Cloud, account: string, arn: string): ManagedPolicy | undefined {
  return tryFindAwsPolicy(arn) ?? iamOf(cloud, account).policies[arn];
}

/** @throws AwsFault NoSuchEntity */
export function findPolicy(
  cloud: Cloud,
  account: string,
  arn: string,
  message = `Policy ${arn} was not found.`,
): ManagedPolicy {
  const found = tryFindPolicy(cloud, account, arn);
  if (found === undefined) throw noSuchEntity(message);
  return found;
}

/** One that the account may change. AWS's own are not. @throws AwsFault NoSuchEntity */
function findOwn(cloud: Cloud, account: string, arn: string): ManagedPolicy {
  const found = iamOf(cloud, account).policies[arn];
  if (found === undefined) throw noSuchEntity(`Policy ${arn} was not found.`);
  return found;
}

/** How many roles of the account have it for their limit. */
function countBoundaries(cloud: Cloud, account: string, arn: string): number {
  return Object.values(iamOf(cloud, account).roles).filter(({ boundary }) => boundary === arn).length;
}

/** How many users and roles of the account have it. */
function countAttachments(cloud: Cloud, account: string, arn: string): number {
  const { users, roles } = iamOf(cloud, account);
  return [...Object.values(users), ...Object.values(roles)].filter(({ attached }) => attached.includes(arn)).length;
}

/** @throws AwsFault NoSuchEntity, DeleteConflict while it is attached, a limit of roles, or has other versions */
export function deletePolicy(cloud: Cloud, account: string, arn: string): void {
  const policy = findOwn(cloud, account, arn);
  if (countAttachments(cloud, account, arn) + countBoundaries(cloud, account, arn) > 0) {
    throw deleteConflict("Cannot delete a policy attached to entities.");
  }
  if (policy.versions.length > 1) {
    throw deleteConflict(
      "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
    );
  }
  delete iamOf(cloud, account).policies[arn];
  cloud.save();
}

/** @throws AwsFault NoSuchEntity */
function findVersion(policy: ManagedPolicy, id: string): PolicyVersion {
  const found = policy.versions.find((version) => version.id === id);
  if (found === undefined)
    throw noSuchEntity(`Policy ${policy.arn} version ${id} does not exist or is not attachable.`);
  return found;
}

/** The text that counts. */
export function documentOf(policy: ManagedPolicy): string {
  return findVersion(policy, policy.defaultVersion).document;
}

/** @throws AwsFault NoSuchEntity, MalformedPolicyDocument, LimitExceeded */
export function createPolicyVersion(
  cloud: Cloud,
  account: string,
  arn: string,
  document: string,
  setAsDefault: boolean,
): PolicyVersion {
  const policy = findOwn(cloud, account, arn);
  checkDocument(document);
  if (policy.versions.length >= maxVersions) {
    throw limitExceeded(
      "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
    );
  }
  const lastVersion = policy.lastVersion + 1;
  const created = formatTime(cloud.now());
  const version = { id: `v${lastVersion}`, created, document };
  keep(cloud, account, {
    ...policy,
    updated: created,
    versions: [version, ...policy.versions],
    lastVersion,
    defaultVersion: setAsDefault ? version.id : policy.defaultVersion,
  });
  return version;
}

/** @throws AwsFault NoSuchEntity, DeleteConflict for the version that counts */
export function deletePolicyVersion(cloud: Cloud, account: string, arn: string, id: string): void {
  const policy = findOwn(cloud, account, arn);
  findVersion(policy, id);
  if (policy.defaultVersion === id) throw deleteConflict("Cannot delete the default version of a policy.");
  keep(cloud, account, { ...policy, versions: policy.versions.filter((version) => version.id !== id) });
}
