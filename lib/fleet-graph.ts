import { type GitOpsSettings, gitopsGraph } from "#lib/argocd/gitops-graph.ts";
import type { Cluster, Fleet } from "#lib/fleet/types.ts";
import { buildGraph, type Graph } from "#lib/graph/graph.ts";
import type { AnyResource } from "#lib/graph/resource.ts";
import type { ClusterResources } from "#lib/provider.ts";
import type { Opened } from "#lib/providers.ts";

export interface FleetGraph extends Graph {
  /** Clusters of the fleet that this version creates no resources for, with the reason. */
  readonly leftOut: readonly LeftOut[];
  /** Resources of clusters that are no longer in the fleet. */
  readonly orphans: ReadonlySet<AnyResource>;
}

export interface LeftOut {
  readonly cluster: string;
  readonly why: string;
  /** Set when the fleet contains a placeholder instead of your own value. */
  readonly placeholder: boolean;
}

/** Options of a run, in addition to the fleet. */
export interface GraphSettings {
  /** Undefined: this run installs no Argo CD and doesn't change an installed one. */
  readonly gitops?: GitOpsSettings;
  /** Ids named explicitly for deletion: resources shared by accounts are deleted only then. @default none */
  readonly targets?: readonly string[];
  /** Clusters that are no longer in the fleet, found by their ownership tags. @default none */
  readonly orphans?: readonly Cluster[];
}

/** Builds the resources of a fleet. Pure: calls no cloud. */
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

/** Builds the resources of one cluster that is not in the fleet. Pure. */
export function clusterGraph(
  fleet: Fleet,
  { open }: Opened,
  settings: GraphSettings,
  cluster: Cluster,
): readonly AnyResource[] {
  const graph = open.get(cluster.provider)?.graph([]);
  return graph === undefined ? [] : argocdOf(fleet, settings)(graph.cluster(cluster));
}

/** Adds the Argo CD resources to a cluster's resources. */
function argocdOf(fleet: Fleet, { gitops }: GraphSettings): (cluster: ClusterResources) => readonly AnyResource[] {
  const argocd =
    gitops === undefined || fleet.gitops === undefined ? undefined : gitopsGraph(fleet, fleet.gitops, gitops);
  return ({ resources, managed }) => [...resources, ...(argocd?.inside(managed) ?? [])];
}
