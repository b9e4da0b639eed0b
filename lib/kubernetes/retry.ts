import type { Clock } from "#lib/clock.ts";
import { FleetError } from "#lib/errors.ts";
import { KubernetesStatusError } from "#lib/kubernetes/api.ts";

const attempts = 6;
const firstPauseMs = 250;

/**
 * Retries an idempotent call if the server is overloaded, restarts, or closes the connection: about eight seconds
 * in total, which covers the restart of an API server behind a load balancer.
 */
export async function retrying<Result>(
  clock: Clock,
  signal: AbortSignal,
  call: () => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (attempt === attempts || !isPassing(error)) throw error;
      const asked = error instanceof KubernetesStatusError ? error.retryAfterMs : undefined;
      await clock.sleep(asked ?? firstPauseMs * 2 ** (attempt - 1), signal);
    }
  }
}

/** Undefined if the server does not answer or refuses: a failed explanation must not end the wait that it explains. */
export async function tryExplain<Result>(look: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof FleetError && ["KubernetesError", "ClusterUnreachable"].includes(error.code)) return undefined;
    throw error;
  }
}

/** The API server's message, with status 500, for a body that doesn't fit its kind: a retry can't succeed. */
const misfit = "failed to create typed patch object";

function isPassing(error: unknown): boolean {
  if (error instanceof KubernetesStatusError && error.message.includes(misfit)) return false;
  if (error instanceof KubernetesStatusError) return error.status === 429 || error.status >= 500;
  return error instanceof FleetError && error.code === "ClusterUnreachable";
}
