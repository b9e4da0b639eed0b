import { AwsFault } from "#sandbox/aws/cloud.ts";
import type { NetworkState } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { newId } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { allowOn, itemType, kinds, stateOf, thingOf } from "#sandbox/aws/cloudformation/types/ec2/item.ts";
import type { ResourceContext } from "#sandbox/aws/cloudformation/types/type.ts";
import { stringAt } from "#sandbox/json.ts";

export const address = itemType({
  name: "AWS::EC2::EIP",
  kind: kinds.address,
  supports: ["Domain", "Tags"],
  seconds: { create: 12, update: 8, delete: 3 },
  actions: { create: "ec2:AllocateAddress", describe: "ec2:DescribeAddresses", delete: "ec2:ReleaseAddress" },
  limit: ["addresses", "AddressLimitExceeded", "addresses"],
  ref: ({ ip }) => ip,
  create: (context, _, item) => ({ ...item, ip: freeAddress(context) }),
  read: ({ id, ip }) => ({ PublicIp: ip, AllocationId: id, Domain: "vpc" }),
  release(_, { ip, natGatewayId }) {
    if (natGatewayId !== undefined) throw new AwsFault("InvalidIPAddress.InUse", `Address ${ip} is in use.`);
  },
});

/** 198.18.0.0/15 without its broadcast address. */
const hosts = 2 ** 17 - 1;

/** Of the range for benchmarks: never routed, and large enough for thousands of clusters. @see https://www.rfc-editor.org/rfc/rfc2544 */
function freeAddress({ cloud }: ResourceContext): string {
  const states = cloud.slices<Partial<NetworkState>>("ec2");
  const taken = new Set(states.flatMap(({ state }) => Object.values(state.addresses ?? {}).map(({ ip }) => ip)));
  for (let host = 1; host < hosts; host++) {
    const ip = `198.${18 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`;
    if (!taken.has(ip)) return ip;
  }
  throw new AwsFault("InsufficientAddressCapacity", "Not enough public addresses are available.");
}

export const natGateway = itemType({
  name: "AWS::EC2::NatGateway",
  kind: kinds.natGateway,
  supports: ["AllocationId", "SubnetId", "Tags"],
  seconds: { create: 90, update: 10, delete: 60 },
  actions: { create: "ec2:CreateNatGateway", describe: "ec2:DescribeNatGateways", delete: "ec2:DeleteNatGateway" },

  create(context, properties, item) {
    const { natGateways, addresses, gateways, subnets, quotas } = stateOf(context);
    const place = thingOf(context, kinds.subnet, stringAt(properties, "SubnetId"));
    const outside = thingOf(context, kinds.address, stringAt(properties, "AllocationId"));
    allowOn(context, "ec2:CreateNatGateway", kinds.subnet, place);
    allowOn(context, "ec2:CreateNatGateway", kinds.address, outside);
    if (outside.natGatewayId !== undefined) {
      throw new AwsFault("Resource.AlreadyAssociated", `Elastic IP address [${outside.id}] is already associated`);
    }
    if (!Object.values(gateways).some(({ vpcId }) => vpcId === place.vpcId)) {
      throw new AwsFault("Gateway.NotAttached", `Network ${place.vpcId} has no Internet gateway attached`);
    }
    const inZone = Object.values(natGateways).filter(({ subnetId }) => subnets[subnetId]?.zone === place.zone);
    if (inZone.length >= quotas.natGatewaysPerZone) {
      throw new AwsFault("NatGatewayLimitExceeded", "The maximum number of NAT Gateways has been reached.");
    }
    addresses[outside.id] = { ...outside, natGatewayId: item.id };
    const { vpcId, id: subnetId } = place;
    return { ...item, vpcId, subnetId, allocationId: outside.id, interfaceId: newId("eni") };
  },

  read: ({ id, interfaceId, subnetId, allocationId }) => ({
    NatGatewayId: id,
    EniId: interfaceId,
    SubnetId: subnetId,
    ConnectivityType: "public",
    AllocationId: allocationId,
  }),

  release(context, { allocationId }) {
    const { addresses } = stateOf(context);
    const { natGatewayId: _, ...free } = thingOf(context, kinds.address, allocationId);
    addresses[allocationId] = free;
  },
});
