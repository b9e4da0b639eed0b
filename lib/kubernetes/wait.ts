import type { Clock } from "#lib/clock.ts";
import { FleetError } from "#lib/errors.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { collectionPath } from "#lib/kubernetes/discovery.ts";
import type { Collection, KubernetesObject } from "#lib/kubernetes/object.ts";
import { type Listing, listWithVersion } from "#lib/kubernetes/objects.ts";
import { retrying, tryExplain } from "#lib/kubernetes/retry.ts";

export interface Wait {
  /** The subject of the error message. */
  readonly what: string;
  readonly collection: Collection;
  /** What is still missing; undefined if nothing is. May throw to give up. */
  pending(objects: readonly KubernetesObject[]): string | undefined | Promise<string | undefined>;
  /** Why it is still missing, if other objects show it. */
  explain?(objects: readonly KubernetesObject[]): Promise<string | undefined>;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: (message: string) => void;
}

/** Checks at this interval even without changes: the state may depend on time. */
const lookAgainMs = 5_000;
/** Collects bursts of changes. */
const restMs = 200;

/**
 * Waits for a state of some objects. Each list is complete, and a watch only triggers the next list, so nothing is
 * lost when a watch ends or its version expires.
 *
 * @returns the objects in that state
 * @throws FleetError WaitTimedOut with what was missing last
 */
export async function waitFor(api: KubernetesApi, wait: Wait): Promise<readonly KubernetesObject[]> {
  const { clock, signal } = wait;
  const deadline = clock.now() + wait.timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const listing = await retrying(clock, signal, () => listWithVersion(api, wait.collection, { signal }));
    const pending = await wait.pending(listing.objects);
    if (pending === undefined) return listing.objects;
    const why = await tryExplain(async () => await wait.explain?.(listing.objects));
    const missing = why === undefined ? pending : `${pending}: ${why}`;
    wait.progress(missing);
    const left = deadline - clock.now();
    if (left <= 0) {
      const seconds = Math.round(wait.timeoutMs / 1_000);
      throw new FleetError("WaitTimedOut", `${wait.what}: timed out after ${seconds} s: ${missing}`, {
        hint: "run the same command again to continue waiting",
      });
    }
    await waitForChange(api, wait, listing, Math.min(left, lookAgainMs));
    await clock.sleep(restMs, signal);
  }
}

async function waitForChange(api: KubernetesApi, wait: Wait, listing: Listing, timeoutMs: number): Promise<void> {
  const path = await collectionPath(api, wait.collection);
  if (path === undefined || listing.resourceVersion === undefined) return;
  const query = new URLSearchParams({ watch: "true", resourceVersion: listing.resourceVersion });
  const separator = path.includes("?") ? "&" : "?";
  await api.waitForEvent(`${path}${separator}${query}`, { timeoutMs, signal: wait.signal });
}
