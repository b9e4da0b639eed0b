import { AwsFault } from "#sandbox/aws/cloud.ts";
import { type InternetGateway, newId } from "#sandbox/aws/cloudformation/ec2/network.ts";
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
import { stringAt } from "#sandbox/json.ts";

export const internetGateway = defineType({
  name: "AWS::EC2::InternetGateway",
  supports: ["Tags"],
  seconds: { create: 15, update: 10, delete: 2 },

  create(context, properties) {
    const { gateways, quotas } = stateOf(context);
    const tags = allowNew(context, "CreateInternetGateway", "internet-gateway", properties.Tags);
    if (Object.keys(gateways).length >= quotas.internetGateways) {
      throw new AwsFault("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.");
    }
    const id = newId("igw");
    gateways[id] = { id, tags };
    return id;
  },

  read(context, id) {
    const found = stateOf(context).gateways[id];
    return found === undefined ? undefined : { InternetGatewayId: id, Tags: tagList(found.tags) };
  },

  update(context, id, properties) {
    const found = gatewayOf(context, id);
    const tags = changedTags(context, "internet-gateway", found, properties);
    stateOf(context).gateways[id] = { ...found, tags };
  },

  delete(context, id) {
    const { gateways } = stateOf(context);
    context.allow("ec2:DescribeInternetGateways", "*");
    const found = gateways[id];
    if (found === undefined) return;
    allowOn(context, "DeleteInternetGateway", targetOf.gateway(found));
    if (found.vpcId !== undefined) throw dependencyViolation("internetGateway", id);
    delete gateways[id];
  },
});

export const gatewayAttachment = defineType({
  name: "AWS::EC2::VPCGatewayAttachment",
  supports: ["InternetGatewayId", "VpcId"],
  seconds: { create: 10, update: 10, delete: 5 },

  create(context, properties) {
    const network = vpcOf(context, stringAt(properties, "VpcId"));
    const gateway = gatewayOf(context, stringAt(properties, "InternetGatewayId"));
    attach(context, gateway, network.id);
    return `IGW|${network.id}`;
  },

  read(context, id) {
    const vpcId = id.slice("IGW|".length);
    const found = Object.values(stateOf(context).gateways).find((gateway) => gateway.vpcId === vpcId);
    return found === undefined ? undefined : { AttachmentType: "IGW", VpcId: vpcId, InternetGatewayId: found.id };
  },

  update(context, id, properties, previous) {
    detach(context, id.slice("IGW|".length), stringAt(previous, "InternetGatewayId"));
    attach(context, gatewayOf(context, stringAt(properties, "InternetGatewayId")), stringAt(properties, "VpcId"));
  },

  delete(context, id, properties) {
    detach(context, id.slice("IGW|".length), stringAt(properties, "InternetGatewayId"));
  },
});

function attach(context: ResourceContext, gateway: InternetGateway, vpcId: string): void {
  const network = vpcOf(context, vpcId);
  const { gateways } = stateOf(context);
  allowOn(context, "AttachInternetGateway", targetOf.gateway(gateway), targetOf.vpc(network));
  if (gateway.vpcId !== undefined) {
    const why = `resource ${gateway.id} is already attached to network ${gateway.vpcId}`;
    throw new AwsFault("Resource.AlreadyAssociated", why);
  }
  if (Object.values(gateways).some((other) => other.vpcId === vpcId)) {
    throw new AwsFault("InvalidParameterValue", `Network ${vpcId} already has an internet gateway attached`);
  }
  gateways[gateway.id] = { ...gateway, vpcId };
}

function detach(context: ResourceContext, vpcId: string, gatewayId: string): void {
  const { gateways, vpcs, natGateways } = stateOf(context);
  const gateway = gateways[gatewayId];
  const network = vpcs[vpcId];
  context.allow("ec2:DescribeInternetGateways", "*");
  if (gateway === undefined || network === undefined || gateway.vpcId !== vpcId) return;
  allowOn(context, "DetachInternetGateway", targetOf.gateway(gateway), targetOf.vpc(network));
  if (Object.values(natGateways).some((nat) => nat.vpcId === vpcId && !nat.isPrivate)) {
    throw new AwsFault(
      "DependencyViolation",
      `Network ${vpcId} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`,
    );
  }
  const { vpcId: _, ...free } = gateway;
  gateways[gatewayId] = free;
}

/** @throws AwsFault InvalidInternetGatewayID.NotFound */
export function gatewayOf(context: ResourceContext, id: string): InternetGateway {
  const found = stateOf(context).gateways[id];
  if (found !== undefined) return found;
  throw new AwsFault("InvalidInternetGatewayID.NotFound", `The internetGateway ID '${id}' does not exist`);
}
