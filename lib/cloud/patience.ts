import type { World } from "#lib/graph/world.ts";
import { findNetworkFailure } from "#lib/network-failure.ts";

/** Milliseconds for which a run bears with a cloud that is away: a router restarts, a laptop changes its network. */
export const patienceMs = 3 * 60_000;
const networkPauseMs = 2_000;

/** The run that makes a call: it can end the call, and shows its waits. */
export type Calling = Pick<World, "signal" | "progress" | "clock">;

/** Before the next attempt. */
export interface Pause {
  readonly ms: number;
  /** Shown meanwhile. */
  readonly why: string;
}

export interface Attempts {
  /** That have failed, from 1. */
  readonly count: number;
  /** Milliseconds since the first began. */
  readonly elapsedMs: number;
}

/**
 * Makes a call again for as long as a pause is given after its failures.
 *
 * @param pauseAfter undefined: the failure is final
 */
export async function withPatience<Answer>(
  { clock, signal, progress }: Calling,
  pauseAfter: (thrown: unknown, attempts: Attempts) => Pause | undefined,
  call: () => Promise<Answer>,
): Promise<Answer> {
  const began = clock.now();
  for (let count = 1; ; count++) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (thrown) {
      signal.throwIfAborted();
      const pause = pauseAfter(thrown, { count, elapsedMs: clock.now() - began });
      if (pause === undefined) throw thrown;
      progress(pause.why);
      await clock.sleep(pause.ms, signal);
    }
  }
}

/** After a request that could not be sent. @param cloud its name in messages */
export function pauseWhileAway(cloud: string, thrown: unknown, { elapsedMs }: Attempts): Pause | undefined {
  const failure = findNetworkFailure(thrown);
  if (failure?.transient !== true || !failure.unsent || elapsedMs >= patienceMs) return undefined;
  return { ms: networkPauseMs, why: `${cloud} is not reachable (${failure.reason}); trying again` };
}
