import { arnOf } from "#sandbox/aws/cloudformation/types/route53/hosted-zone.ts";
import { defineType, type ResourceContext, tryFind } from "#sandbox/aws/cloudformation/types/type.ts";
import type { RecordChange } from "#sandbox/aws/route53/change-shape.ts";
import { changeRecords, listRecords } from "#sandbox/aws/route53/zones.ts";
import { type JsonObject, listAt, stringAt } from "#sandbox/json.ts";

export const recordSet = defineType({
  name: "AWS::Route53::RecordSet",
  supports: ["Comment", "HostedZoneId", "Name", "ResourceRecords", "TTL", "Type"],
  createOnly: ["Name", "Type"],
  seconds: { create: 35, update: 35, delete: 35 },

  create(context, properties) {
    change(context, "CREATE", properties);
    return stringAt(properties, "Name");
  },

  readArn: (_, __, properties) => arnOf(stringAt(properties, "HostedZoneId")),

  read({ cloud, account }, name, properties) {
    const zoneId = stringAt(properties, "HostedZoneId");
    const type = stringAt(properties, "Type");
    const records = tryFind("NoSuchHostedZone", () => listRecords(cloud, account, zoneId));
    const found = records?.find((one) => one.name === withDot(name) && one.type === type);
    if (found === undefined) return undefined;
    return {
      HostedZoneId: zoneId,
      Name: name,
      Type: type,
      TTL: String(found.ttl),
      ResourceRecords: [...found.values],
    };
  },

  update(context, _, properties) {
    change(context, "UPSERT", properties);
  },

  delete(context, physicalId, properties) {
    const current = recordSet.read(context, physicalId, properties);
    context.allow("route53:ListResourceRecordSets", arnOf(stringAt(properties, "HostedZoneId")));
    if (current !== undefined) change(context, "DELETE", { ...properties, ...current });
  },
});

function change(context: ResourceContext, action: RecordChange["action"], properties: JsonObject): void {
  const { cloud, account } = context;
  const zoneId = stringAt(properties, "HostedZoneId");
  const name = stringAt(properties, "Name");
  const type = stringAt(properties, "Type");
  context.allow("route53:ChangeResourceRecordSets", arnOf(zoneId), {
    "route53:ChangeResourceRecordSetsNormalizedRecordNames": [name.toLowerCase().replace(/\.$/, "")],
    "route53:ChangeResourceRecordSetsRecordTypes": [type],
    "route53:ChangeResourceRecordSetsActions": [action],
  });
  const values = listAt(properties, "ResourceRecords").map(String);
  changeRecords(cloud, account, zoneId, [{ action, name, type, ttl: Number(properties.TTL), values }]);
}

function withDot(name: string): string {
  return name.endsWith(".") ? name.toLowerCase() : `${name.toLowerCase()}.`;
}
