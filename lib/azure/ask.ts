import { explain, type Failing, findAzureError, isThrottled, isUnavailable } from "#lib/azure/explain.ts";
import {
  type Attempts,
  type Calling,
  type Pause,
  patienceMs,
  pauseWhileAway,
  withPatience,
} from "#lib/cloud/patience.ts";
import { FleetError } from "#lib/errors.ts";
import { findNetworkFailure } from "#lib/network-failure.ts";

/** One question to Azure, as its failure names it. */
export interface Asked extends Failing {
  /** The run: waits during outages, and reports them. Without it the call fails immediately. */
  readonly world?: Calling | undefined;
  /** A second identical call does no harm. False for conditional writes, which would be refused by what the first one did. @default true */
  readonly repeatable?: boolean;
  /** Whether this denial may be over in a moment, and for how long to wait. @default no */
  readonly pauseWhileSettling?: (error: unknown) => Pause | undefined;
}

/** Milliseconds for one attempt: as long as a call of AWS. */
const attemptMs = 60_000;
/** Pauses while Azure is unavailable and doesn't say for how long. */
const pausesMs = [1_000, 2_000, 4_000, 8_000, 16_000];

/**
 * Makes a call and describes its failure in our words; Azure's own error stays as `cause`, for `isAzureError`. Waits as long as Azure asks
 * for, but no longer than the run's patience.
 *
 * @param call must obey the signal, which ends each attempt
 * @throws FleetError with a code of Azure, QuotaExceeded, SessionExpired, WrongAccount
 */
export async function ask<Answer>(asked: Asked, call: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  const { world } = asked;
  const attempt = async () => {
    const deadline = AbortSignal.timeout(attemptMs);
    return await call(world === undefined ? deadline : AbortSignal.any([world.signal, deadline]));
  };
  try {
    if (world === undefined) return await attempt();
    return await withPatience(world, (thrown, attempts) => pauseAfter(thrown, attempts, asked), attempt);
  } catch (thrown) {
    world?.signal.throwIfAborted();
    throw explain(thrown, asked);
  }
}

function pauseAfter(thrown: unknown, attempts: Attempts, asked: Asked): Pause | undefined {
  const settling = asked.pauseWhileSettling?.(thrown);
  if (settling !== undefined) return settling;
  const error = findAzureError(thrown);
  const leftMs = patienceMs - attempts.elapsedMs;
  if (leftMs <= 0) return undefined;
  if (error === undefined) {
    if (thrown instanceof FleetError) return undefined;
    const away = pauseWhileAway("Azure", thrown, attempts);
    if (away !== undefined || asked.repeatable === false) return away;
    const failure = findNetworkFailure(thrown);
    return failure?.transient === true
      ? { ms: 2_000, why: `no answer of Azure (${failure.reason}); trying again` }
      : undefined;
  }
  if (!isThrottled(error) && !(isUnavailable(error) && asked.repeatable !== false)) return undefined;
  const ms = error.retryAfterMs ?? pausesMs[attempts.count - 1] ?? 16_000;
  const said = error.retryAfterMs === undefined ? "" : `Azure asks to wait ${Math.ceil(ms / 1_000)} s, `;
  // One last attempt at the deadline: limits are often lifted sooner.
  const pauseMs = Math.min(ms, leftMs);
  return { ms: pauseMs, why: `${error.code}: ${said}trying again in ${Math.ceil(pauseMs / 1_000)} s` };
}
