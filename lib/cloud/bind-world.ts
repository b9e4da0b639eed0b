import type { Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";

/** Gives resources of a cloud the clients that they call. */
export function bindWorld<Clients extends object>(clients: Clients) {
  return <State>(resource: Resource<State, World & Clients>): Resource<State> => ({
    ...resource,
    observe: (world, outputs) => resource.observe({ ...world, ...clients }, outputs),
    refuse: async (world, state, outputs) => await resource.refuse?.({ ...world, ...clients }, state, outputs),
    ensure: (world, observed, outputs) => resource.ensure({ ...world, ...clients }, observed, outputs),
    remove: (world, observed, outputs) => resource.remove({ ...world, ...clients }, observed, outputs),
  });
}
