import type { ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import type { Environment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import type { LocalCluster } from "#lib/fleet/types.ts";
import type { Resource } from "#lib/graph/resource.ts";
import { endpointOf } from "#lib/kubernetes/kubeconfig.ts";
import { localCluster } from "#lib/local/cluster.ts";
import { k3sArguments } from "#lib/local/config.ts";
import { imageOf, tryImageKubernetes, workersOf } from "#lib/local/fleet/defaults.ts";
import { findHostAddress } from "#lib/local/host-address.ts";
import { type ImageState, image } from "#lib/local/image.ts";
import { listOwned } from "#lib/local/inventory.ts";
import { localKubeconfig } from "#lib/local/kubeconfig.ts";
import { kindNetwork } from "#lib/local/network.ts";
import type { LocalClusterState } from "#lib/local/observe-cluster.ts";
import { prepare } from "#lib/local/prepare.ts";
import type { LocalTool } from "#lib/local/tool.ts";
import type { OpenProvider, ProviderContext } from "#lib/provider.ts";

/** kind or k3d on this computer: clusters, the images and networks that they share, and kubeconfigs. */
export function openLocal<C extends LocalCluster>(
  tool: LocalTool,
  otherTool: LocalTool,
  { fleet, environment }: ProviderContext,
): OpenProvider<C> {
  return {
    graph() {
      const pulls = new Map<string, Resource<ImageState>>();
      const shareImage = (reference: string): Resource<ImageState> => {
        const shared = pulls.get(reference) ?? image(reference);
        pulls.set(reference, shared);
        return shared;
      };
      const networks = tool.name === "kind" ? [kindNetwork()] : [];
      return {
        accounts: [],
        cluster(cluster) {
          const reference = imageFromEnvironment(tool, environment) ?? imageOf(cluster);
          const running = localCluster({
            cluster,
            tool,
            domain: fleet.domain,
            wanted: {
              image: reference,
              workers: workersOf(cluster),
              api: `127.0.0.1:${cluster.apiPort}`,
              arguments: cluster.provider === "k3d" ? [...k3sArguments(cluster)].sort() : [],
            },
            needs: [...networks, shareImage(reference)],
          });
          return { resources: [running, localKubeconfig(cluster, running)], managed: managed(cluster, running) };
        },
      };
    },
    async inventory(world) {
      try {
        return (await listOwned(world, tool, fleet)).map((owned) => ({ ...owned, provider: tool.name }) as C);
      } catch (error) {
        // Fleets without local clusters are used on computers without Docker.
        const isUsed = fleet.clusters.some(({ provider }) => provider === tool.name);
        if (!isUsed && error instanceof FleetError) return [];
        throw error;
      }
    },
    async findElsewhere(world, { name }) {
      const [owned] = await listOwned(world, otherTool, fleet, (one) => one === name);
      return owned === undefined ? undefined : { cluster: { ...owned, provider: otherTool.name } };
    },
    prepare,
  };
}

/** Variables KIND_NODE_IMAGE and K3S_NODE_IMAGE: node images instead of the pinned ones, for machines without a registry. */
function imageFromEnvironment({ name }: LocalTool, { variables }: Environment): string | undefined {
  const image = variables[name === "kind" ? "KIND_NODE_IMAGE" : "K3S_NODE_IMAGE"];
  return image === "" ? undefined : image;
}

/** Nothing in a cluster on this computer reaches outside of it: it goes as a whole. */
function managed(cluster: LocalCluster, running: Resource<LocalClusterState>): ManagedCluster {
  return {
    cluster,
    accountId: "",
    kubernetes: cluster.kubernetes ?? tryImageKubernetes(imageOf(cluster)),
    row: running.row,
    prefix: `local/${cluster.name}`,
    running,
    goesWith: running,
    findHost: findHostAddress,
    access(outputs) {
      const state = outputs.find(running);
      if (state === undefined) return { kind: "absent" };
      if (state.kubeconfig === undefined) return { kind: "closed", why: `is ${state.phase}` };
      return { kind: "reachable", endpoint: endpointOf(state.kubeconfig, cluster.name) };
    },
  };
}
