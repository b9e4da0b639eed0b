import type { Clock } from "#lib/clock.ts";
import { FleetError } from "#lib/errors.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { objectPath } from "#lib/kubernetes/discovery.ts";
import { describeHold } from "#lib/kubernetes/hold.ts";
import { formatReference, type KubernetesObject, type ObjectReference, referenceOf } from "#lib/kubernetes/object.ts";
import { findObject } from "#lib/kubernetes/objects.ts";
import { retrying } from "#lib/kubernetes/retry.ts";

export interface RemoveOptions {
  /** Deletion of dependents. @default "Background": they are deleted afterwards */
  readonly propagation?: "Background" | "Foreground" | "Orphan";
  /** Timeout in milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: (message: string) => void;
}

const pollMs = 500;

/** Deletes an object and waits until it is gone. @throws FleetError WaitTimedOut, with the finalizers that block it */
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
  await waitUntilGone(api, first, options);
  return "removed";
}

/** Waits until an object that is being deleted is gone. @throws FleetError WaitTimedOut, with what blocks it */
export async function waitUntilGone(
  api: KubernetesApi,
  object: KubernetesObject,
  options: Omit<RemoveOptions, "propagation">,
): Promise<void> {
  const { clock, signal } = options;
  const reference = referenceOf(object);
  const deadline = clock.now() + options.timeoutMs;
  for (;;) {
    const left = await retrying(clock, signal, () => findObject(api, reference, { signal }));
    // An object of the same name may have been created meanwhile.
    if (left === undefined || left.metadata.uid !== object.metadata.uid) return;
    const held = await describeHold(api, left, signal);
    options.progress(`deleting ${formatReference(reference)}${held}`);
    if (clock.now() >= deadline) {
      const seconds = Math.round(options.timeoutMs / 1_000);
      throw new FleetError("WaitTimedOut", `${formatReference(reference)} still exists after ${seconds} s${held}`, {
        hint: held.includes("held by")
          ? "the controller that owns a finalizer must remove it; then run the same command again"
          : "run the same command again to continue waiting",
      });
    }
    await clock.sleep(pollMs, signal);
  }
}
