import { AwsFault } from "#sandbox/aws/cloud.ts";
import { newId } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { formatCidr, tryParseCidr } from "#sandbox/aws/cloudformation/template/cidr.ts";
import {
  allowNew,
  allowOn,
  changedTags,
  dependencyViolation,
  stateOf,
  targetOf,
  vpcOf,
} from "#sandbox/aws/cloudformation/types/ec2/calls.ts";
import { defineType, type ResourceContext, tagList } from "#sandbox/aws/cloudformation/types/type.ts";
import { leftovers } from "#sandbox/aws/eks/load-balancers.ts";
import { stringAt } from "#sandbox/json.ts";

export const vpc = defineType({
  name: "AWS::EC2::VPC",
  supports: ["CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "InstanceTenancy", "Tags"],
  attributes: ["CidrBlock"],
  seconds: { create: 12, update: 10, delete: 2 },

  create(context, properties) {
    const { vpcs, securityGroups, routeTables, quotas } = stateOf(context);
    const tags = allowNew(context, "CreateVpc", "vpc", properties.Tags);
    const cidr = tryParseCidr(stringAt(properties, "CidrBlock"));
    if (cidr === undefined || cidr.bits < 16 || cidr.bits > 28) {
      throw new AwsFault("InvalidVpc.Range", `The CIDR '${stringAt(properties, "CidrBlock")}' is invalid.`);
    }
    if (Object.keys(vpcs).length >= quotas.vpcs) {
      throw new AwsFault("VpcLimitExceeded", "The maximum number of VPCs has been reached.");
    }
    const id = newId("vpc");
    const groupId = newId("sg");
    const { EnableDnsSupport = true, EnableDnsHostnames = false } = properties;
    if (EnableDnsSupport === false || EnableDnsHostnames === true) allowAttributes(context, id, tags);
    checkDns(EnableDnsSupport === true, EnableDnsHostnames === true, id);
    vpcs[id] = {
      id,
      tags,
      cidr: formatCidr(cidr),
      dnsSupport: EnableDnsSupport === true,
      dnsHostnames: EnableDnsHostnames === true,
      tenancy: stringAt(properties, "InstanceTenancy") || "default",
      defaultSecurityGroup: groupId,
      defaultAcl: newId("acl"),
    };
    const description = "default VPC security group";
    securityGroups[groupId] = {
      id: groupId,
      tags: {},
      vpcId: id,
      name: "default",
      description,
      ingress: [],
      egress: [],
    };
    const mainId = newId("rtb");
    routeTables[mainId] = {
      id: mainId,
      tags: {},
      vpcId: id,
      routes: [],
      associations: { [newId("rtbassoc")]: "main" },
    };
    return id;
  },

  read(context, id) {
    const found = stateOf(context).vpcs[id];
    if (found === undefined) return undefined;
    return {
      VpcId: id,
      CidrBlock: found.cidr,
      CidrBlockAssociations: [`vpc-cidr-assoc-${id.slice(4)}`],
      DefaultNetworkAcl: found.defaultAcl,
      DefaultSecurityGroup: found.defaultSecurityGroup,
      Ipv6CidrBlocks: [],
      EnableDnsSupport: found.dnsSupport,
      EnableDnsHostnames: found.dnsHostnames,
      InstanceTenancy: found.tenancy,
      Tags: tagList(found.tags),
    };
  },

  update(context, id, properties) {
    const found = vpcOf(context, id);
    const dnsSupport = properties.EnableDnsSupport !== false;
    const dnsHostnames = properties.EnableDnsHostnames === true;
    if (dnsSupport !== found.dnsSupport || dnsHostnames !== found.dnsHostnames)
      allowAttributes(context, id, found.tags);
    checkDns(dnsSupport, dnsHostnames, id);
    const tags = changedTags(context, "vpc", found, properties);
    stateOf(context).vpcs[id] = { ...found, dnsSupport, dnsHostnames, tags };
  },

  delete(context, id) {
    const state = stateOf(context);
    context.allow("ec2:DescribeVpcs", "*");
    const found = state.vpcs[id];
    if (found === undefined) return;
    allowOn(context, "DeleteVpc", targetOf.vpc(found));
    const inside = [
      ...Object.values(state.subnets),
      ...Object.values(state.gateways),
      ...Object.values(state.natGateways),
      ...Object.values(state.routeTables).filter(({ associations }) => !Object.values(associations).includes("main")),
      ...Object.values(state.securityGroups).filter((group) => group.id !== found.defaultSecurityGroup),
    ].filter(({ vpcId }) => vpcId === id);
    if (inside.length > 0 || leftovers(context, id).length > 0) throw dependencyViolation("vpc", id);
    delete state.vpcs[id];
    delete state.securityGroups[found.defaultSecurityGroup];
    for (const table of Object.values(state.routeTables)) if (table.vpcId === id) delete state.routeTables[table.id];
  },
});

function allowAttributes(context: ResourceContext, id: string, tags: Readonly<Record<string, string>>): void {
  allowOn(context, "ModifyVpcAttribute", targetOf.vpc({ id, tags }));
}

function checkDns(support: boolean, hostnames: boolean, id: string): void {
  if (support || !hostnames) return;
  throw new AwsFault(
    "InvalidParameterValue",
    `VPC ${id} must have DNS support enabled before DNS hostnames can be enabled`,
  );
}
