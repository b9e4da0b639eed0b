/** Defaults of EKS clusters. */

import type { EksCluster } from "#lib/aws/fleet/types.ts";
import { cloudKubernetes } from "#lib/fleet/defaults.ts";

/** Pods have addresses of the VPC, whose range we choose. */
export const eksRanges = { pods: "10.0.0.0/16", services: "172.20.0.0/16" } as const;

/** `major.minor` */
export function kubernetesOfEks({ kubernetes }: EksCluster): string {
  return kubernetes ?? cloudKubernetes;
}
