/** Defaults of local clusters. */

import { k3sNode, kindNode } from "#clusters/images.ts";
import type { LocalCluster } from "#lib/fleet/types.ts";

/** One control plane node and one worker, as upstream. */
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
