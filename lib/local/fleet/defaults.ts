/** What a local cluster has where its entry says nothing. */

import { k3sNode, kindNode } from "#clusters/images.ts";
import type { LocalCluster } from "#lib/fleet/types.ts";

/** One node for the control plane and one for the work: the least that shows a cluster, and what upstream makes. */
const defaultWorkers = 1;

export function workersOf(cluster: LocalCluster): number {
  return cluster.workers ?? defaultWorkers;
}

export function imageOf(cluster: LocalCluster): string {
  return cluster.image ?? (cluster.provider === "kind" ? kindNode : k3sNode);
}

/** `1.36` of `kindest/node:v1.36.1@sha256:…`; undefined when the tag names no version. */
export function tryImageKubernetes(image: string): string | undefined {
  return /:v?(\d+\.\d+)\.\d/.exec(image)?.[1];
}
