import type { Cloud, Service } from "#sandbox/aws/cloud.ts";
import { resumeAddon } from "#sandbox/aws/eks/addons.ts";
import { resumeClusterUpdate } from "#sandbox/aws/eks/cluster-updates.ts";
import { resumeCluster } from "#sandbox/aws/eks/clusters.ts";
import { resumeNodeGroup } from "#sandbox/aws/eks/node-groups.ts";
import { answerRest, operationOf } from "#sandbox/aws/eks/rest.ts";
import { allPlaces } from "#sandbox/aws/eks/state.ts";
import { controlPlanesOf } from "#sandbox/cloud/control-planes.ts";
import { stopWork } from "#sandbox/cloud/later.ts";

export function eksService(cloud: Cloud): Service {
  return { name: "eks", operationOf, handle: async (call) => answerRest(cloud, call) };
}

/**
 * Opens the API servers that were open when the daemon ended, and resumes work in progress with its full duration.
 *
 * @param failed called for clusters whose port is taken by another program
 */
export async function resumeEks(cloud: Cloud, failed: (cluster: string, error: unknown) => void): Promise<void> {
  for (const place of allPlaces(cloud)) {
    for (const record of Object.values(place.state.clusters)) {
      const { name } = record.cluster;
      await resumeCluster(place, record).catch((error: unknown) => failed(name, error));
      resumeClusterUpdate(place, record);
      for (const group of Object.values(record.nodeGroups)) resumeNodeGroup(place, group);
      for (const addon of Object.values(record.addons)) resumeAddon(place, addon);
    }
  }
}

/** Closes the API servers; all that is under way goes on at the next start. */
export async function closeEks(cloud: Cloud): Promise<void> {
  stopWork(cloud);
  await controlPlanesOf(cloud).close();
}
