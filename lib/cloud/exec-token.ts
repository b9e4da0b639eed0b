import { systemClock } from "#lib/clock.ts";
import type { Environment } from "#lib/environment.ts";
import { isDiskFault } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { createLocks } from "#lib/locks.ts";

/** What kubectl asks `tasks/kube-token.ts` for. */
export interface ExecTokenRequest {
  /** An option that the kubeconfig fixes. @throws FleetError InvalidArgument */
  readonly option: (name: string, form: RegExp) => string;
  /** Name of the cluster in its cloud. */
  readonly cluster: string;
  readonly environment: Environment;
  /** Whether the API server rejected the last token, of `refusedVariable`. */
  readonly said: string;
  /** Folder of caches. */
  readonly cache: string;
  /** Folder of locks. */
  readonly locks: string;
  /** The fleet that the kubeconfig was written for. */
  readonly loadFleet: () => Promise<Fleet>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface ExecToken {
  readonly token: string;
  /** When clients ask for another one: milliseconds since 1970. */
  readonly expiresMs: number;
}

/** Covers several hops over a slow connection by the lock's holder; shorter than the clients' timeout. */
const lockTimeoutMs = 45_000;
/** A token takes some ten milliseconds, and clients wait for it. */
const lockPollMs = 20;

/**
 * Of concurrent callers, across processes, one gets credentials; the others find them in the cache. Where the disk supports neither lock
 * nor cache, each gets its own.
 *
 * @param locks folder of locks
 * @throws FleetError LockTimedOut, and errors of `renew`
 */
export async function renewOnce<Value>(locks: string, name: string, renew: () => Promise<Value>): Promise<Value> {
  const { signal } = new AbortController();
  const waiting = { timeoutMs: lockTimeoutMs, pollMs: lockPollMs, faultyMs: 1_000, signal, progress: () => undefined };
  let renewed: Promise<Value> | undefined;
  try {
    return await createLocks(locks, systemClock, "credentials").hold(name, waiting, async () => {
      renewed = renew();
      return await renewed;
    });
  } catch (error) {
    if (!isDiskFault(error)) throw error;
    return await (renewed ?? renew());
  }
}
