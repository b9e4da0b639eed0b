import type { LocalCluster } from "#lib/fleet/types.ts";
import type { World } from "#lib/graph/world.ts";
import { listLabelValues } from "#lib/local/docker.ts";
import { workersOf } from "#lib/local/fleet/defaults.ts";
import { k3d } from "#lib/local/k3d.ts";
import { kind } from "#lib/local/kind.ts";
import type { Demand } from "#lib/local/preflight.ts";

/** How many of the given clusters, and of their nodes, do not exist yet; the preflight needs the numbers. */
export async function countMissing(world: World, clusters: readonly LocalCluster[]): Promise<Demand> {
  const [kinds, k3ds] = await Promise.all([
    listLabelValues(world, kind.clusterLabel),
    listLabelValues(world, k3d.clusterLabel),
  ]);
  const missing = clusters.filter(({ provider, name }) => !(provider === "kind" ? kinds : k3ds).has(name));
  return {
    clusters: missing.length,
    nodes: missing.reduce((sum, cluster) => sum + 1 + workersOf(cluster), 0),
  };
}
