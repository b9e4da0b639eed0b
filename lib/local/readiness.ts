import { z } from "zod";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { type ClusterNode, listNodes } from "#lib/kubernetes/nodes.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { describePodTrouble } from "#lib/kubernetes/pod-trouble.ts";
import { tryExplain } from "#lib/kubernetes/retry.ts";
import { readyMark } from "#lib/local/ready-mark.ts";

const workloadSchema = z.object({ status: z.object({ availableReplicas: z.number().optional() }).optional() });

/** State of a cluster as its API reports it. */
export interface Probe {
  readonly nodes: readonly ClusterNode[];
  /** Missing objects of kube-system, e.g. `deployments/coredns`. */
  readonly missing: readonly string[];
  /** CoreDNS has an available replica. */
  readonly dnsUp: boolean;
  /** Problems of the pods that it waits for, if any. */
  readonly trouble: string | undefined;
  /** The cluster has the mark of having been ready. */
  readonly wasReady: boolean;
}

/** Sends all requests in parallel. @throws FleetError ClusterUnreachable */
export async function probe(api: KubernetesApi, systemObjects: readonly string[], signal: AbortSignal): Promise<Probe> {
  const [nodes, mark, ...objects] = await Promise.all([
    listNodes(api, signal),
    api.find(readyMark, { signal }),
    ...systemObjects.map((object) => api.find(`/apis/apps/v1/namespaces/kube-system/${object}`, { signal })),
    api.get("/readyz", { signal }),
  ]);
  const found = systemObjects.map((name, index) => ({ name, object: objects[index] }));
  const dns = found.find((entry) => entry.name === "deployments/coredns")?.object;
  const dnsUp = dns !== undefined && (workloadSchema.parse(dns).status?.availableReplicas ?? 0) > 0;
  const areNodesReady = nodes.every((node) => node.ready);
  return {
    nodes,
    missing: found.filter((entry) => entry.object === undefined).map((entry) => entry.name),
    dnsUp,
    trouble: areNodesReady && dnsUp ? undefined : await tryExplain(() => findTrouble(api, areNodesReady, signal)),
    wasReady: mark !== undefined,
  };
}

/** Nodes wait for the pod network. CoreDNS waits for nodes, so that its own pods explain nothing before that. */
async function findTrouble(
  api: KubernetesApi,
  areNodesReady: boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  const selector = `k8s-app${areNodesReady ? "=" : "!="}kube-dns`;
  const path = `/api/v1/namespaces/kube-system/pods?labelSelector=${encodeURIComponent(selector)}`;
  const { items } = (await api.get(path, { signal })) as { readonly items: readonly KubernetesObject[] };
  return describePodTrouble(items);
}

/** What a cluster is still waiting for; undefined when it is ready. */
export function waitingFor(seen: Probe): string | undefined {
  const why = seen.trouble === undefined ? "" : `: ${seen.trouble}`;
  const late = seen.nodes.filter((node) => !node.ready);
  if (late.length > 0) {
    const reasons = [...new Set(late.map((node) => node.reason))].join(", ");
    return `${late.length} of ${seen.nodes.length} nodes (${late.map((node) => node.name).join(", ")}: ${reasons})${why}`;
  }
  return seen.dnsUp ? undefined : `CoreDNS${why}`;
}
