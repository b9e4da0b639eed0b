import { FleetError, WorkGoesOn } from "#lib/errors.ts";
import type { World } from "#lib/graph/world.ts";

/** Result of one poll. */
export type Look<Result> = { readonly done: Result } | { readonly waiting: string };

export interface Poll {
  /** The subject of the error: `aws-01: updating the stack k01-eks`. */
  readonly what: string;
  readonly timeoutMs: number;
  /** What to do after a timeout. */
  readonly hint: string;
  /** What continues after an interrupt: `CloudFormation goes on updating it`. @default nothing */
  readonly goesOn?: string;
}

/** The run that waits. */
type Waiting = Pick<World, "clock" | "signal" | "progress" | "output">;

/** Pause between polls: a tenth of the elapsed time, within these limits. */
const shortestMs = 200;
const longestMs = 5_000;
/** Each of them was already tried several times by the client. */
const failuresInARow = 5;

/**
 * Polls until it is done, reports progress, and tolerates transient failures. The poll's own errors:
 * WaitTimedOut with the last observation; WorkGoesOn if it is interrupted and `goesOn` is set.
 *
 * @param isPassing whether a failed look may succeed if it is repeated
 */
export function pollWith(isPassing: (error: unknown) => boolean) {
  return async <Result>(world: Waiting, options: Poll, look: () => Promise<Look<Result>>): Promise<Result> => {
    try {
      return await lookUntilDone(world, options, look, isPassing);
    } catch (error) {
      if (options.goesOn === undefined || !world.signal.aborted) throw error;
      throw new WorkGoesOn(options.goesOn, error);
    }
  };
}

async function lookUntilDone<Result>(
  world: Waiting,
  { what, timeoutMs, hint }: Poll,
  look: () => Promise<Look<Result>>,
  isPassing: (error: unknown) => boolean,
): Promise<Result> {
  const { clock, signal } = world;
  const began = clock.now();
  let failures = 0;
  let seen = "nothing yet";
  for (;;) {
    signal.throwIfAborted();
    try {
      const found = await look();
      if ("done" in found) return found.done;
      failures = 0;
      seen = found.waiting;
      world.progress(seen);
    } catch (error) {
      failures++;
      if (!isPassing(error) || failures === failuresInARow) throw error;
      world.output(`looking again after: ${(error as FleetError).message}`);
    }
    const passed = clock.now() - began;
    if (passed >= timeoutMs) {
      throw new FleetError("WaitTimedOut", `${what}: not done after ${formatDuration(passed)}; last seen: ${seen}`, {
        hint,
      });
    }
    const pause = Math.min(longestMs, Math.max(shortestMs, passed / 10));
    await clock.sleep(failures > 0 ? longestMs : pause, signal);
  }
}

function formatDuration(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1_000)} seconds` : `${Math.round(ms / 60_000)} minutes`;
}
