/** Defaults of AKS clusters. */

import type { AksCluster, AksNodes } from "#lib/azure/fleet/types.ts";
import { cloudKubernetes } from "#lib/fleet/defaults.ts";

/** https://learn.microsoft.com/azure/aks/azure-cni-overlay */
export const aksRanges = { pods: "10.244.0.0/16", services: "10.0.0.0/16" } as const;

/** Two: the pods of AKS itself survive a node. */
export const defaultSystemNodes: AksNodes = { vmSize: "Standard_D4ds_v5", count: 2 };

/** `major.minor` */
export function kubernetesOfAks({ kubernetes }: AksCluster): string {
  return kubernetes ?? cloudKubernetes;
}
