import { z } from "zod";
import { conditionSchema } from "#lib/kubernetes/condition.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";

const endSchema = z.object({ exitCode: z.number().default(0), reason: z.string().default("") });
const containerSchema = z.object({
  state: z
    .object({
      waiting: z.object({ reason: z.string().default(""), message: z.string().default("") }).optional(),
      terminated: endSchema.optional(),
    })
    .default({}),
  lastState: z.object({ terminated: endSchema.optional() }).default({}),
});
type Container = z.infer<typeof containerSchema>;
const podSchema = z.object({
  status: z
    .object({
      initContainerStatuses: z.array(containerSchema).default([]),
      containerStatuses: z.array(containerSchema).default([]),
      conditions: z.array(conditionSchema).default([]),
    })
    .optional(),
});

/** Reasons of a container that is still starting. */
const usual: ReadonlySet<string> = new Set(["", "ContainerCreating", "PodInitializing"]);

/** Why the first failing pod does not run, in Kubernetes' words: `pod x-1: ImagePullBackOff: Back-off pulling image …`. */
export function describePodTrouble(pods: readonly KubernetesObject[]): string | undefined {
  for (const pod of pods) {
    const status = podSchema.safeParse(pod).data?.status;
    if (status === undefined) continue;
    const unscheduled = status.conditions.find(({ type, status: is }) => type === "PodScheduled" && is === "False");
    const why =
      unscheduled === undefined
        ? [...status.initContainerStatuses, ...status.containerStatuses].map(describeContainer).find(Boolean)
        : join(unscheduled.reason, unscheduled.message);
    if (why !== undefined) return `pod ${pod.metadata.name}: ${why}`;
  }
  return undefined;
}

function describeContainer({ state: { waiting, terminated }, lastState }: Container): string | undefined {
  if (terminated !== undefined && terminated.exitCode !== 0) return describeEnd(terminated);
  if (waiting === undefined || usual.has(waiting.reason)) return undefined;
  // A back-off message does not contain its cause.
  const end = waiting.reason === "CrashLoopBackOff" ? lastState.terminated : undefined;
  return join(waiting.reason, waiting.message, end === undefined ? "" : describeEnd(end));
}

function describeEnd({ exitCode, reason }: z.infer<typeof endSchema>): string {
  return join(reason, `exit code ${exitCode}`);
}

function join(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join(": ");
}
