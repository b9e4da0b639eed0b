import { AwsFault } from "#sandbox/aws/cloud.ts";
import { newId } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { contains, formatCidr, overlap, tryParseCidr } from "#sandbox/aws/cloudformation/template/cidr.ts";
import { zoneIdsOf, zonesOf } from "#sandbox/aws/cloudformation/template/zones.ts";
import {
  allowNew,
  allowOn,
  changedTags,
  dependencyViolation,
  stateOf,
  subnetOf,
  targetOf,
  vpcOf,
} from "#sandbox/aws/cloudformation/types/ec2/calls.ts";
import { defineType, tagList } from "#sandbox/aws/cloudformation/types/type.ts";
import { leftoversInSubnet } from "#sandbox/aws/eks/load-balancers.ts";
import { type JsonObject, stringAt } from "#sandbox/json.ts";

export const subnet = defineType({
  name: "AWS::EC2::Subnet",
  supports: ["AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "MapPublicIpOnLaunch", "Tags", "VpcId"],
  attributes: ["AvailabilityZone", "CidrBlock", "VpcId"],
  seconds: { create: 4, update: 10, delete: 2 },

  create(context, properties) {
    const { subnets } = stateOf(context);
    const network = vpcOf(context, stringAt(properties, "VpcId"));
    const tags = allowNew(context, "CreateSubnet", "subnet", properties.Tags);
    allowOn(context, "CreateSubnet", targetOf.vpc(network));
    const text = stringAt(properties, "CidrBlock");
    const range = tryParseCidr(text);
    const whole = tryParseCidr(network.cidr);
    if (range === undefined || whole === undefined || range.bits < 16 || range.bits > 28 || !contains(whole, range)) {
      throw new AwsFault("InvalidSubnet.Range", `The CIDR '${text}' is invalid.`);
    }
    const taken = Object.values(subnets).some((other) => {
      const used = tryParseCidr(other.cidr);
      return other.vpcId === network.id && used !== undefined && overlap(used, range);
    });
    if (taken) throw new AwsFault("InvalidSubnet.Conflict", `The CIDR '${text}' conflicts with another subnet`);
    const zone = zoneOf(context.region, properties);
    const id = newId("subnet");
    const mapPublicIp = properties.MapPublicIpOnLaunch === true;
    if (mapPublicIp) allowOn(context, "ModifySubnetAttribute", targetOf.subnet({ id, tags }));
    subnets[id] = { id, tags, vpcId: network.id, zone, cidr: formatCidr(range), mapPublicIp };
    return id;
  },

  read(context, id) {
    const found = stateOf(context).subnets[id];
    if (found === undefined) return undefined;
    return {
      SubnetId: id,
      VpcId: found.vpcId,
      AvailabilityZone: found.zone,
      AvailabilityZoneId: zoneIdsOf(context.region).get(found.zone) ?? "",
      CidrBlock: found.cidr,
      MapPublicIpOnLaunch: found.mapPublicIp,
      Ipv6CidrBlocks: [],
      Tags: tagList(found.tags),
    };
  },

  update(context, id, properties) {
    const found = subnetOf(context, id);
    const mapPublicIp = properties.MapPublicIpOnLaunch === true;
    if (mapPublicIp !== found.mapPublicIp) allowOn(context, "ModifySubnetAttribute", targetOf.subnet(found));
    const tags = changedTags(context, "subnet", found, properties);
    stateOf(context).subnets[id] = { ...found, mapPublicIp, tags };
  },

  delete(context, id) {
    const { subnets, natGateways } = stateOf(context);
    context.allow("ec2:DescribeSubnets", "*");
    const found = subnets[id];
    if (found === undefined) return;
    allowOn(context, "DeleteSubnet", targetOf.subnet(found));
    const isUsed = Object.values(natGateways).some(({ subnetId }) => subnetId === id);
    if (isUsed || leftoversInSubnet(context, id).length > 0) throw dependencyViolation("subnet", id);
    delete subnets[id];
  },
});

/** Named by letter or by id; the first one where neither is said. */
function zoneOf(region: string, properties: JsonObject): string {
  const zones = zonesOf(region);
  const ids = zoneIdsOf(region);
  const id = stringAt(properties, "AvailabilityZoneId");
  const name = stringAt(properties, "AvailabilityZone");
  if (id !== "") {
    const found = zones.find((zone) => ids.get(zone) === id);
    if (found !== undefined) return found;
    throw unknownZone("availabilityZoneId", id, [...ids.values()]);
  }
  const zone = name === "" ? (zones[0] ?? "") : name;
  if (!zones.includes(zone)) throw unknownZone("availabilityZone", zone, zones);
  return zone;
}

function unknownZone(parameter: string, value: string, known: readonly string[]): AwsFault {
  return new AwsFault(
    "InvalidParameterValue",
    `Value (${value}) for parameter ${parameter} is invalid. Subnets can currently only be created in the following availability zones: ${known.join(", ")}.`,
  );
}
