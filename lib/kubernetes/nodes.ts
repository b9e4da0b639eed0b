import { z } from "zod";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { conditionSchema } from "#lib/kubernetes/condition.ts";

const nodeListSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
      status: z.object({
        conditions: z.array(conditionSchema).default([]),
        nodeInfo: z.object({ kubeletVersion: z.string() }).optional(),
      }),
    }),
  ),
});

export interface ClusterNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ready: boolean;
  /** Why it isn't ready, in Kubernetes' words: `NodeStatusUnknown: Kubelet stopped posting node status.` */
  readonly reason: string;
  /** Version of its kubelet, e.g. `1.36.1`; undefined until the kubelet has reported it. */
  readonly version: string | undefined;
}

/** @throws FleetError ClusterUnreachable; KubernetesStatusError */
export async function listNodes(api: KubernetesApi, signal: AbortSignal): Promise<readonly ClusterNode[]> {
  const { items } = nodeListSchema.parse(await api.get("/api/v1/nodes", { signal }));
  return items.map(({ metadata, status }) => {
    const condition = status.conditions.find((entry) => entry.type === "Ready");
    return {
      name: metadata.name,
      labels: metadata.labels,
      ready: condition?.status === "True",
      reason: describeCondition(condition?.reason ?? "no status yet", condition?.message ?? ""),
      version: status.nodeInfo?.kubeletVersion.replace(/^v/, ""),
    };
  });
}

/** The kubelet's message contains the cause of its own reason: `… NetworkReady=false reason:NetworkPluginNotReady message:…`. */
function describeCondition(reason: string, message: string): string {
  const inner = /reason:(?<reason>\w+) message:(?<message>.*)/.exec(message)?.groups;
  if (inner !== undefined) return `${inner.reason}: ${inner.message}`;
  return message === "" ? reason : `${reason}: ${message}`;
}

/** `2`, or `1 of 2` while some are not Ready. */
export function countNodes(nodes: readonly ClusterNode[]): string {
  const ready = nodes.filter((node) => node.ready).length;
  return ready === nodes.length ? String(ready) : `${ready} of ${nodes.length}`;
}

/** Versions of the kubelets, more than one during an upgrade; undefined without nodes. */
export function versionOf(nodes: readonly ClusterNode[]): string | undefined {
  const versions = new Set(nodes.flatMap(({ version }) => version ?? []));
  return versions.size === 0 ? undefined : [...versions].sort(Bun.semver.order).join(", ");
}
