import type { GcpActor, Json } from "#lib/gcp/clients.ts";
import { waitForCompute } from "#lib/gcp/compute/operation.ts";
import { isGcpError } from "#lib/gcp/error-kinds.ts";
import { projectPath } from "#lib/gcp/names.ts";
import { poll } from "#lib/gcp/operation.ts";
import type { RestAccess } from "#lib/gcp/rest-resource.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";

/** A resource of Compute Engine. */
export interface ComputePlace {
  readonly actor: GcpActor;
  /** Below the project: `global/networks`, `regions/us-east1/routers`. */
  readonly collection: string;
  readonly name: string;
  /** The subject of errors and waits. */
  readonly title: string;
}

export type Write = (method: "POST" | "PATCH" | "DELETE", path: string, body?: Json) => Promise<void>;

/** They take some seconds, a Cloud Router with NAT up to a minute. */
const timeoutMs = 10 * 60_000;

/** Path of a resource, as others name it. */
export function computePath({ actor: { account }, collection, name }: Omit<ComputePlace, "title">): string {
  return `${projectPath(account)}/${collection}/${name}`;
}

/** Whether a link that Compute Engine answers is of the resource with this path. */
export function isLinkTo(path: unknown, link: unknown): boolean {
  return String(link).endsWith(`/${String(path)}`);
}

/**
 * Reads and writes one resource of Compute Engine; each write is waited for.
 *
 * @param change of what differs: Compute Engine has no way to change a resource that suits all
 * @param create what is written once, and not compared: descriptions can't be changed
 */
export function computeAccess(
  world: GcpWorld,
  place: ComputePlace,
  create: Json,
  change: (write: Write, body: Json, found: Json) => Promise<void>,
): RestAccess {
  const { actor, collection, name } = place;
  const path = computePath(place);
  const write = writeTo(world, place);
  const get = (): Promise<Json | undefined> => world.gcp.rest(actor).get(world, "compute", path);
  return {
    get,
    create: (body) => write("POST", `${projectPath(actor.account)}/${collection}`, { name, ...body, ...create }),
    change: async (body) => await change(write, body, (await get()) ?? {}),
    remove: () => write("DELETE", path),
  };
}

/** Sends a write again while what it is about is not ready: made or changed a moment ago, by this run or another one. */
export function writeTo(world: GcpWorld, { actor, title }: ComputePlace): Write {
  const rest = world.gcp.rest(actor);
  const hint = "run the same command again: it continues";
  return async (method, path, body) => {
    const asked = { account: actor.account.name, what: `${verbs[method]} ${path.split("/").slice(-2).join("/")}` };
    await poll(world, { what: title, timeoutMs, hint }, async () => {
      try {
        // Google does a request with the same id once: it is sent again when its answer got lost.
        const operation = await rest.send(world, "compute", method, path, body, { requestId: crypto.randomUUID() });
        await waitForCompute(world, rest, operation, { ...asked, timeoutMs });
        return { done: undefined };
      } catch (error) {
        if (!isNotReady(error)) throw error;
        return { waiting: "Google is still at work on it, or on what it is in" };
      }
    });
  };
}

const verbs = { POST: "calling", PATCH: "writing", DELETE: "deleting" } as const;

function isNotReady(error: unknown): boolean {
  return ["resourceNotReady", "RESOURCE_NOT_READY"].some((reason) => isGcpError(error, reason));
}
