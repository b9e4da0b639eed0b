import type { ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import type { AwsSettings } from "#lib/aws/names.ts";
import { awsGraph } from "#lib/aws/resources.ts";
import type { NodeImages } from "#lib/environment.ts";
import { imageOf, workersOf } from "#lib/fleet/defaults.ts";
import { describeAwsPlaceholder, describeEksPlaceholder } from "#lib/fleet/placeholders.ts";
import { type Cluster, type Fleet, isLocal, type LocalCluster } from "#lib/fleet/types.ts";
import { type GitOpsSettings, gitopsGraph } from "#lib/graph/gitops-graph.ts";
import { buildGraph, type Graph } from "#lib/graph/graph.ts";
import type { AnyResource, Resource } from "#lib/graph/resource.ts";
import { endpointOf } from "#lib/kubernetes/kubeconfig.ts";
import { localCluster } from "#lib/local/cluster.ts";
import { k3sArguments } from "#lib/local/config.ts";
import { type ImageState, image } from "#lib/local/image.ts";
import { k3d } from "#lib/local/k3d.ts";
import { kind } from "#lib/local/kind.ts";
import { localKubeconfig } from "#lib/local/kubeconfig.ts";
import { kindNetwork } from "#lib/local/network.ts";
import type { LocalClusterState } from "#lib/local/observe-cluster.ts";

export interface FleetGraph extends Graph {
  /** Clusters of the fleet for which there are no resources, with the reason. */
  readonly leftOut: readonly { readonly cluster: string; readonly why: string }[];
}

/** What a run says beside the fleet. */
export interface GraphSettings {
  /** Node images that come before the pinned ones. */
  readonly images: NodeImages;
  /** Left out, clusters get no Argo CD from this run, and one that they have is left alone. */
  readonly gitops?: GitOpsSettings;
  /** @default nobody is named, and the fleet is the one in clusters/ */
  readonly aws?: AwsSettings;
}

/** The resources of a fleet. Pure: asks nothing of any cloud. */
export function fleetGraph(fleet: Fleet, { images, gitops, aws }: GraphSettings): FleetGraph {
  const argocd =
    gitops === undefined || fleet.gitops === undefined ? undefined : gitopsGraph(fleet, fleet.gitops, gitops);
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
    const running = localClusterResource(cluster, fleet.domain, reference, needs);
    roots.push(running, localKubeconfig(cluster, running));
    if (argocd !== undefined) roots.push(...argocd.inside(managedLocally(cluster, running)));
  }
  const settings = aws ?? { userArn: undefined, targets: [], takesPlaceholders: true };
  const whyNot = (cluster: Cluster): string | undefined => describeLeftOut(fleet, cluster, settings);
  const isUsable = settings.takesPlaceholders || describeAwsPlaceholder(fleet) === undefined;
  const inAws = isUsable ? awsGraph(fleet, settings) : undefined;
  if (inAws !== undefined) {
    roots.push(...inAws.accounts);
    for (const cluster of fleet.clusters.filter((one) => one.provider === "aws")) {
      if (whyNot(cluster) !== undefined) continue;
      const { resources, managed } = inAws.cluster(cluster);
      roots.push(...resources);
      if (argocd !== undefined) roots.push(...argocd.inside(managed));
    }
  }
  const leftOut = fleet.clusters.flatMap((cluster) => {
    const why = whyNot(cluster);
    return why === undefined ? [] : [{ cluster: cluster.name, why }];
  });
  return { ...buildGraph(roots), leftOut };
}

function localClusterResource(
  cluster: LocalCluster,
  domain: string,
  reference: string,
  needs: readonly AnyResource[],
): Resource<LocalClusterState> {
  return localCluster({
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
}

/** Nothing in a cluster on this computer reaches outside of it: it goes as a whole. */
function managedLocally(cluster: LocalCluster, running: Resource<LocalClusterState>): ManagedCluster {
  return {
    cluster,
    owner: running.owner,
    prefix: `local/${cluster.name}`,
    running,
    goesWith: running,
    access(outputs) {
      const state = outputs.find(running);
      if (state === undefined) return { kind: "absent" };
      if (state.kubeconfig === undefined) return { kind: "closed", why: `is ${state.phase}` };
      return { kind: "reachable", endpoint: endpointOf(state.kubeconfig, cluster.name) };
    },
  };
}

function describeLeftOut(fleet: Fleet, cluster: Cluster, { takesPlaceholders }: AwsSettings): string | undefined {
  if (isLocal(cluster)) return undefined;
  if (cluster.provider !== "aws") return "clusters in Azure and GCP are declared in the fleet, but can't be made yet";
  if (takesPlaceholders) return undefined;
  const why = describeAwsPlaceholder(fleet) ?? describeEksPlaceholder(fleet, cluster);
  return why === undefined ? undefined : `${why}: put your own into clusters/`;
}
