import { FleetError } from "#lib/errors.ts";
import { formatChange } from "#lib/graph/change.ts";
import type { AnyResource, Change, Observed } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import type { Conclusion, Engine, Verb } from "#lib/verbs/engine.ts";
import { examineOrphan, findElsewhere, walk } from "#lib/verbs/engine.ts";

/** Observes everything and reports its health. Changes nothing. */
export const status: Verb = {
  name: "status",
  mutates: false,
  run(engine) {
    const absent = new Set<AnyResource>();
    return walk(engine, "needs-first", async (resource, world) => {
      if (engine.orphans?.has(resource)) return await examineOrphan(resource, world, engine);
      const conclusion = await examine(resource, world, engine, absent);
      if (conclusion.outcome === "absent") absent.add(resource);
      return conclusion;
    });
  },
};

async function examine(
  resource: AnyResource,
  world: World,
  engine: Engine,
  absent: ReadonlySet<AnyResource>,
): Promise<Conclusion> {
  let observed: Observed<unknown>;
  try {
    observed = await resource.observe(world, engine.outputs);
  } catch (error) {
    if (!(error instanceof FleetError) || error.code !== "OutputMissing") throw error;
    // If a need was never created, nothing here can be unhealthy.
    if (resource.needs.some((need) => absent.has(need))) return { outcome: "absent", note: error.message };
    // The resource that contains it is unavailable, which its own row reports.
    return degraded(error.message);
  }
  const elsewhere = await findElsewhere(resource, observed, world, engine);
  if (elsewhere !== undefined) return drifted(elsewhere.changes);
  switch (observed.kind) {
    case "absent":
      return { outcome: "absent" };
    case "busy":
    case "broken":
    case "foreign":
      return degraded(`${observed.kind}: ${observed.why}`);
    case "present": {
      engine.outputs.set(resource, observed.state);
      const changes = resource.diff(observed.state, engine.outputs);
      const health = resource.health(observed.state);
      if (health.kind === "degraded") return { outcome: "degraded", health, changes };
      if (changes.length > 0) return drifted(changes, health.warning);
      return { outcome: "healthy", health };
    }
    default:
      return observed satisfies never;
  }
}

function drifted(changes: readonly Change[], warning?: string): Conclusion {
  const drift = changes.map(formatChange).join(", ");
  return { ...degraded(`drifted from the fleet (${drift})${warning === undefined ? "" : `; ${warning}`}`), changes };
}

function degraded(summary: string): Conclusion {
  return { outcome: "degraded", health: { kind: "degraded", summary } };
}
