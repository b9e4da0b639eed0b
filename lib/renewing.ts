import { type ErrorCode, FleetError } from "#lib/errors.ts";
import { findNetworkFailure } from "#lib/network-failure.ts";

/** Something that is good for a while. */
export interface Lease<Value> {
  readonly value: Value;
  /** Milliseconds since 1970; infinity where nobody says. */
  readonly expiresMs: number;
}

export interface Renewing<Value> {
  /** The same as before until shortly before it expires; all who ask at once wait for one answer. */
  get(): Promise<Value>;
  /** It isn't to be believed any longer: somebody refused it. */
  forget(refused: Value): void;
}

/**
 * Keeps what was asked for, and asks again so long before it expires that a call which takes its time is still let in.
 *
 * @param transientCodes of errors that pass, beside those of the network: until then the current value is kept
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
          // Renewed early: while the network is away for a moment, what there is still lets in.
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
