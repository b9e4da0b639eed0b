import { z } from "zod";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { type ClusterNode, listNodes } from "#lib/kubernetes/nodes.ts";
import { readyMark } from "#lib/local/finished.ts";

const workloadSchema = z.object({ status: z.object({ availableReplicas: z.number().optional() }).optional() });

/** What a cluster's API says of it. */
export interface Probe {
  readonly nodes: readonly ClusterNode[];
  /** Objects of kube-system that aren't there, e.g. `deployments/coredns`. */
  readonly missing: readonly string[];
  /** Names and Services are resolved in the cluster. */
  readonly dnsUp: boolean;
  /** It was ready once, as it says itself. */
  readonly wasReady: boolean;
}

/** Asks all questions at once. @throws FleetError ClusterUnreachable */
export async function probe(api: KubernetesApi, systemObjects: readonly string[], signal: AbortSignal): Promise<Probe> {
  const [nodes, mark, ...objects] = await Promise.all([
    listNodes(api, signal),
    api.find(readyMark, { signal }),
    ...systemObjects.map((object) => api.find(`/apis/apps/v1/namespaces/kube-system/${object}`, { signal })),
    api.get("/readyz", { signal }),
  ]);
  const found = systemObjects.map((name, index) => ({ name, object: objects[index] }));
  const dns = found.find((entry) => entry.name === "deployments/coredns")?.object;
  return {
    nodes,
    missing: found.filter((entry) => entry.object === undefined).map((entry) => entry.name),
    dnsUp: dns !== undefined && (workloadSchema.parse(dns).status?.availableReplicas ?? 0) > 0,
    wasReady: mark !== undefined,
  };
}

/** What a cluster is still waiting for; undefined when it is ready. */
export function waitingFor(seen: Probe): string | undefined {
  const late = seen.nodes.filter((node) => !node.ready);
  if (late.length > 0) {
    const reasons = [...new Set(late.map((node) => node.reason))].join(", ");
    return `${late.length} of ${seen.nodes.length} nodes (${late.map((node) => node.name).join(", ")}: ${reasons})`;
  }
  return seen.dnsUp ? undefined : "CoreDNS";
}
