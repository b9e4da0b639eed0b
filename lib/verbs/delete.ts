import { asFleetError, FleetError } from "#lib/errors.ts";
import { type AnyResource, laneOf, type Observed } from "#lib/graph/resource.ts";
import { runGraph } from "#lib/graph/scheduler.ts";
import type { World } from "#lib/graph/world.ts";
import type { Conclusion, Elsewhere, Engine, Verb } from "#lib/verbs/engine.ts";
import { exclusively, findElsewhere, foreignError, isTakenAlong, settle, walk } from "#lib/verbs/engine.ts";

/** Removes the selection, dependents first. */
export const remove: Verb = {
  name: "delete",
  mutates: true,
  async run(engine) {
    const seen = await lookAtAll(engine);
    const selected = new Set(engine.resources);
    await walk(engine, "needs-last", async (resource, world) => {
      if (isTakenAlong(resource, selected)) return concludeTakenAlong(resource, seen, "removed");
      if (resource.keptOnDelete !== undefined) return { outcome: "kept", note: resource.keptOnDelete };
      const found = seen.get(resource);
      // A failed observation is a failure, never "absent": its needs must be kept.
      if (found?.kind === "failed") throw found.error;
      const elsewhere = found && (await findElsewhere(resource, found.observed, world, engine));
      if (elsewhere === undefined) return await removeOne(resource, world, engine);
      await elsewhere.remove(world);
      return { outcome: "removed", note: describePlace(elsewhere) };
    });
  },
};

export type Seen =
  | { readonly kind: "seen"; readonly observed: Observed<unknown> }
  | { readonly kind: "failed"; readonly error: unknown };

/** Where a cluster was found. */
export function describePlace({ changes }: Elsewhere): string {
  return changes.map(({ field, from }) => `in ${field} ${from}`).join(", ");
}

/** Deleted together with another resource, whose result says whether anything existed; kept with one that is kept. */
export function concludeTakenAlong(
  { goesWith }: AnyResource,
  seen: ReadonlyMap<AnyResource, Seen>,
  outcome: "removed" | "to remove",
): Conclusion {
  if (goesWith?.keptOnDelete !== undefined) return { outcome: "kept", note: goesWith.keptOnDelete };
  const found = goesWith === undefined ? undefined : seen.get(goesWith);
  if (found?.kind === "seen" && found.observed.kind === "absent") return { outcome: "unchanged", note: "already gone" };
  return { outcome, note: `with ${goesWith?.title ?? ""}` };
}

/**
 * Observes needs first, because their outputs may be required; also needs that are kept: without them,
 * resources in a cluster would count as absent. Fills in the outputs.
 */
export async function lookAtAll(engine: Engine): Promise<ReadonlyMap<AnyResource, Seen>> {
  const seen = new Map<AnyResource, Seen>();
  const selected = new Set(engine.resources);
  await runGraph(
    {
      // Resources deleted with their container need no observation: it may be stopped or incomplete.
      nodes: withNeeds(engine.resources.filter((resource) => !isTakenAlong(resource, selected))),
      after: (resource) => resource.needs,
      lane: laneOf,
      limit: engine.limit,
      signal: engine.signal,
    },
    async (resource) => {
      const world = engine.worldOf(resource);
      // Kept resources have no row in the view.
      const silent = selected.has(resource) ? world : { ...world, progress: () => undefined, output: () => undefined };
      const observed: Observed<unknown> = await resource.observe(silent, engine.outputs);
      if (observed.kind === "present") engine.outputs.set(resource, observed.state);
      seen.set(resource, { kind: "seen", observed });
    },
    (resource, result) => {
      if (result.kind === "failed") seen.set(resource, result);
      if (result.kind === "blocked") {
        const cause = seen.get(result.cause);
        const { message, hint, details } = asFleetError(cause?.kind === "failed" ? cause.error : undefined);
        const why = `${result.cause.title} could not be looked at, and this depends on it: ${message}`;
        seen.set(resource, { kind: "failed", error: new FleetError("OutputMissing", why, { hint, details }) });
      }
    },
  );
  return seen;
}

function withNeeds(resources: readonly AnyResource[]): readonly AnyResource[] {
  const all = new Set(resources);
  for (const resource of all) for (const need of resource.needs) all.add(need);
  return [...all];
}

async function removeOne(resource: AnyResource, world: World, engine: Engine): Promise<Conclusion> {
  return await exclusively(resource, world, async () => {
    const observed = await settle(resource, world, engine);
    if (observed.kind === "foreign" && !world.options.adopt) throw foreignError(observed.why);
    // Even if absent: removes leftovers of an interrupted run (a lock, a network).
    const removal = await resource.remove(world, observed, engine.outputs);
    engine.outputs.clear(resource);
    if (removal.kind === "kept") return { outcome: "kept", note: removal.why };
    return observed.kind === "absent" ? { outcome: "unchanged", note: "already gone" } : { outcome: "removed" };
  });
}
