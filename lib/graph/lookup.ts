import type { Lane, Outputs, Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";

type Described<State> = Pick<Resource<State>, "id" | "title" | "label" | "row" | "needs" | "health" | "showsHealth">;

export interface LookupOptions<State, In extends World> extends Described<State> {
  /** @default "api" */
  readonly lane?: Lane;
  /** Undefined: it does not exist yet. */
  read(world: In, outputs: Outputs): Promise<State | undefined>;
  /** The reason that a delete reports for keeping it. @default it is kept */
  readonly remove?: Resource<State, In>["remove"];
}

const kept = "it is only read";

/** A read-only resource: it is never created, changed or removed; others use its outputs. */
export function lookup<State, In extends World = World>({
  lane = "api",
  read,
  remove,
  ...described
}: LookupOptions<State, In>): Resource<State, In> {
  return {
    ...described,
    lane,
    ...(remove === undefined ? { keptOnDelete: kept } : {}),
    async observe(world, outputs) {
      const state = await read(world, outputs);
      return state === undefined ? { kind: "absent" } : { kind: "present", state };
    },
    diff: () => [],
    async ensure(world, _observed, outputs) {
      const state = await read(world, outputs);
      if (state !== undefined) return state;
      throw new Error(`${described.id} was read before what it needs is there`);
    },
    remove: remove ?? (() => Promise.resolve({ kind: "kept", why: kept })),
  };
}
