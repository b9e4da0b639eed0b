import { randomUUID } from "node:crypto";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import {
  allowOnKey,
  checkLockout,
  type KeyPolicy,
  parseKeyPolicy,
} from "#sandbox/aws/cloudformation/types/kms/key-policy.ts";
import {
  allowTagChanges,
  defineType,
  mergeTags,
  type ResourceContext,
  tagContext,
  tagList,
  tagRecord,
} from "#sandbox/aws/cloudformation/types/type.ts";
import { resourceTags } from "#sandbox/aws/policy/context.ts";
import { type JsonObject, objectAt, stringAt } from "#sandbox/json.ts";

/** Keys of one account in one region; nothing is encrypted with them. */
interface KeysState {
  readonly keys: Record<string, Key>;
}

interface Key {
  readonly id: string;
  readonly description: string;
  readonly policy: string;
  /** Unique ids of whom the policy names, by ARN. */
  readonly named?: Readonly<Record<string, string>>;
  readonly rotates: boolean;
  readonly tags: Readonly<Record<string, string>>;
  /** When it will be gone; undefined for one that shall stay. */
  readonly deletedAt?: string;
}

export const kmsKey = defineType({
  name: "AWS::KMS::Key",
  supports: ["Description", "EnableKeyRotation", "KeyPolicy", "PendingWindowInDays", "Tags"],
  // A key becomes usable everywhere within minutes; CloudFormation waits for that.
  seconds: { create: 120, update: 15, delete: 2 },

  create(context, properties) {
    const tags = mergeTags(context, properties.Tags);
    context.allow("kms:CreateKey", "*", tagContext(tags));
    if (tags.length > 0) context.allow("kms:TagResource", "*", tagContext(tags));
    const id = randomUUID();
    const arn = arnOf(context, id);
    const key: Key = {
      id,
      description: stringAt(properties, "Description"),
      ...policyOf(context, properties, arn),
      rotates: properties.EnableKeyRotation === true,
      tags: tagRecord(tags),
    };
    stateOf(context).keys[id] = key;
    context.began(id);
    // KMS does not know the tags of a new key yet.
    if (key.rotates) allowOnKey(context, key, "kms:EnableKeyRotation", arn, {});
    return id;
  },

  readArn: arnOf,

  read(context, id) {
    const found = stateOf(context).keys[id];
    // To CloudFormation a key that waits for its deletion is gone.
    if (found === undefined || found.deletedAt !== undefined) return undefined;
    return {
      KeyId: id,
      Arn: arnOf(context, id),
      Description: found.description,
      Enabled: true,
      EnableKeyRotation: found.rotates,
      KeyPolicy: JSON.parse(found.policy),
      Tags: tagList(found.tags),
    };
  },

  update(context, id, properties) {
    const found = stateOf(context).keys[id];
    if (found === undefined || found.deletedAt !== undefined) {
      throw new AwsFault("NotFoundException", `Key '${arnOf(context, id)}' does not exist`);
    }
    const arn = arnOf(context, id);
    const known = resourceTags(found.tags);
    const allow = (action: string, on = arn, condition: Parameters<ResourceContext["allow"]>[2] = known): void =>
      allowOnKey(context, found, action, on, condition);
    const text = policyText(context, properties);
    const isChanged = text !== found.policy;
    if (isChanged) allow("kms:PutKeyPolicy");
    const next: Key = {
      ...found,
      description: stringAt(properties, "Description"),
      ...(isChanged ? policyOf(context, properties, arn) : {}),
      rotates: properties.EnableKeyRotation === true,
      tags: tagRecord(mergeTags(context, properties.Tags)),
    };
    if (next.description !== found.description) allow("kms:UpdateKeyDescription");
    if (next.rotates !== found.rotates) allow(next.rotates ? "kms:EnableKeyRotation" : "kms:DisableKeyRotation");
    allowTagChanges(allow, arn, ["kms:TagResource", "kms:UntagResource"], found.tags, next.tags);
    stateOf(context).keys[id] = next;
  },

  delete(context, id, properties) {
    const { keys } = stateOf(context);
    const found = keys[id];
    if (found === undefined || found.deletedAt !== undefined) return;
    for (const action of ["kms:DescribeKey", "kms:ScheduleKeyDeletion"]) {
      allowOnKey(context, found, action, arnOf(context, id), resourceTags(found.tags));
    }
    const days = typeof properties.PendingWindowInDays === "number" ? properties.PendingWindowInDays : 30;
    const deletedAt = new Date(context.cloud.now().getTime() + days * 86_400_000).toISOString();
    keys[id] = { ...found, deletedAt };
  },
});

/** What a caller needs to encrypt something with a key. @throws AwsFault AccessDenied, NotFoundException */
export function allowUseOfKey(context: ResourceContext, keyArn: string): void {
  const found = stateOf(context).keys[keyArn.split("/").at(-1) ?? ""];
  if (found === undefined) throw new AwsFault("NotFoundException", `Key '${keyArn}' does not exist`);
  for (const action of ["kms:DescribeKey", "kms:CreateGrant"]) {
    allowOnKey(context, found, action, keyArn, resourceTags(found.tags));
  }
}

function policyOf(context: ResourceContext, properties: JsonObject, arn: string): KeyPolicy {
  const policy = parseKeyPolicy(context, policyText(context, properties));
  if (Object.keys(objectAt(properties, "KeyPolicy")).length > 0) checkLockout(context, policy, arn);
  return policy;
}

/** @returns the given policy, or the one that KMS gives to a key without */
function policyText({ account }: ResourceContext, properties: JsonObject): string {
  const given = objectAt(properties, "KeyPolicy");
  if (Object.keys(given).length > 0) return JSON.stringify(given);
  const root = { AWS: `arn:aws:iam::${account}:root` };
  return JSON.stringify({
    Version: "2012-10-17",
    Id: "key-default-1",
    Statement: [
      // KMS has spaces in the id of the statement, IAM takes none.
      { Sid: "EnableIAMUserPermissions", Effect: "Allow", Principal: root, Action: "kms:*", Resource: "*" },
    ],
  });
}

function stateOf({ cloud, account, region }: ResourceContext): KeysState {
  return cloud.slice<KeysState>("kms", account, region, () => ({ keys: {} }));
}

function arnOf({ account, region }: ResourceContext, id: string): string {
  return `arn:aws:kms:${region}:${account}:key/${id}`;
}
