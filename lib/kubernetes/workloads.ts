import { z } from "zod";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";

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

/** Why a Deployment or StatefulSet isn't fully available; undefined when it is. As `kubectl rollout status` sees it. */
export function describeWorkload(object: KubernetesObject): string | undefined {
  const { spec, status } = workloadSchema.parse(object);
  if (status.observedGeneration < (object.metadata.generation ?? 0)) return "not looked at yet";
  if (status.updatedReplicas < spec.replicas) return `${status.updatedReplicas} of ${spec.replicas} updated`;
  // StatefulSets count those that are available only since Kubernetes 1.22; ready is enough for both.
  const up = Math.max(status.availableReplicas, object.kind === "StatefulSet" ? status.readyReplicas : 0);
  return up < spec.replicas ? `${up} of ${spec.replicas} available` : undefined;
}
