import { AwsFault } from "#sandbox/aws/cloud.ts";
import { type NatGateway, newId } from "#sandbox/aws/cloudformation/ec2/network.ts";
import {
  allowNew,
  allowOn,
  changedTags,
  stateOf,
  subnetOf,
  targetOf,
} from "#sandbox/aws/cloudformation/types/ec2/calls.ts";
import { defineType, type ResourceContext, tagList } from "#sandbox/aws/cloudformation/types/type.ts";
import { stringAt } from "#sandbox/json.ts";

export const natGateway = defineType({
  name: "AWS::EC2::NatGateway",
  supports: ["AllocationId", "ConnectivityType", "SubnetId", "Tags"],
  seconds: { create: 90, update: 10, delete: 60 },

  create(context, properties) {
    const { natGateways, addresses, gateways, subnets, quotas } = stateOf(context);
    const place = subnetOf(context, stringAt(properties, "SubnetId"));
    const isPrivate = properties.ConnectivityType === "private";
    const tags = allowNew(context, "CreateNatGateway", "natgateway", properties.Tags);
    const allocationId = stringAt(properties, "AllocationId");
    const address = addresses[allocationId];
    if (!isPrivate && address === undefined) {
      throw new AwsFault("InvalidAllocationID.NotFound", `The allocation ID '${allocationId}' does not exist`);
    }
    allowOn(context, "CreateNatGateway", targetOf.subnet(place), ...(address ? [targetOf.address(address)] : []));
    if (address?.natGatewayId !== undefined) {
      throw new AwsFault("Resource.AlreadyAssociated", `Elastic IP address [${allocationId}] is already associated`);
    }
    if (!isPrivate && !Object.values(gateways).some(({ vpcId }) => vpcId === place.vpcId)) {
      throw new AwsFault("Gateway.NotAttached", `Network ${place.vpcId} has no Internet gateway attached`);
    }
    const inZone = Object.values(natGateways).filter(({ subnetId }) => subnets[subnetId]?.zone === place.zone);
    if (inZone.length >= quotas.natGatewaysPerZone) {
      throw new AwsFault("NatGatewayLimitExceeded", "The maximum number of NAT Gateways has been reached.");
    }
    const id = newId("nat");
    const interfaceId = newId("eni");
    natGateways[id] = {
      id,
      tags,
      vpcId: place.vpcId,
      subnetId: place.id,
      isPrivate,
      interfaceId,
      ...(address === undefined ? {} : { allocationId }),
    };
    if (address !== undefined) addresses[allocationId] = { ...address, natGatewayId: id };
    return id;
  },

  read(context, id) {
    const found = stateOf(context).natGateways[id];
    if (found === undefined) return undefined;
    return {
      NatGatewayId: id,
      EniId: found.interfaceId,
      SubnetId: found.subnetId,
      ConnectivityType: found.isPrivate ? "private" : "public",
      ...(found.allocationId === undefined ? {} : { AllocationId: found.allocationId }),
      Tags: tagList(found.tags),
    };
  },

  update(context, id, properties) {
    const found = natGatewayOf(context, id);
    const tags = changedTags(context, "natgateway", found, properties);
    stateOf(context).natGateways[id] = { ...found, tags };
  },

  delete(context, id) {
    const { natGateways, addresses } = stateOf(context);
    context.allow("ec2:DescribeNatGateways", "*");
    const found = natGateways[id];
    if (found === undefined) return;
    allowOn(context, "DeleteNatGateway", targetOf.natGateway(found));
    delete natGateways[id];
    const address = addresses[found.allocationId ?? ""];
    if (address === undefined) return;
    const { natGatewayId: _, ...free } = address;
    addresses[address.id] = free;
  },
});

/** @throws AwsFault NatGatewayNotFound */
export function natGatewayOf(context: ResourceContext, id: string): NatGateway {
  const found = stateOf(context).natGateways[id];
  if (found !== undefined) return found;
  throw new AwsFault("NatGatewayNotFound", `The NatGateway ID '${id}' does not exist`);
}
