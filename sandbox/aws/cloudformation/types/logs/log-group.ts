import { AwsFault } from "#sandbox/aws/cloud.ts";
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
import { type JsonObject, stringAt } from "#sandbox/json.ts";

/** Log groups of one account in one region, without any logs. */
interface LogsState {
  readonly groups: Record<string, LogGroup>;
}

interface LogGroup {
  readonly name: string;
  readonly retentionDays?: number;
  readonly keyArn?: string;
  readonly tags: Readonly<Record<string, string>>;
}

export const logGroup = defineType({
  name: "AWS::Logs::LogGroup",
  supports: ["KmsKeyId", "LogGroupName", "RetentionInDays", "Tags"],
  seconds: { create: 5, update: 5, delete: 2 },
  nameOf: ({ LogGroupName }) => (typeof LogGroupName === "string" ? LogGroupName : undefined),

  create(context, properties) {
    const name = stringAt(properties, "LogGroupName") || context.generateName(512);
    const arn = arnOf(context, name);
    const tags = mergeTags(context, properties.Tags);
    context.allow("logs:CreateLogGroup", arn, tagContext(tags));
    if (tags.length > 0) context.allow("logs:TagResource", arn, tagContext(tags));
    const keyArn = stringAt(properties, "KmsKeyId");
    if (keyArn !== "") context.allow("logs:AssociateKmsKey", arn, tagContext(tags));
    if (properties.RetentionInDays !== undefined)
      context.allow("logs:PutRetentionPolicy", arn, resourceTags(tagRecord(tags)));
    const { groups } = stateOf(context);
    if (groups[name] !== undefined) {
      throw new AwsFault("ResourceAlreadyExistsException", "The specified log group already exists");
    }
    groups[name] = groupOf(name, properties, tagRecord(tags));
    return name;
  },

  readArn: arnOf,

  read(context, name) {
    const found = stateOf(context).groups[name];
    if (found === undefined) return undefined;
    return {
      LogGroupName: name,
      LogGroupClass: "STANDARD",
      Arn: `${arnOf(context, name)}:*`,
      ...(found.retentionDays === undefined ? {} : { RetentionInDays: found.retentionDays }),
      ...(found.keyArn === undefined ? {} : { KmsKeyId: found.keyArn }),
      Tags: tagList(found.tags),
    };
  },

  update(context, name, properties) {
    const found = stateOf(context).groups[name];
    if (found === undefined) {
      throw new AwsFault("ResourceNotFoundException", "The specified log group does not exist.");
    }
    const arn = arnOf(context, name);
    const known = resourceTags(found.tags);
    const next = groupOf(name, properties, tagRecord(mergeTags(context, properties.Tags)));
    if (next.retentionDays !== found.retentionDays) {
      context.allow(
        next.retentionDays === undefined ? "logs:DeleteRetentionPolicy" : "logs:PutRetentionPolicy",
        arn,
        known,
      );
    }
    if (next.keyArn !== found.keyArn) {
      context.allow(next.keyArn === undefined ? "logs:DisassociateKmsKey" : "logs:AssociateKmsKey", arn, known);
    }
    allowTagChanges(context.allow, arn, ["logs:TagResource", "logs:UntagResource"], found.tags, next.tags);
    stateOf(context).groups[name] = next;
  },

  delete(context, name) {
    const { groups } = stateOf(context);
    const found = groups[name];
    const arn = arnOf(context, name);
    context.allow("logs:DescribeLogGroups", arn);
    if (found === undefined) return;
    context.allow("logs:DeleteLogGroup", arn, resourceTags(found.tags));
    delete groups[name];
  },
});

function groupOf(name: string, { RetentionInDays, KmsKeyId }: JsonObject, tags: LogGroup["tags"]): LogGroup {
  return {
    name,
    tags,
    ...(typeof RetentionInDays === "number" ? { retentionDays: RetentionInDays } : {}),
    ...(typeof KmsKeyId === "string" ? { keyArn: KmsKeyId } : {}),
  };
}

function stateOf({ cloud, account, region }: ResourceContext): LogsState {
  return cloud.slice<LogsState>("logs", account, region, () => ({ groups: {} }));
}

function arnOf({ account, region }: ResourceContext, name: string): string {
  return `arn:aws:logs:${region}:${account}:log-group:${name}`;
}
