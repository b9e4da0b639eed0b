import { isPassing } from "#lib/aws/explain.ts";
import { FleetError, WorkGoesOn } from "#lib/errors.ts";
import type { World } from "#lib/graph/world.ts";

/** What one look at something that takes its time has shown. */
export type Look<Result> = { readonly done: Result } | { readonly waiting: string };

export interface Poll {
  /** What is waited for, as the error names it: `aws-01: updating the stack k01-eks`. */
  readonly what: string;
  readonly timeoutMs: number;
  /** What can be done when it takes too long. */
  readonly hint: string;
  /** What goes on when the wait is interrupted: `CloudFormation goes on updating it`. @default nothing does */
  readonly goesOn?: string;
}

/** What took a while may take as long again, and needs no closer look: a tenth of the time so far, within these. */
const shortestMs = 200;
const longestMs = 5_000;
/** Each of them was already tried three times by the client. */
const failuresInARow = 5;

/**
 * Looks until it is done, says what is seen, and bears with looks that fail for a moment.
 *
 * @throws FleetError WaitTimedOut with what was last seen
 * @throws WorkGoesOn when it is interrupted and `goesOn` is set
 */
export async function poll<Result>(world: World, options: Poll, look: () => Promise<Look<Result>>): Promise<Result> {
  try {
    return await lookUntilDone(world, options, look);
  } catch (error) {
    if (options.goesOn === undefined || !world.signal.aborted) throw error;
    throw new WorkGoesOn(options.goesOn, error);
  }
}

async function lookUntilDone<Result>(
  world: World,
  { what, timeoutMs, hint }: Poll,
  look: () => Promise<Look<Result>>,
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
