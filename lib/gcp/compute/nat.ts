import type { Json } from "#lib/gcp/clients.ts";
import { type NetworkOptions, networkPlace } from "#lib/gcp/compute/network.ts";
import { type ComputePlace, computeAccess, computePath, isLinkTo } from "#lib/gcp/compute/resource.ts";
import { gkeNameOf } from "#lib/gcp/names.ts";
import { foreignUnless, restResource } from "#lib/gcp/rest-resource.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import type { Resource } from "#lib/graph/resource.ts";

/** Google allocates the addresses, for nodes and pods. */
const wanted = {
  name: "nat",
  natIpAllocateOption: "AUTO_ONLY",
  sourceSubnetworkIpRangesToNat: "ALL_SUBNETWORKS_ALL_IP_RANGES",
} as const;
/** Dropped connections are seen nowhere else, and nothing is logged while all is well. Not compared: others may log more. */
const logConfig = { enable: true, filter: "ERRORS_ONLY" } as const;
/** What contradicts `wanted`. */
const contrary = ["natIps", "drainNatIps", "subnetworks"] as const;

/**
 * How private nodes reach the internet: a Cloud Router with Cloud NAT. Other NAT gateways, interfaces and BGP peers of the router are not
 * touched.
 */
export function clusterNat(options: NetworkOptions): Resource<Json, GcpWorld> {
  const { actor, cluster, mark, ...described } = options;
  const place: ComputePlace = {
    actor,
    collection: `regions/${cluster.region}/routers`,
    name: gkeNameOf(cluster),
    title: options.title,
  };
  return restResource({
    ...described,
    body: () => ({ network: computePath(networkPlace(actor, cluster)), nats: [wanted] }),
    rules: { immutable: ["network"], same: { network: isLinkTo } },
    foreign: foreignUnless(mark, computePath(place)),
    open: async (world) =>
      computeAccess(
        world,
        place,
        { description: mark, nats: [{ ...wanted, logConfig }] },
        // A list in a PATCH replaces the whole list.
        (write, _body, { nats }) => write("PATCH", computePath(place), { nats: repair(nats) }),
      ),
    summary: () => "automatic addresses",
  });
}

/** All gateways of the router, ours as it is wanted. Settings of ours that do not contradict it stay. */
function repair(nats: unknown): readonly Json[] {
  const all: readonly Json[] = Array.isArray(nats) ? nats : [];
  const found = all.find(({ name }) => name === wanted.name) ?? { logConfig };
  const kept = Object.fromEntries(Object.entries(found).filter(([field]) => !contrary.some((one) => one === field)));
  return [...all.filter(({ name }) => name !== wanted.name), { ...kept, ...wanted }];
}
