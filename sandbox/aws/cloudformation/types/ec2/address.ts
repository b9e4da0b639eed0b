import { AwsFault } from "#sandbox/aws/cloud.ts";
import { newId } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { allowNew, allowOn, changedTags, stateOf, targetOf } from "#sandbox/aws/cloudformation/types/ec2/calls.ts";
import { defineType, type ResourceContext, tagList } from "#sandbox/aws/cloudformation/types/type.ts";

export const address = defineType({
  name: "AWS::EC2::EIP",
  supports: ["Domain", "Tags"],
  seconds: { create: 12, update: 8, delete: 3 },

  create(context, properties) {
    const { addresses, quotas } = stateOf(context);
    const tags = allowNew(context, "AllocateAddress", "elastic-ip", properties.Tags);
    if (Object.keys(addresses).length >= quotas.addresses) {
      throw new AwsFault("AddressLimitExceeded", "The maximum number of addresses has been reached.");
    }
    const id = newId("eipalloc");
    const ip = freeAddress(context);
    addresses[id] = { id, tags, ip };
    return ip;
  },

  read(context, ip) {
    const found = findAddress(context, ip);
    if (found === undefined) return undefined;
    return { PublicIp: ip, AllocationId: found.id, Domain: "vpc", Tags: tagList(found.tags) };
  },

  update(context, ip, properties) {
    const found = findAddress(context, ip);
    if (found === undefined) throw new AwsFault("InvalidAddress.NotFound", `Address '${ip}' not found.`);
    const tags = changedTags(context, "elastic-ip", found, properties);
    stateOf(context).addresses[found.id] = { ...found, tags };
  },

  delete(context, ip) {
    context.allow("ec2:DescribeAddresses", "*");
    const found = findAddress(context, ip);
    if (found === undefined) return;
    allowOn(context, "ReleaseAddress", targetOf.address(found));
    if (found.natGatewayId !== undefined) {
      throw new AwsFault("InvalidIPAddress.InUse", `Address ${ip} is in use.`);
    }
    delete stateOf(context).addresses[found.id];
  },
});

/** 198.18.0.0/15 without its broadcast address. */
const hosts = 2 ** 17 - 1;

function findAddress(context: ResourceContext, ip: string) {
  return Object.values(stateOf(context).addresses).find((one) => one.ip === ip);
}

/** Of the range for benchmarks: never routed, and large enough for thousands of clusters. @see https://www.rfc-editor.org/rfc/rfc2544 */
function freeAddress(context: ResourceContext): string {
  const taken = new Set(context.cloud.slices("ec2").flatMap(({ state }) => ipsOf(state)));
  for (let host = 1; host < hosts; host++) {
    const ip = `198.${18 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`;
    if (!taken.has(ip)) return ip;
  }
  throw new AwsFault("InsufficientAddressCapacity", "Not enough public addresses are available.");
}

function ipsOf(state: { readonly addresses?: Readonly<Record<string, { readonly ip: string }>> }): readonly string[] {
  return Object.values(state.addresses ?? {}).map(({ ip }) => ip);
}
