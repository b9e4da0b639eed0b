/** Defaults of GKE clusters. */

import { cloudKubernetes } from "#lib/fleet/defaults.ts";
import type { GkeCluster, GkeNodePool } from "#lib/gcp/fleet/types.ts";

/** Three nodes with 4 vCPUs: Argo CD and the applications of the fleet fit, and survive a zone. */
export const defaultNodePool: GkeNodePool = { machineType: "e2-standard-4", countPerZone: 1 };

/**
 * Addresses of nodes, and those that Google keeps: 4,000 nodes. Each cluster has a network of its own, so all have the same range; it can be
 * expanded by hand.
 */
export const nodeRange = "10.128.0.0/20";

/** `major.minor` */
export function kubernetesOfGke({ kubernetes }: GkeCluster): string {
  return kubernetes ?? cloudKubernetes;
}
