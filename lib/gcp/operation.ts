import type { Failing } from "#lib/cloud/ask.ts";
import { pollWith } from "#lib/cloud/poll.ts";
import type { Json, Rest, Service } from "#lib/gcp/clients.ts";
import { explainOperation, isPassing } from "#lib/gcp/explain.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";

/** Polls Google. */
export const poll = pollWith(isPassing);

/** Waits for an operation of an API that answers `google.longrunning.Operation`. @throws FleetError with its error, WaitTimedOut */
export async function waitForOperation(
  world: GcpWorld,
  rest: Rest,
  service: Service,
  operation: Json,
  { timeoutMs, ...asked }: Failing & { readonly timeoutMs: number },
): Promise<void> {
  const hint = "run the same command again: Google continues";
  const what = `${asked.account}: ${asked.what}`;
  const ended = await poll(world, { what, timeoutMs, hint }, async () => {
    if (operation.done === true) return { done: operation };
    const found = await rest.get(world, service, `v1/${String(operation.name)}`);
    // A finished operation may be forgotten.
    return found === undefined || found.done === true ? { done: found ?? {} } : { waiting: "Google is at work on it" };
  });
  if (typeof ended.error === "object" && ended.error !== null) throw explainOperation(ended.error, asked);
}
