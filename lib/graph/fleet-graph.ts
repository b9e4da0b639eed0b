import type { NodeImages } from "#lib/environment.ts";
import { imageOf, workersOf } from "#lib/fleet/defaults.ts";
import { type Cluster, type Fleet, isLocal, type LocalCluster } from "#lib/fleet/types.ts";
import { buildGraph, type Graph } from "#lib/graph/graph.ts";
import type { AnyResource, Resource } from "#lib/graph/resource.ts";
import { localCluster } from "#lib/local/cluster.ts";
import { k3sArguments } from "#lib/local/config.ts";
import { type ImageState, image } from "#lib/local/image.ts";
import { k3d } from "#lib/local/k3d.ts";
import { kind } from "#lib/local/kind.ts";
import { localKubeconfig } from "#lib/local/kubeconfig.ts";
import { kindNetwork } from "#lib/local/network.ts";

export interface FleetGraph extends Graph {
  /** Clusters of the fleet for which there are no resources, with the reason. */
  readonly leftOut: readonly { readonly cluster: string; readonly why: string }[];
}

/** The resources of a fleet. Pure: asks nothing of any cloud. `images` come before the pinned ones. */
export function fleetGraph(fleet: Fleet, images: NodeImages): FleetGraph {
  const pulls = new Map<string, Resource<ImageState>>();
  const shareImage = (reference: string): Resource<ImageState> => {
    const shared = pulls.get(reference) ?? image(reference);
    pulls.set(reference, shared);
    return shared;
  };
  const network = kindNetwork();
  const roots: AnyResource[] = [];
  for (const cluster of fleet.clusters.filter(isLocal)) {
    const reference = images[cluster.provider] ?? imageOf(cluster);
    const needs = cluster.provider === "kind" ? [network, shareImage(reference)] : [shareImage(reference)];
    roots.push(...localResources(cluster, fleet.domain, reference, needs));
  }
  return { ...buildGraph(roots), leftOut: fleet.clusters.flatMap(leaveOut) };
}

function localResources(
  cluster: LocalCluster,
  domain: string,
  reference: string,
  needs: readonly AnyResource[],
): readonly AnyResource[] {
  const running = localCluster({
    cluster,
    tool: cluster.provider === "kind" ? kind : k3d,
    domain,
    wanted: {
      image: reference,
      workers: workersOf(cluster),
      api: `127.0.0.1:${cluster.apiPort}`,
      arguments: cluster.provider === "k3d" ? [...k3sArguments(cluster)].sort() : [],
    },
    needs,
  });
  return [running, localKubeconfig(cluster, running)];
}

function leaveOut(cluster: Cluster): FleetGraph["leftOut"] {
  if (isLocal(cluster)) return [];
  return [{ cluster: cluster.name, why: "clusters in clouds are declared in the fleet, but can't be made yet" }];
}
