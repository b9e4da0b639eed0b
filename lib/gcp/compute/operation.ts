import type { Failing } from "#lib/cloud/ask.ts";
import type { Json, Rest } from "#lib/gcp/clients.ts";
import { explain } from "#lib/gcp/explain.ts";
import { GoogleError } from "#lib/gcp/google-error.ts";
import { poll } from "#lib/gcp/operation.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";

/**
 * Waits for an operation of Compute Engine, global or of a region, which has a form of its own.
 *
 * @param operation as a call answered it; empty for one that had nothing to do
 * @throws FleetError with its error, WaitTimedOut
 */
export async function waitForCompute(
  world: GcpWorld,
  rest: Rest,
  operation: Json,
  { timeoutMs, ...asked }: Failing & { readonly timeoutMs: number },
): Promise<void> {
  const hint = "run the same command again: Google continues";
  const path = pathOf(operation.selfLink);
  const ended = await poll(world, { what: `${asked.account}: ${asked.what}`, timeoutMs, hint }, async () => {
    if (path === undefined || operation.status === "DONE") return { done: operation };
    const found = await rest.get(world, "compute", path);
    // A finished operation may be forgotten.
    return found === undefined || found.status === "DONE" ? { done: found ?? {} } : { waiting: describe(found) };
  });
  const [error] = errorsOf(ended);
  if (error === undefined) return;
  const { httpErrorStatusCode: status } = ended;
  throw explain(
    new GoogleError(
      { code: String(error.code ?? "UNKNOWN"), message: String(error.message ?? "Google gives no reason") },
      { status: typeof status === "number" ? status : 200 },
    ),
    asked,
  );
}

/** Without host and version: `projects/P/regions/R/subnetworks/S`. @param link what Compute Engine calls a resource */
export function pathOf(link: unknown): string | undefined {
  return /projects\/.+$/.exec(typeof link === "string" ? link : "")?.[0];
}

function errorsOf({ error }: Json): readonly Json[] {
  const { errors } = Object(error);
  return Array.isArray(errors) ? errors : [];
}

function describe({ operationType }: Json): string {
  return `Google: ${String(operationType ?? "an operation")}`;
}
