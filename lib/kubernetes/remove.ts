import { z } from "zod";
import type { Clock } from "#lib/clock.ts";
import { FleetError } from "#lib/errors.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { objectPath } from "#lib/kubernetes/discovery.ts";
import { formatReference, type KubernetesObject, type ObjectReference } from "#lib/kubernetes/object.ts";
import { findObject } from "#lib/kubernetes/objects.ts";
import { retrying } from "#lib/kubernetes/retry.ts";

export interface RemoveOptions {
  /** What becomes of the objects that it owns. @default "Background": they go after it */
  readonly propagation?: "Background" | "Foreground" | "Orphan";
  /** Milliseconds until it must be gone. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: (message: string) => void;
}

const pollMs = 500;

/** Deletes an object and waits until it is gone. @throws FleetError WaitTimedOut, naming the finalizers that hold it */
export async function removeObject(
  api: KubernetesApi,
  reference: ObjectReference,
  options: RemoveOptions,
): Promise<"removed" | "absent"> {
  const { clock, signal } = options;
  const path = await retrying(clock, signal, () => objectPath(api, reference));
  const first =
    path === undefined ? undefined : await retrying(clock, signal, () => findObject(api, reference, { signal }));
  if (path === undefined || first === undefined) return "absent";
  const policy = { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: options.propagation ?? "Background" };
  await retrying(clock, signal, () => api.remove(path, policy, { signal }));
  const deadline = clock.now() + options.timeoutMs;
  for (;;) {
    const left = await retrying(clock, signal, () => findObject(api, reference, { signal }));
    // One of the same name may have been made since.
    if (left === undefined || left.metadata.uid !== first.metadata.uid) return "removed";
    const held = describeHold(left);
    options.progress(`deleting ${formatReference(reference)}${held}`);
    if (clock.now() >= deadline) {
      const seconds = Math.round(options.timeoutMs / 1_000);
      throw new FleetError("WaitTimedOut", `${formatReference(reference)} is still there after ${seconds} s${held}`, {
        hint: "run the same command again to go on waiting",
      });
    }
    await clock.sleep(pollMs, signal);
  }
}

const conditionsSchema = z.object({
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string(), message: z.string().default("") })),
  }),
});

/** A namespace reports what is left in it and the finalizers of that in conditions, the others hold their own finalizers. */
function describeHold(left: KubernetesObject): string {
  const finalizers = (left.metadata.finalizers ?? []).join(", ");
  const conditions = conditionsSchema.safeParse(left).data?.status.conditions ?? [];
  const remaining = conditions
    .filter(
      ({ type, status }) =>
        /^Namespace(Content|Finalizers)Remaining$|^NamespaceDeletion/.test(type) && status === "True",
    )
    .map(({ message }) => message);
  return [...(finalizers === "" ? [] : [`held by ${finalizers}`]), ...remaining].map((part) => `, ${part}`).join("");
}
