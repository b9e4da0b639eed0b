import type { AwsClients } from "#lib/aws/clients.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";

/** The world of resources in AWS: with clients of its accounts. */
export interface AwsWorld extends World {
  readonly aws: AwsClients;
}

/** Gives resources in AWS the clients that they call. */
export function withClients(aws: AwsClients) {
  return <State>(resource: Resource<State, AwsWorld>): Resource<State> => ({
    ...resource,
    observe: (world, outputs) => resource.observe({ ...world, aws }, outputs),
    refuse: async (world, state, outputs) => await resource.refuse?.({ ...world, aws }, state, outputs),
    ensure: (world, observed, outputs) => resource.ensure({ ...world, aws }, observed, outputs),
    remove: (world, observed, outputs) => resource.remove({ ...world, aws }, observed, outputs),
  });
}
