import { formatCidr, tryParseCidr } from "#lib/fleet/cidr.ts";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import { type Item, newId, type Vpc } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { allowOn, dependencyViolation, itemType, kinds, stateOf } from "#sandbox/aws/cloudformation/types/ec2/item.ts";
import type { ResourceContext } from "#sandbox/aws/cloudformation/types/type.ts";
import { leftovers } from "#sandbox/aws/eks/load-balancers.ts";
import { type JsonObject, stringAt } from "#sandbox/json.ts";

export const vpc = itemType({
  name: "AWS::EC2::VPC",
  kind: kinds.vpc,
  supports: ["CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "Tags"],
  attributes: ["CidrBlock"],
  seconds: { create: 12, update: 10, delete: 2 },
  actions: { create: "ec2:CreateVpc", describe: "ec2:DescribeVpcs", delete: "ec2:DeleteVpc" },
  limit: ["vpcs", "VpcLimitExceeded", "VPCs"],

  create(context, properties, item) {
    const text = stringAt(properties, "CidrBlock");
    const cidr = tryParseCidr(text);
    if (cidr === undefined || cidr.prefix < 16 || cidr.prefix > 28) {
      throw new AwsFault("InvalidVpc.Range", `The CIDR '${text}' is invalid.`);
    }
    const dns = changedDns(context, { ...item, dnsSupport: true, dnsHostnames: false }, properties);
    const main = { id: newId("rtb"), tags: {}, vpcId: item.id, routes: [] };
    stateOf(context).routeTables[main.id] = { ...main, associations: { [newId("rtbassoc")]: "main" } };
    return { ...item, ...dns, cidr: formatCidr(cidr), defaultSecurityGroup: newId("sg"), defaultAcl: newId("acl") };
  },

  read: ({ id, cidr, defaultAcl, defaultSecurityGroup, dnsSupport, dnsHostnames }) => ({
    VpcId: id,
    CidrBlock: cidr,
    CidrBlockAssociations: [`vpc-cidr-assoc-${id.slice(4)}`],
    DefaultNetworkAcl: defaultAcl,
    DefaultSecurityGroup: defaultSecurityGroup,
    Ipv6CidrBlocks: [],
    EnableDnsSupport: dnsSupport,
    EnableDnsHostnames: dnsHostnames,
  }),

  update: changedDns,

  release(context, found) {
    const state = stateOf(context);
    const tables = Object.values(state.routeTables).filter(({ vpcId }) => vpcId === found.id);
    const main = tables.filter(({ associations }) => Object.values(associations).includes("main"));
    const inside = [state.subnets, state.gateways, state.natGateways].some((things) =>
      Object.values(things).some(({ vpcId }) => vpcId === found.id),
    );
    if (inside || tables.length > main.length || leftovers(context, found.id).length > 0) {
      throw dependencyViolation(kinds.vpc, found);
    }
    for (const { id } of main) delete state.routeTables[id];
  },
});

type Dns = Pick<Vpc, "dnsSupport" | "dnsHostnames">;

function changedDns(context: ResourceContext, now: Item & Dns, properties: JsonObject): Dns {
  const dnsSupport = properties.EnableDnsSupport !== false;
  const dnsHostnames = properties.EnableDnsHostnames === true;
  if (dnsSupport !== now.dnsSupport || dnsHostnames !== now.dnsHostnames) {
    allowOn(context, "ec2:ModifyVpcAttribute", kinds.vpc, now);
  }
  if (dnsSupport || !dnsHostnames) return { dnsSupport, dnsHostnames };
  throw new AwsFault(
    "InvalidParameterValue",
    `VPC ${now.id} must have DNS support enabled before DNS hostnames can be enabled`,
  );
}
