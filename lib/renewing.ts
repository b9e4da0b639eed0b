import { FleetError } from "#lib/errors.ts";
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

/** Keeps what was asked for, and asks again so long before it expires that a call which takes its time is still let in. */
export function renewing<Value>(ask: () => Promise<Lease<Value>>, renewEarlyMs: number): Renewing<Value> {
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
          const isAway = error instanceof FleetError && isTransient(error);
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

function isTransient(error: FleetError): boolean {
  return error.code === "AwsThrottled" || findNetworkFailure(error.cause)?.transient === true;
}
