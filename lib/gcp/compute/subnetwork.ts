import { isWithin, tryParseCidr } from "#lib/fleet/cidr.ts";
import type { GcpActor, Json } from "#lib/gcp/clients.ts";
import { removeAfterGke } from "#lib/gcp/compute/left-by-gke.ts";
import { type NetworkOptions, networkPlace } from "#lib/gcp/compute/network.ts";
import { type ComputePlace, computeAccess, computePath, isLinkTo } from "#lib/gcp/compute/resource.ts";
import { nodeRange } from "#lib/gcp/fleet/defaults.ts";
import type { GkeCluster } from "#lib/gcp/fleet/types.ts";
import { gkeNameOf } from "#lib/gcp/names.ts";
import { foreignUnless, restResource } from "#lib/gcp/rest-resource.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import type { Resource } from "#lib/graph/resource.ts";

/** Where the nodes of one cluster get their addresses. GKE adds the ranges of pods and services to it. */
export function clusterSubnetwork(options: NetworkOptions): Resource<Json, GcpWorld> {
  const { actor, cluster, mark, ...described } = options;
  const place = { ...subnetworkPlace(actor, cluster), title: options.title };
  return restResource({
    ...described,
    body: () => ({
      network: computePath(networkPlace(actor, cluster)),
      ipCidrRange: nodeRange,
      // Nodes reach Google's APIs and registries without NAT.
      privateIpGoogleAccess: true,
    }),
    rules: {
      immutable: ["network", "ipCidrRange"],
      same: { network: isLinkTo, ipCidrRange: isExpanded },
    },
    foreign: foreignUnless(mark, computePath(place)),
    async open(world) {
      const access = computeAccess(world, place, { description: mark }, (write, { privateIpGoogleAccess }) =>
        write("POST", `${computePath(place)}/setPrivateIpGoogleAccess`, { privateIpGoogleAccess }),
      );
      return { ...access, remove: () => removeAfterGke(world, place, access.remove) };
    },
    summary: ({ ipCidrRange }) => String(ipCidrRange),
  });
}

export function subnetworkPlace(
  actor: GcpActor,
  cluster: Pick<GkeCluster, "name" | "region">,
): Omit<ComputePlace, "title"> {
  return { actor, collection: `regions/${cluster.region}/subnetworks`, name: gkeNameOf(cluster) };
}

/** Somebody needed more nodes: a range can be expanded, and never shrinks. */
function isExpanded(wanted: unknown, found: unknown): boolean {
  const range = tryParseCidr(String(wanted));
  return range !== undefined && isWithin(range, [String(found)]);
}
