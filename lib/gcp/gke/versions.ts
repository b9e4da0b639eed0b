import { minorOf, refuseLeap } from "#lib/cloud/upgrade.ts";
import { FleetError } from "#lib/errors.ts";
import type { GcpActor } from "#lib/gcp/clients.ts";
import { kubernetesOfGke } from "#lib/gcp/fleet/defaults.ts";
import type { GkeCluster } from "#lib/gcp/fleet/types.ts";
import { channelOf } from "#lib/gcp/gke/cluster-body.ts";
import { projectPath } from "#lib/gcp/names.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";

/**
 * The newest version of the fleet's minor in the cluster's release channel: `1.36.2-gke.1234000`.
 *
 * @param from version of the cluster; undefined before a create
 * @throws FleetError UpgradeRefused for a minor that GKE does not offer there, or an upgrade over several
 */
export async function chooseVersion(
  world: GcpWorld,
  actor: GcpActor,
  cluster: GkeCluster,
  from: string | undefined,
): Promise<string> {
  const to = kubernetesOfGke(cluster);
  if (from !== undefined) refuseLeap({ cluster: cluster.name, product: "GKE", from, to });
  const offered = await listVersions(world, actor, cluster);
  const [newest] = offered
    .filter((version) => minorOf(version) === minorOf(to))
    .toSorted(compareVersions)
    .reverse();
  if (newest !== undefined) return newest;
  const minors = [...new Set(offered.map((version) => `1.${minorOf(version)}`))].toSorted(compareVersions);
  const where = `the channel ${channelOf(cluster).toLowerCase()} in ${cluster.region}`;
  throw new FleetError("UpgradeRefused", `${cluster.name}: GKE does not offer Kubernetes ${to} in ${where}`, {
    hint: `write kubernetes: "${minors.at(-1) ?? "…"}", another one that GKE offers there (${minors.join(", ")}), or another releaseChannel`,
  });
}

async function listVersions(world: GcpWorld, actor: GcpActor, cluster: GkeCluster): Promise<readonly string[]> {
  const path = `v1/${projectPath(actor.account)}/locations/${cluster.region}/serverConfig`;
  const answer = await world.gcp.rest(actor).get(world, "container", path);
  const channels: readonly unknown[] = Array.isArray(answer?.channels) ? answer.channels : [];
  const [versions] = channels.flatMap((channel) => {
    const { channel: name, validVersions } = Object(channel);
    return name === channelOf(cluster) && Array.isArray(validVersions) ? [validVersions.map(String)] : [];
  });
  return versions ?? [];
}

/** By each number in them: `1.36.10-gke.1` is newer than `1.36.9-gke.2`. */
function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
