import { type GitOpsSettings, gitopsGraph } from "#lib/argocd/gitops-graph.ts";
import type { Cluster, Fleet } from "#lib/fleet/types.ts";
import { buildGraph, type Graph } from "#lib/graph/graph.ts";
import type { AnyResource } from "#lib/graph/resource.ts";
import type { ClusterResources } from "#lib/provider.ts";
import type { Opened } from "#lib/providers.ts";

export interface FleetGraph extends Graph {
  /** Clusters of the fleet for which there are no resources, with the reason. */
  readonly leftOut: readonly LeftOut[];
  /** Resources of clusters that the fleet no longer names. */
  readonly orphans: ReadonlySet<AnyResource>;
}

export interface LeftOut {
  readonly cluster: string;
  readonly why: string;
  /** Something in the fleet stands for a value of yours. */
  readonly placeholder: boolean;
}

/** What a run says beside the fleet. */
export interface GraphSettings {
  /** Left out, clusters get no Argo CD from this run, and one that they have is left alone. */
  readonly gitops?: GitOpsSettings;
  /** Ids that a delete was asked for by name: what accounts share goes only then. @default none */
  readonly targets?: readonly string[];
  /** Clusters that the fleet no longer names, found by their marks of ownership. @default none */
  readonly orphans?: readonly Cluster[];
}

/** The resources of a fleet. Pure: asks nothing of any cloud. */
export function fleetGraph(fleet: Fleet, opened: Opened, settings: GraphSettings): FleetGraph {
  const { targets = [], orphans = [] } = settings;
  const inside = argocdOf(fleet, settings);
  const roots: AnyResource[] = [];
  const leftOut: LeftOut[] = [];
  const ofOrphans = new Set<AnyResource>();
  for (const [name, provider] of opened.providers) {
    const clusters = fleet.clusters.filter((cluster) => cluster.provider === name);
    const open = opened.open.get(name);
    if (open === undefined) {
      const why = `clusters in ${provider.title} are declared in the fleet, but can't be created yet`;
      leftOut.push(...clusters.map((cluster) => ({ cluster: cluster.name, why, placeholder: false })));
      continue;
    }
    const graph = open.placeholder?.() === undefined ? open.graph(targets) : undefined;
    roots.push(...(graph?.accounts ?? []));
    for (const cluster of clusters) {
      const why = open.placeholder?.(cluster);
      if (graph === undefined || why !== undefined) {
        leftOut.push({ cluster: cluster.name, why: `${why}: put your own into clusters/`, placeholder: true });
        continue;
      }
      roots.push(...inside(graph.cluster(cluster)));
    }
    if (graph === undefined) continue;
    for (const cluster of orphans.filter((one) => one.provider === name)) {
      for (const resource of inside(graph.cluster(cluster))) ofOrphans.add(resource);
    }
  }
  return { ...buildGraph([...roots, ...ofOrphans]), leftOut, orphans: ofOrphans };
}

/** The resources of one cluster by an entry that the fleet does not have. Pure. */
export function clusterGraph(
  fleet: Fleet,
  { open }: Opened,
  settings: GraphSettings,
  cluster: Cluster,
): readonly AnyResource[] {
  const graph = open.get(cluster.provider)?.graph([]);
  return graph === undefined ? [] : argocdOf(fleet, settings)(graph.cluster(cluster));
}

/** Completes a cluster's resources with those of Argo CD. */
function argocdOf(fleet: Fleet, { gitops }: GraphSettings): (cluster: ClusterResources) => readonly AnyResource[] {
  const argocd =
    gitops === undefined || fleet.gitops === undefined ? undefined : gitopsGraph(fleet, fleet.gitops, gitops);
  return ({ resources, managed }) => [...resources, ...(argocd?.inside(managed) ?? [])];
}
