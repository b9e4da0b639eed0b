import { z } from "zod";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";

const containerSchema = z.object({
  state: z
    .object({ waiting: z.object({ reason: z.string().default(""), message: z.string().default("") }).optional() })
    .default({}),
});
const podSchema = z.object({
  status: z
    .object({
      initContainerStatuses: z.array(containerSchema).default([]),
      containerStatuses: z.array(containerSchema).default([]),
      conditions: z
        .array(
          z.object({
            type: z.string(),
            status: z.string(),
            reason: z.string().optional(),
            message: z.string().optional(),
          }),
        )
        .default([]),
    })
    .optional(),
});

/** Reasons of a container on its way, which is no trouble. */
const usual: ReadonlySet<string> = new Set(["", "ContainerCreating", "PodInitializing"]);

/** Why the first pod that can't run doesn't, in Kubernetes' words: `ImagePullBackOff: Back-off pulling image …`. */
export function describePodTrouble(pods: readonly KubernetesObject[]): string | undefined {
  for (const pod of pods) {
    const status = podSchema.safeParse(pod).data?.status;
    if (status === undefined) continue;
    const unscheduled = status.conditions.find(({ type, status: is }) => type === "PodScheduled" && is === "False");
    if (unscheduled !== undefined) return join(unscheduled.reason, unscheduled.message);
    const containers = [...status.initContainerStatuses, ...status.containerStatuses];
    const waiting = containers.map(({ state }) => state.waiting).find((found) => !usual.has(found?.reason ?? ""));
    if (waiting !== undefined) return join(waiting.reason, waiting.message);
  }
  return undefined;
}

function join(reason = "", message = ""): string {
  return [reason, message].filter((part) => part !== "").join(": ");
}
