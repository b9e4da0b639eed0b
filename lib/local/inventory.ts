import { existsSync } from "node:fs";
import type { Fleet, LocalCluster } from "#lib/fleet/types.ts";
import type { World } from "#lib/graph/world.ts";
import { fleetLabel } from "#lib/local/config.ts";
import { type Container, listContainers } from "#lib/local/docker.ts";
import { observeCluster } from "#lib/local/observe-cluster.ts";
import type { LocalTool } from "#lib/local/tool.ts";
import { kubeconfigPath } from "#lib/paths.ts";

/** Properties of a local cluster that can be read from its containers. */
export type LocalOwned = Pick<LocalCluster, "name" | "apiPort" | "workers">;

/**
 * Clusters of a tool that this fleet created and no longer has as clusters of the tool. kind marks nodes only in Kubernetes: of a kind cluster that is stopped,
 * the kubeconfig that this checkout wrote is the mark.
 *
 * @throws FleetError DockerUnreachable, ProgramMissing
 */
export async function listOwned(
  world: World,
  tool: LocalTool,
  fleet: Fleet,
  isAsked: (name: LocalCluster["name"]) => boolean = () => true,
): Promise<readonly LocalOwned[]> {
  const ofTool = fleet.clusters.filter(({ provider }) => provider === tool.name);
  const named = new Set(ofTool.map((one): string => one.name));
  const nodes = await listContainers(world, [`label=${tool.clusterLabel}`]);
  const byName = Map.groupBy(nodes, ({ labels }) => labels[tool.clusterLabel] ?? "");
  const others = [...byName].flatMap(([name, containers]) => {
    return isLocalName(name) && !named.has(name) && isAsked(name) ? [{ name, containers }] : [];
  });
  const owned = await Promise.all(
    others.map(async ({ name, containers }) => {
      const { api, workers } = tool.describe(containers);
      const cluster = { name, workers, apiPort: Number(api.split(":").at(-1)) };
      return (await isOurs(world, tool, fleet.domain, cluster, containers)) ? [cluster] : [];
    }),
  );
  return owned.flat();
}

function isLocalName(name: string): name is LocalCluster["name"] {
  return name.endsWith(".internal");
}

async function isOurs(
  world: World,
  tool: LocalTool,
  domain: string,
  cluster: LocalOwned,
  containers: readonly Container[],
): Promise<boolean> {
  const marks = containers.flatMap(({ labels }) => labels[fleetLabel] ?? []);
  if (marks.length > 0) return marks.includes(domain);
  const entry = { ...cluster, provider: tool.name };
  const observed = await observeCluster(world, {
    cluster: entry,
    tool,
    domain,
    wanted: tool.describe(containers),
    needs: [],
  });
  if (observed.kind === "present" && observed.state.nodes.length > 0) return true;
  return observed.kind !== "foreign" && existsSync(kubeconfigPath(world.paths, cluster.name));
}
