import { z } from "zod";
import { conditionSchema } from "#lib/kubernetes/condition.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { describePodTrouble } from "#lib/kubernetes/pod-trouble.ts";

const count = z.number().catch(0);
const workloadSchema = z.object({
  spec: z.object({ replicas: z.number().catch(1) }),
  status: z
    .object({
      observedGeneration: count,
      updatedReplicas: count,
      readyReplicas: count,
      availableReplicas: count,
    })
    .catch({ observedGeneration: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0 }),
});

/** Why a Deployment or StatefulSet isn't fully available; undefined if it is. Same rules as `kubectl rollout status`. */
export function describeWorkload(object: KubernetesObject): string | undefined {
  const { spec, status } = workloadSchema.parse(object);
  if (status.observedGeneration < (object.metadata.generation ?? 0)) return "not looked at yet";
  if (status.updatedReplicas < spec.replicas) return `${status.updatedReplicas} of ${spec.replicas} updated`;
  // StatefulSets report available replicas since Kubernetes 1.22; ready is sufficient for both.
  const up = Math.max(status.availableReplicas, object.kind === "StatefulSet" ? status.readyReplicas : 0);
  return up < spec.replicas ? `${up} of ${spec.replicas} available` : undefined;
}

const causeSchema = z.object({
  spec: z.object({ selector: z.object({ matchLabels: z.record(z.string(), z.string()) }) }),
});
const failureSchema = z.object({
  status: z.object({
    conditions: z.array(conditionSchema),
  }),
});

/** Why a workload has no running pods: pods can't be created (a quota, an admission webhook), or a pod fails. */
export function describeWorkloadTrouble(
  workload: KubernetesObject,
  pods: readonly KubernetesObject[],
): string | undefined {
  const failure = failureSchema
    .safeParse(workload)
    .data?.status.conditions.find(({ type, status }) => type === "ReplicaFailure" && status === "True");
  if (failure !== undefined) return failure.message;
  const selector = causeSchema.safeParse(workload).data?.spec.selector.matchLabels;
  if (selector === undefined) return undefined;
  const isOwn = ({ metadata: { labels = {} } }: KubernetesObject): boolean =>
    Object.entries(selector).every(([key, value]) => labels[key] === value);
  return describePodTrouble(pods.filter(isOwn));
}
