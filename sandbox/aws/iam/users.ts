import { randomBytes } from "node:crypto";
import type { Cloud } from "#sandbox/aws/cloud.ts";
import { addAttached, addInline, dropAttached } from "#sandbox/aws/iam/attachments.ts";
import {
  type AccessKey,
  alreadyExists,
  deleteConflict,
  formatTime,
  iamOf,
  limitExceeded,
  makeId,
  noSuchEntity,
  type User,
} from "#sandbox/aws/iam/model.ts";
import { checkName, checkTags } from "#sandbox/aws/iam/validation.ts";

export interface NewUser {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

const maxAccessKeys = 2;

/** @throws AwsFault EntityAlreadyExists, ValidationError, InvalidInput */
export function createUser(cloud: Cloud, account: string, input: NewUser): User {
  const { name, tags = {} } = input;
  checkName("userName", name, 64);
  checkTags(tags);
  if (iamOf(cloud, account).users[name.toLowerCase()] !== undefined) {
    throw alreadyExists(`User with name ${name} already exists.`);
  }
  return keep(cloud, account, {
    name,
    path: "/",
    id: makeId("AIDA"),
    arn: `arn:aws:iam::${account}:user/${name}`,
    created: formatTime(cloud.now()),
    tags,
    inline: {},
    attached: [],
    accessKeys: [],
  });
}

function keep(cloud: Cloud, account: string, user: User): User {
  iamOf(cloud, account).users[user.name.toLowerCase()] = user;
  cloud.save();
  return user;
}

/** @throws AwsFault NoSuchEntity */
export function findUser(cloud: Cloud, account: string, name: string): User {
  const found = iamOf(cloud, account).users[name.toLowerCase()];
  if (found?.name !== name) throw noSuchEntity(`The user with name ${name} cannot be found.`);
  return found;
}

/** @throws AwsFault NoSuchEntity, DeleteConflict while it has keys or policies */
export function deleteUser(cloud: Cloud, account: string, name: string): void {
  const user = findUser(cloud, account, name);
  if (user.attached.length > 0) throw deleteConflict("Cannot delete entity, must detach all policies first.");
  if (Object.keys(user.inline).length > 0) throw deleteConflict("Cannot delete entity, must delete policies first.");
  if (user.accessKeys.length > 0) throw deleteConflict("Cannot delete entity, must delete access keys first.");
  delete iamOf(cloud, account).users[name.toLowerCase()];
  cloud.save();
}

/** @throws AwsFault NoSuchEntity, MalformedPolicyDocument, LimitExceeded */
export function putUserPolicy(cloud: Cloud, account: string, name: string, policy: string, document: string): User {
  const user = findUser(cloud, account, name);
  return keep(cloud, account, { ...user, inline: addInline(user, policy, document, { kind: "user", most: 2_048 }) });
}

/** @throws AwsFault NoSuchEntity, LimitExceeded */
export function attachUserPolicy(cloud: Cloud, account: string, name: string, policyArn: string): User {
  const user = findUser(cloud, account, name);
  return keep(cloud, account, { ...user, attached: addAttached(cloud, account, user, policyArn, "User") });
}

/** @throws AwsFault NoSuchEntity for the user, or when the policy is not attached */
export function detachUserPolicy(cloud: Cloud, account: string, name: string, policyArn: string): User {
  const user = findUser(cloud, account, name);
  return keep(cloud, account, { ...user, attached: dropAttached(user, policyArn) });
}

/** @throws AwsFault NoSuchEntity, LimitExceeded for a third */
export function createAccessKey(cloud: Cloud, account: string, name: string): AccessKey {
  const user = findUser(cloud, account, name);
  if (user.accessKeys.length >= maxAccessKeys) {
    throw limitExceeded(`Cannot exceed quota for AccessKeysPerUser: ${maxAccessKeys}`);
  }
  const key = { id: makeId("AKIA"), secret: randomBytes(30).toString("base64"), created: formatTime(cloud.now()) };
  keep(cloud, account, { ...user, accessKeys: [...user.accessKeys, key] });
  return key;
}

/** @throws AwsFault NoSuchEntity */
export function deleteAccessKey(cloud: Cloud, account: string, name: string, id: string): void {
  const user = findUser(cloud, account, name);
  if (user.accessKeys.every((key) => key.id !== id)) {
    throw noSuchEntity(`The Access Key with id ${id} cannot be found.`);
  }
  keep(cloud, account, { ...user, accessKeys: user.accessKeys.filter((key) => key.id !== id) });
}
