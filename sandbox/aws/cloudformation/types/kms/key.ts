import { randomUUID } from "node:crypto";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import {
  defineType,
  mergeTags,
  type ResourceContext,
  resourceContext,
  tagChanges,
  tagContext,
  tagList,
  tagRecord,
} from "#sandbox/aws/cloudformation/types/type.ts";
import { isObject, type Json, type JsonObject, listAt, objectAt, stringAt } from "#sandbox/json.ts";

/** Keys of one account in one region; nothing is encrypted with them. */
interface KeysState {
  readonly keys: Record<string, Key>;
}

interface Key {
  readonly id: string;
  readonly description: string;
  readonly policy: string;
  readonly enabled: boolean;
  readonly rotates: boolean;
  readonly tags: Readonly<Record<string, string>>;
  /** When it will be gone; undefined for one that shall stay. */
  readonly deletedAt?: string;
}

export const kmsKey = defineType({
  name: "AWS::KMS::Key",
  supports: ["Description", "EnableKeyRotation", "Enabled", "KeyPolicy", "PendingWindowInDays", "Tags"],
  // A key becomes usable everywhere within minutes; CloudFormation waits for that.
  seconds: { create: 120, update: 15, delete: 2 },

  create(context, properties) {
    const { account } = context;
    const tags = mergeTags(context, properties.Tags);
    context.allow("kms:CreateKey", "*", tagContext(tags));
    if (tags.length > 0) context.allow("kms:TagResource", "*", tagContext(tags));
    const policy = objectAt(properties, "KeyPolicy");
    const isGiven = Object.keys(policy).length > 0;
    if (isGiven) checkPolicy(policy, account);
    const id = randomUUID();
    const key: Key = {
      id,
      description: stringAt(properties, "Description"),
      policy: JSON.stringify(isGiven ? policy : defaultPolicy(account)),
      enabled: properties.Enabled !== false,
      rotates: properties.EnableKeyRotation === true,
      tags: tagRecord(tags),
    };
    stateOf(context).keys[id] = key;
    context.began(id);
    if (key.rotates) context.allow("kms:EnableKeyRotation", arnOf(context, id), resourceContext(key.tags));
    if (!key.enabled) context.allow("kms:DisableKey", arnOf(context, id), resourceContext(key.tags));
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
      Enabled: found.enabled,
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
    const known = resourceContext(found.tags);
    const policy = objectAt(properties, "KeyPolicy");
    const next: Key = {
      ...found,
      description: stringAt(properties, "Description"),
      policy: JSON.stringify(Object.keys(policy).length > 0 ? policy : defaultPolicy(context.account)),
      enabled: properties.Enabled !== false,
      rotates: properties.EnableKeyRotation === true,
      tags: tagRecord(mergeTags(context, properties.Tags)),
    };
    if (next.policy !== found.policy) {
      checkPolicy(policy, context.account);
      context.allow("kms:PutKeyPolicy", arn, known);
    }
    if (next.description !== found.description) context.allow("kms:UpdateKeyDescription", arn, known);
    if (next.enabled !== found.enabled) context.allow(next.enabled ? "kms:EnableKey" : "kms:DisableKey", arn, known);
    if (next.rotates !== found.rotates) {
      context.allow(next.rotates ? "kms:EnableKeyRotation" : "kms:DisableKeyRotation", arn, known);
    }
    const { add, remove } = tagChanges(found.tags, next.tags);
    if (Object.keys(add).length > 0) context.allow("kms:TagResource", arn, { ...known, ...tagContext(tagList(add)) });
    if (remove.length > 0) context.allow("kms:UntagResource", arn, { ...known, "aws:TagKeys": remove });
    stateOf(context).keys[id] = next;
  },

  delete(context, id, properties) {
    const { keys } = stateOf(context);
    const found = keys[id];
    context.allow("kms:DescribeKey", arnOf(context, id), resourceContext(found?.tags ?? {}));
    if (found === undefined || found.deletedAt !== undefined) return;
    context.allow("kms:ScheduleKeyDeletion", arnOf(context, id), resourceContext(found.tags));
    const days = typeof properties.PendingWindowInDays === "number" ? properties.PendingWindowInDays : 30;
    const deletedAt = new Date(context.cloud.now().getTime() + days * 86_400_000).toISOString();
    keys[id] = { ...found, enabled: false, deletedAt };
  },
});

/** KMS keeps accounts from locking themselves out of a key. @throws AwsFault MalformedPolicyDocumentException */
function checkPolicy(policy: JsonObject, account: string): void {
  const isRoot = (principal: Json | undefined): boolean =>
    [principal].flat().some((one) => one === `arn:aws:iam::${account}:root` || one === account || one === "*");
  const manages = listAt(policy, "Statement").some((statement) => {
    if (!isObject(statement) || statement.Effect !== "Allow") return false;
    const actions = [statement.Action].flat();
    return (
      isRoot(objectAt(statement, "Principal").AWS) &&
      actions.some((one) => one === "kms:*" || one === "kms:PutKeyPolicy")
    );
  });
  if (manages) return;
  throw new AwsFault(
    "MalformedPolicyDocumentException",
    "The new key policy will not allow you to update the key policy in the future.",
  );
}

function defaultPolicy(account: string): JsonObject {
  const root = { AWS: `arn:aws:iam::${account}:root` };
  return {
    Version: "2012-10-17",
    Id: "key-default-1",
    Statement: [
      { Sid: "Enable IAM User Permissions", Effect: "Allow", Principal: root, Action: "kms:*", Resource: "*" },
    ],
  };
}

function stateOf({ cloud, account, region }: ResourceContext): KeysState {
  return cloud.slice<KeysState>("kms", account, region, () => ({ keys: {} }));
}

function arnOf({ account, region }: ResourceContext, id: string): string {
  return `arn:aws:kms:${region}:${account}:key/${id}`;
}
