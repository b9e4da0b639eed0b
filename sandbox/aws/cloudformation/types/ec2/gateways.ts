import { AwsFault } from "#sandbox/aws/cloud.ts";
import {
  allowOn,
  dependencyViolation,
  itemType,
  kinds,
  stateOf,
  thingOf,
} from "#sandbox/aws/cloudformation/types/ec2/item.ts";
import { defineType, type ResourceContext } from "#sandbox/aws/cloudformation/types/type.ts";
import { type JsonObject, stringAt } from "#sandbox/json.ts";

export const internetGateway = itemType({
  name: "AWS::EC2::InternetGateway",
  kind: kinds.gateway,
  supports: ["Tags"],
  seconds: { create: 15, update: 10, delete: 2 },
  actions: {
    create: "ec2:CreateInternetGateway",
    describe: "ec2:DescribeInternetGateways",
    delete: "ec2:DeleteInternetGateway",
  },
  limit: ["internetGateways", "InternetGatewayLimitExceeded", "internet gateways"],
  create: (_context, _properties, item) => item,
  read: ({ id }) => ({ InternetGatewayId: id }),
  release(_, found) {
    if (found.vpcId !== undefined) throw dependencyViolation(kinds.gateway, found);
  },
});

export const gatewayAttachment = defineType({
  name: "AWS::EC2::VPCGatewayAttachment",
  supports: ["InternetGatewayId", "VpcId"],
  seconds: { create: 10, update: 10, delete: 5 },
  create: attach,

  read(context, id) {
    const vpcId = id.slice("IGW|".length);
    const found = Object.values(stateOf(context).gateways).find((gateway) => gateway.vpcId === vpcId);
    return found === undefined ? undefined : { AttachmentType: "IGW", VpcId: vpcId, InternetGatewayId: found.id };
  },

  update(context, _, properties, previous) {
    detach(context, previous);
    attach(context, properties);
  },

  delete: (context, _, properties) => detach(context, properties),
});

function attach(context: ResourceContext, properties: JsonObject): string {
  const network = thingOf(context, kinds.vpc, stringAt(properties, "VpcId"));
  const gateway = thingOf(context, kinds.gateway, stringAt(properties, "InternetGatewayId"));
  const { gateways } = stateOf(context);
  allowOn(context, "ec2:AttachInternetGateway", kinds.gateway, gateway);
  allowOn(context, "ec2:AttachInternetGateway", kinds.vpc, network);
  if (gateway.vpcId !== undefined) {
    const why = `resource ${gateway.id} is already attached to network ${gateway.vpcId}`;
    throw new AwsFault("Resource.AlreadyAssociated", why);
  }
  if (Object.values(gateways).some(({ vpcId }) => vpcId === network.id)) {
    throw new AwsFault("InvalidParameterValue", `Network ${network.id} already has an internet gateway attached`);
  }
  gateways[gateway.id] = { ...gateway, vpcId: network.id };
  return `IGW|${network.id}`;
}

function detach(context: ResourceContext, properties: JsonObject): void {
  const { gateways, vpcs, natGateways } = stateOf(context);
  const gateway = gateways[stringAt(properties, "InternetGatewayId")];
  const network = vpcs[stringAt(properties, "VpcId")];
  context.allow("ec2:DescribeInternetGateways", "*");
  if (gateway === undefined || network === undefined || gateway.vpcId !== network.id) return;
  allowOn(context, "ec2:DetachInternetGateway", kinds.gateway, gateway);
  allowOn(context, "ec2:DetachInternetGateway", kinds.vpc, network);
  if (Object.values(natGateways).some(({ vpcId }) => vpcId === network.id)) {
    throw new AwsFault(
      "DependencyViolation",
      `Network ${network.id} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`,
    );
  }
  const { vpcId: _, ...free } = gateway;
  gateways[gateway.id] = free;
}
