import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Change, Observed } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { replacementFlag } from "#lib/verbs/create.ts";
import { concludeTakenAlong, describePlace, lookAtAll } from "#lib/verbs/delete.ts";
import type { Conclusion, Engine, Verb } from "#lib/verbs/engine.ts";
import { examineOrphan, findElsewhere, foreignError, isTakenAlong, walk } from "#lib/verbs/engine.ts";

/** Previews `create`. Changes nothing. */
export const plan: Verb = {
  name: "plan",
  mutates: false,
  run: (engine) =>
    walk(engine, "needs-first", (resource, world) =>
      engine.orphans?.has(resource) ? examineOrphan(resource, world, engine) : compare(resource, world, engine),
    ),
};

/** Previews `delete`. Changes nothing. */
export const planDelete: Verb = {
  name: "plan",
  mutates: false,
  async run(engine) {
    const seen = await lookAtAll(engine);
    const selected = new Set(engine.resources);
    await walk(engine, "needs-last", async (resource, world) => {
      if (isTakenAlong(resource, selected)) return concludeTakenAlong(resource, seen, "to remove");
      if (resource.keptOnDelete !== undefined) return { outcome: "kept", note: resource.keptOnDelete };
      const found = seen.get(resource);
      if (found === undefined) return { outcome: "unchanged" };
      if (found.kind === "failed") throw found.error;
      const elsewhere = await findElsewhere(resource, found.observed, world, engine);
      if (elsewhere !== undefined) return { outcome: "to remove", note: describePlace(elsewhere) };
      if (found.observed.kind === "absent") return { outcome: "unchanged", note: "already gone" };
      if (found.observed.kind === "foreign") throw foreignError(found.observed.why);
      return { outcome: "to remove" };
    });
  },
};

async function compare(resource: AnyResource, world: World, engine: Engine): Promise<Conclusion> {
  let observed: Observed<unknown>;
  try {
    observed = await resource.observe(world, engine.outputs);
  } catch (error) {
    if (error instanceof FleetError && error.code === "OutputMissing")
      return { outcome: "to make", note: error.message };
    throw error;
  }
  const elsewhere = await findElsewhere(resource, observed, world, engine);
  if (elsewhere !== undefined) return toReplace(elsewhere.changes, world);
  switch (observed.kind) {
    case "absent":
      return { outcome: "to make" };
    case "broken":
      return { outcome: "to replace", note: observed.why };
    case "busy":
      return { outcome: "to update", note: `busy: ${observed.why}` };
    case "foreign":
      throw foreignError(observed.why);
    case "present": {
      engine.outputs.set(resource, observed.state);
      const changes = resource.diff(observed.state, engine.outputs);
      if (changes.length === 0) return { outcome: "unchanged" };
      await resource.refuse?.(world, observed.state, engine.outputs);
      if (!changes.some((change) => change.effect === "replace")) return { outcome: "to update", changes };
      return toReplace(changes, world);
    }
    default:
      return observed satisfies never;
  }
}

function toReplace(changes: readonly Change[], { options }: World): Conclusion {
  return { outcome: "to replace", changes, ...(options.allowReplacement ? {} : { requires: replacementFlag }) };
}
