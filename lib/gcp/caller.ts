import type { Caller, GcpActor } from "#lib/gcp/clients.ts";
import type { Described } from "#lib/gcp/rest-resource.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import { lookup } from "#lib/graph/lookup.ts";
import type { Resource } from "#lib/graph/resource.ts";

/** Who calls Google in this run. Only read. */
export function callerIdentity({
  actor,
  ...options
}: Omit<Described, "label" | "needs"> & { readonly actor: GcpActor }): Resource<Caller, GcpWorld> {
  return lookup({
    ...options,
    label: "caller",
    needs: [],
    read: (world: GcpWorld) => world.gcp.caller(actor, world),
    health: ({ kind, name }) => ({ kind: "healthy", summary: `${kind} ${name}` }),
  });
}
