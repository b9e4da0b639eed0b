import { formatCidr, overlap, tryParseCidr } from "#lib/fleet/cidr.ts";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import { contains } from "#sandbox/aws/cloudformation/template/cidr.ts";
import { zoneIdsOf, zonesOf } from "#sandbox/aws/cloudformation/template/zones.ts";
import {
  allowOn,
  dependencyViolation,
  itemType,
  kinds,
  stateOf,
  thingOf,
} from "#sandbox/aws/cloudformation/types/ec2/item.ts";
import { leftoversInSubnet } from "#sandbox/aws/eks/load-balancers.ts";
import { type JsonObject, stringAt } from "#sandbox/json.ts";

export const subnet = itemType({
  name: "AWS::EC2::Subnet",
  kind: kinds.subnet,
  supports: ["AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "MapPublicIpOnLaunch", "Tags", "VpcId"],
  attributes: ["AvailabilityZone", "CidrBlock", "VpcId"],
  seconds: { create: 4, update: 10, delete: 2 },
  actions: { create: "ec2:CreateSubnet", describe: "ec2:DescribeSubnets", delete: "ec2:DeleteSubnet" },

  create(context, properties, item) {
    const network = thingOf(context, kinds.vpc, stringAt(properties, "VpcId"));
    allowOn(context, "ec2:CreateSubnet", kinds.vpc, network);
    const text = stringAt(properties, "CidrBlock");
    const range = tryParseCidr(text);
    const whole = tryParseCidr(network.cidr);
    if (
      range === undefined ||
      whole === undefined ||
      range.prefix < 16 ||
      range.prefix > 28 ||
      !contains(whole, range)
    ) {
      throw new AwsFault("InvalidSubnet.Range", `The CIDR '${text}' is invalid.`);
    }
    const taken = Object.values(stateOf(context).subnets).some((other) => {
      const used = tryParseCidr(other.cidr);
      return other.vpcId === network.id && used !== undefined && overlap(used, range);
    });
    if (taken) throw new AwsFault("InvalidSubnet.Conflict", `The CIDR '${text}' conflicts with another subnet`);
    const zone = zoneOf(context.region, properties);
    const mapPublicIp = properties.MapPublicIpOnLaunch === true;
    if (mapPublicIp) allowOn(context, "ec2:ModifySubnetAttribute", kinds.subnet, item);
    return { ...item, vpcId: network.id, zone, cidr: formatCidr(range), mapPublicIp };
  },

  read: ({ id, vpcId, zone, cidr, mapPublicIp }, { region }) => ({
    SubnetId: id,
    VpcId: vpcId,
    AvailabilityZone: zone,
    AvailabilityZoneId: zoneIdsOf(region).get(zone) ?? "",
    CidrBlock: cidr,
    MapPublicIpOnLaunch: mapPublicIp,
    Ipv6CidrBlocks: [],
  }),

  update(context, found, properties) {
    const mapPublicIp = properties.MapPublicIpOnLaunch === true;
    if (mapPublicIp !== found.mapPublicIp) allowOn(context, "ec2:ModifySubnetAttribute", kinds.subnet, found);
    return { mapPublicIp };
  },

  release(context, found) {
    const isUsed = Object.values(stateOf(context).natGateways).some(({ subnetId }) => subnetId === found.id);
    if (isUsed || leftoversInSubnet(context, found.id).length > 0) throw dependencyViolation(kinds.subnet, found);
  },
});

/** Named by letter or by id; the first one where neither is said. */
function zoneOf(region: string, properties: JsonObject): string {
  const ids = zoneIdsOf(region);
  const zones = zonesOf(region);
  const id = stringAt(properties, "AvailabilityZoneId");
  const name = stringAt(properties, "AvailabilityZone") || (zones[0] ?? "");
  const found = zones.find((zone) => (id === "" ? zone === name : ids.get(zone) === id));
  if (found !== undefined) return found;
  const [parameter, value, known] =
    id === "" ? ["availabilityZone", name, zones] : ["availabilityZoneId", id, [...ids.values()]];
  throw new AwsFault(
    "InvalidParameterValue",
    `Value (${value}) for parameter ${parameter} is invalid. Subnets can currently only be created in the following availability zones: ${known.join(", ")}.`,
  );
}
