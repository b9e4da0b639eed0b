import { FleetError } from "#lib/errors.ts";
import { formatChange } from "#lib/graph/change.ts";
import type { AnyResource, Change, Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import type { Conclusion, Engine, Verb } from "#lib/verbs/engine.ts";
import { exclusively, findElsewhere, foreignError, settle, walk } from "#lib/verbs/engine.ts";

/** Required for changes that delete and recreate a resource. */
export const replacementFlag = "--allow-replacement";

/** Creates and updates everything to match the fleet, needs first. */
export const create: Verb = {
  name: "create",
  mutates: true,
  run: (engine) => walk(engine, "needs-first", (resource, world) => converge(resource, world, engine)),
};

async function converge(resource: AnyResource, world: World, engine: Engine): Promise<Conclusion> {
  // Observes without the lease, so that a rerun without changes waits for no other command.
  const first = await resource.observe(world, engine.outputs);
  if (first.kind === "present" && resource.diff(first.state, engine.outputs).length === 0) {
    engine.outputs.set(resource, first.state);
    return { outcome: "unchanged", ...tellHealth(resource, first.state) };
  }
  const elsewhere = await findElsewhere(resource, first, world, engine);
  if (elsewhere === undefined) return await exclusively(resource, world, () => change(resource, world, engine));
  const { changes } = elsewhere;
  if (!world.options.allowReplacement) throw replacementRequired(changes);
  await elsewhere.remove(world);
  const conclusion = await exclusively(resource, world, () => change(resource, world, engine));
  return conclusion.outcome === "made" ? { ...conclusion, outcome: "replaced", changes } : conclusion;
}

async function change(resource: AnyResource, world: World, engine: Engine): Promise<Conclusion> {
  const observed = await settle(resource, world, engine);
  const ensure = async (): Promise<Pick<Conclusion, "health">> => {
    const state: unknown = await resource.ensure(world, observed, engine.outputs);
    engine.outputs.set(resource, state);
    return tellHealth(resource, state);
  };
  switch (observed.kind) {
    case "absent":
      return { ...(await ensure()), outcome: "made" };
    case "broken":
      return { ...(await ensure()), outcome: "made", note: `what was left of it was removed first: ${observed.why}` };
    case "foreign":
      if (!world.options.adopt) throw foreignError(observed.why);
      return { ...(await ensure()), outcome: "adopted" };
    case "present": {
      const changes = resource.diff(observed.state, engine.outputs);
      if (changes.length === 0) {
        engine.outputs.set(resource, observed.state);
        return { outcome: "unchanged", ...tellHealth(resource, observed.state) };
      }
      const replace = changes.some((entry) => entry.effect === "replace");
      if (replace && !world.options.allowReplacement) throw replacementRequired(changes);
      return { ...(await ensure()), outcome: replace ? "replaced" : "updated", changes };
    }
    default:
      return observed satisfies never;
  }
}

function tellHealth<State>(resource: Resource<State>, state: State): Pick<Conclusion, "health"> {
  return resource.showsHealth === true ? { health: resource.health(state) } : {};
}

function replacementRequired(changes: readonly Change[]): FleetError {
  const differing = changes.filter((change) => change.effect === "replace");
  return new FleetError(
    "ReplacementRequired",
    `differs from the fleet in what can't be changed in place: ${differing.map((change) => change.field).join(", ")}`,
    {
      hint: `run again with ${replacementFlag} to delete and recreate it, or change the fleet back`,
      details: differing.map(formatChange),
    },
  );
}
