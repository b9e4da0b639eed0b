import { type ErrorCode, FleetError } from "#lib/errors.ts";
import { findNetworkFailure } from "#lib/network-failure.ts";

/** A value with an expiry. */
export interface Lease<Value> {
  readonly value: Value;
  /** Milliseconds since 1970; infinity if it does not expire. */
  readonly expiresMs: number;
}

export interface Renewing<Value> {
  /** Returns the cached value until shortly before it expires; concurrent callers share one request. */
  get(): Promise<Value>;
  /** Invalidates the value, e.g. after it was rejected. */
  forget(refused: Value): void;
}

/**
 * Caches a value and renews it before it expires, early enough for a long call to finish with it.
 *
 * @param transientCodes error codes that are transient, in addition to network errors: the current value is kept
 */
export function renewing<Value>(
  ask: () => Promise<Lease<Value>>,
  renewEarlyMs: number,
  transientCodes: readonly ErrorCode[] = [],
): Renewing<Value> {
  let current: Lease<Value> | undefined;
  let asking: Promise<Value> | undefined;
  return {
    get() {
      if (current !== undefined && current.expiresMs - renewEarlyMs > Date.now()) return Promise.resolve(current.value);
      asking ??= ask()
        .then((lease) => {
          current = lease;
          return lease.value;
        })
        .catch((error: unknown) => {
          // Renewed early: during a short network outage the current value is still valid.
          const isAway = error instanceof FleetError && isTransient(error, transientCodes);
          if (isAway && current !== undefined && current.expiresMs > Date.now()) return current.value;
          throw error;
        })
        .finally(() => {
          asking = undefined;
        });
      return asking;
    },
    forget(refused) {
      if (current?.value === refused) current = undefined;
    },
  };
}

function isTransient(error: FleetError, codes: readonly string[]): boolean {
  return codes.includes(error.code) || findNetworkFailure(error.cause)?.transient === true;
}
