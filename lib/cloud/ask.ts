import { ForeignAnswer } from "#lib/cloud/fetch.ts";
import {
  type Attempts,
  type Calling,
  type Pause,
  patienceMs,
  pauseWhileAway,
  withPatience,
} from "#lib/cloud/patience.ts";
import { type ErrorCode, FleetError } from "#lib/errors.ts";
import type { Hint } from "#lib/hint.ts";
import { findNetworkFailure } from "#lib/network-failure.ts";

/** What failed, as its error names it. */
export interface Failing {
  /** Starts the message: `az-01`. */
  readonly account: string;
  /** What for, as a gerund: `reading the zone k01.k8s.az.mylabs.dev`. */
  readonly what: string;
  /** Of the account. @default "tenant" */
  readonly role?: "management" | "tenant";
  /** Who GitHub's read-only jobs are, as the cloud names callers. @default unknown */
  readonly readOnlyCaller?: string | undefined;
}

/** One question to a cloud, as its failure names it. */
export interface Asked extends Failing {
  /** The run: waits during outages, and reports them. Without it the call fails immediately. */
  readonly world?: Calling | undefined;
  /** A second identical call does no harm. False for writes that would be refused by what the first one did. @default true */
  readonly repeatable?: boolean;
  /** Whether this failure may be over in a moment, and for how long to wait. @default no */
  readonly pauseWhileSettling?: (error: unknown) => Pause | undefined;
}

/** An error that a cloud answered, as far as it decides about another attempt. */
export interface Answered {
  /** The cloud's own. */
  readonly code: string;
  /** Milliseconds after which the cloud accepts the call again, if it says so. */
  readonly retryAfterMs: number | undefined;
  readonly isThrottled: boolean;
  readonly isUnavailable: boolean;
}

/** An error in our words. */
export interface Described {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: Hint;
  readonly details: readonly string[];
}

/** What is special about the errors of one cloud. */
export interface CloudErrors {
  /** In messages: `Azure`. */
  readonly cloud: string;
  readonly unreachable: ErrorCode;
  /** Undefined for what the cloud did not answer. */
  find(thrown: unknown): Answered | undefined;
  /** The same errors as `find`. */
  describe(thrown: unknown, failing: Failing): Described | undefined;
}

/** Milliseconds for one attempt: as long as a call of AWS. */
const attemptMs = 60_000;
/** Pauses while a cloud is unavailable and doesn't say for how long. */
const pausesMs = [1_000, 2_000, 4_000, 8_000, 16_000];

/** Describes errors of a cloud and of the network; others pass unchanged. */
export function explainWith({ cloud, unreachable, describe }: CloudErrors) {
  return (thrown: unknown, failing: Failing): unknown => {
    const { account, what } = failing;
    if (thrown instanceof FleetError) return thrown;
    if (thrown instanceof ForeignAnswer) {
      return new FleetError(unreachable, `${account}: ${thrown.message} (${what})`, {
        hint: `check for a proxy, a login page or a firewall between this computer and ${cloud} (HTTPS_PROXY, NO_PROXY)`,
        cause: thrown,
      });
    }
    const found = describe(thrown, failing);
    if (found !== undefined) {
      const { code, message, hint, details } = found;
      return new FleetError(code, `${account}: ${message} (${what})`, { hint, details, cause: thrown });
    }
    const failure = findNetworkFailure(thrown);
    if (failure === undefined) return thrown;
    const message = `${account}: ${cloud} does not answer: ${failure.reason} (${what})`;
    return new FleetError(unreachable, message, { hint: failure.hint, cause: thrown });
  };
}

/**
 * Makes calls to a cloud and describes their failures in our words; the cloud's own error stays as `cause`. Waits as long as the cloud
 * asks for, but no longer than the run's patience. A call must obey the signal, which ends each attempt.
 */
export function askWith(errors: CloudErrors) {
  const explain = explainWith(errors);
  return async <Answer>(asked: Asked, call: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> => {
    const { world } = asked;
    const attempt = async () => {
      const deadline = AbortSignal.timeout(attemptMs);
      return await call(world === undefined ? deadline : AbortSignal.any([world.signal, deadline]));
    };
    try {
      if (world === undefined) return await attempt();
      return await withPatience(world, (thrown, attempts) => pauseAfter(errors, thrown, attempts, asked), attempt);
    } catch (thrown) {
      world?.signal.throwIfAborted();
      throw explain(thrown, asked);
    }
  };
}

function pauseAfter(errors: CloudErrors, thrown: unknown, attempts: Attempts, asked: Asked): Pause | undefined {
  const settling = asked.pauseWhileSettling?.(thrown);
  if (settling !== undefined) return settling;
  const error = errors.find(thrown);
  const leftMs = patienceMs - attempts.elapsedMs;
  if (leftMs <= 0) return undefined;
  if (error === undefined) {
    if (thrown instanceof FleetError) return undefined;
    const away = pauseWhileAway(errors.cloud, thrown, attempts);
    if (away !== undefined || asked.repeatable === false) return away;
    const failure = findNetworkFailure(thrown);
    return failure?.transient === true
      ? { ms: 2_000, why: `no answer of ${errors.cloud} (${failure.reason}); trying again` }
      : undefined;
  }
  if (!error.isThrottled && !(error.isUnavailable && asked.repeatable !== false)) return undefined;
  const ms = error.retryAfterMs ?? pausesMs[attempts.count - 1] ?? 16_000;
  const said = error.retryAfterMs === undefined ? "" : `${errors.cloud} asks to wait ${Math.ceil(ms / 1_000)} s, `;
  // One last attempt at the deadline: limits are often lifted sooner.
  const pauseMs = Math.min(ms, leftMs);
  return { ms: pauseMs, why: `${error.code}: ${said}trying again in ${Math.ceil(pauseMs / 1_000)} s` };
}

/** Seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */
export function readRetryAfter(headers: Headers | undefined): number | undefined {
  const text = headers?.get("retry-after") ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
