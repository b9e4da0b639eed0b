import { randomUUID } from "node:crypto";
import {
  defineType,
  mergeTags,
  type ResourceContext,
  tagChanges,
  tagList,
  tagRecord,
  tryFind,
} from "#sandbox/aws/cloudformation/types/type.ts";
import type { HostedZone } from "#sandbox/aws/route53/model.ts";
import { changeComment, changeTags, createZone, deleteZone, getZone } from "#sandbox/aws/route53/zones.ts";
import { type JsonObject, stringAt } from "#sandbox/json.ts";

export const hostedZone = defineType({
  name: "AWS::Route53::HostedZone",
  supports: ["HostedZoneConfig.Comment", "HostedZoneTags", "Name"],
  // CloudFormation waits until all name servers know the zone.
  seconds: { create: 35, update: 10, delete: 35 },

  create(context, properties) {
    const { cloud, account } = context;
    context.allow("route53:CreateHostedZone", "*");
    const { zone } = createZone(cloud, account, {
      name: stringAt(properties, "Name"),
      callerReference: randomUUID(),
      comment: commentOf(properties),
    });
    context.began(zone.id);
    const tags = mergeTags(context, properties.HostedZoneTags);
    if (tags.length > 0) {
      context.allow("route53:ChangeTagsForResource", arnOf(zone.id));
      changeTags(cloud, account, zone.id, { add: tagRecord(tags) });
    }
    return zone.id;
  },

  readArn: (_, id) => arnOf(id),

  read(context, id) {
    const zone = tryZone(context, id);
    if (zone === undefined) return undefined;
    return {
      Id: zone.id,
      Name: zone.name.replace(/\.$/, ""),
      NameServers: [...zone.nameServers],
      HostedZoneConfig: zone.comment === undefined ? {} : { Comment: zone.comment },
      HostedZoneTags: tagList(zone.tags),
    };
  },

  update(context, id, properties) {
    const { cloud, account } = context;
    const zone = getZone(cloud, account, id);
    const comment = commentOf(properties);
    if (comment !== zone.comment) {
      context.allow("route53:UpdateHostedZoneComment", arnOf(id));
      changeComment(cloud, account, id, comment);
    }
    const changes = tagChanges(zone.tags, tagRecord(mergeTags(context, properties.HostedZoneTags)));
    if (Object.keys(changes.add).length === 0 && changes.remove.length === 0) return;
    context.allow("route53:ChangeTagsForResource", arnOf(id));
    changeTags(cloud, account, id, changes);
  },

  delete(context, id) {
    context.allow("route53:GetHostedZone", arnOf(id));
    if (tryZone(context, id) === undefined) return;
    context.allow("route53:DeleteHostedZone", arnOf(id));
    deleteZone(context.cloud, context.account, id);
  },
});

function tryZone({ cloud, account }: ResourceContext, id: string): HostedZone | undefined {
  return tryFind("NoSuchHostedZone", () => getZone(cloud, account, id));
}

function commentOf(properties: JsonObject): string | undefined {
  return stringAt(properties, "HostedZoneConfig", "Comment") || undefined;
}

export function arnOf(zoneId: string): string {
  return `arn:aws:route53:::hostedzone/${zoneId.replace(/^\/hostedzone\//, "")}`;
}
