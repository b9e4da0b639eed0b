import type { Clock } from "#lib/clock.ts";
import { reportError } from "#lib/error-report.ts";
import { asFleetError, FleetError, WorkGoesOn } from "#lib/errors.ts";
import type { Finished, FleetEvent, Outcome, VerbName } from "#lib/graph/events.ts";
import type { OutputStore } from "#lib/graph/outputs.ts";
import { type AnyResource, type Change, type Health, laneOf, type Observed } from "#lib/graph/resource.ts";
import { runGraph } from "#lib/graph/scheduler.ts";
import type { World } from "#lib/graph/world.ts";

/** Something that is done to a selected part of the graph. */
export interface Verb {
  readonly name: VerbName;
  /** False for verbs that only look. */
  readonly mutates: boolean;
  run(engine: Engine): Promise<void>;
}

/** An event before it is stamped with its time. */
export type Emitted = FleetEvent extends infer Event ? (Event extends FleetEvent ? Omit<Event, "at"> : never) : never;

/** A cluster of the fleet that is in another place than the fleet says. */
export interface Elsewhere {
  /** From where it is to where the fleet says: region, account or provider. */
  readonly changes: readonly Change[];
  /** Deletes it there, once per run. */
  remove(world: World): Promise<void>;
}

/** All that a verb works with. */
export interface Engine {
  readonly resources: readonly AnyResource[];
  /** Those of clusters that the fleet no longer names. @default none */
  readonly orphans?: ReadonlySet<AnyResource>;
  readonly outputs: OutputStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly verbose: boolean;
  /** The cluster of a resource, if it is somewhere else. @default no cluster is */
  readonly findElsewhere?: (resource: AnyResource, world: World) => Promise<Elsewhere | undefined>;
  /** How many resources of this one's lane are worked on at once. */
  limit(resource: AnyResource): number;
  emit(event: Emitted): void;
  /** The world as one resource sees it: its own progress and output. */
  worldOf(resource: AnyResource): World;
}

/** How the visit of one resource ended well. */
export interface Conclusion {
  readonly outcome: Outcome;
  readonly changes?: readonly Change[];
  readonly note?: string;
  readonly health?: Health;
  readonly requires?: string;
}

export type Visit = (resource: AnyResource, world: World) => Promise<Conclusion>;

/** Visits every resource in the given order and emits its events. */
export async function walk(engine: Engine, order: "needs-first" | "needs-last", visit: Visit): Promise<void> {
  const begun = new Map<AnyResource, number>();
  const finish = (
    resource: AnyResource,
    conclusion: Omit<Finished, "kind" | "id" | "at" | "durationMs" | "changes"> & {
      readonly changes?: readonly Change[];
    },
  ): void => {
    const since = begun.get(resource);
    engine.emit({
      kind: "finished",
      id: resource.id,
      durationMs: since === undefined ? 0 : engine.clock.now() - since,
      ...conclusion,
      changes: conclusion.changes ?? [],
    });
  };
  const conclusions = new Map<AnyResource, Conclusion>();
  await runGraph(
    {
      nodes: engine.resources,
      after: order === "needs-first" ? (resource) => resource.needs : beforeRemoval(engine.resources),
      lane: laneOf,
      limit: engine.limit,
      signal: engine.signal,
      queued(resource, running) {
        // A place in another lane is free again within seconds.
        if (resource.lane !== "cluster" && resource.lane !== "pull") return;
        const behind = running.map(({ row }) => row.name);
        engine.emit({ kind: "queued", id: resource.id, atOnce: engine.limit(resource), behind });
      },
    },
    async (resource) => {
      begun.set(resource, engine.clock.now());
      engine.emit({ kind: "started", id: resource.id });
      conclusions.set(resource, await visit(resource, engine.worldOf(resource)));
    },
    (resource, result) => {
      switch (result.kind) {
        case "done":
          finish(resource, conclusions.get(resource) ?? { outcome: "unchanged" });
          return;
        case "failed":
          // What was cut short by an interrupt did not fail; a rerun continues from it.
          if (engine.signal.aborted && result.error instanceof WorkGoesOn) {
            const { message, hint } = result.error;
            finish(resource, { outcome: "cancelled", note: `${message}; ${hint}`, goesOn: message });
          } else if (engine.signal.aborted && asFleetError(result.error).code === "Interrupted") {
            finish(resource, { outcome: "cancelled", note: "interrupted; run the same command again to continue" });
          } else {
            finish(resource, { outcome: "failed", error: reportError(result.error, { verbose: engine.verbose }) });
          }
          return;
        case "blocked":
          finish(resource, { outcome: "blocked", cause: result.cause.id, note: `blocked by ${result.cause.title}` });
          return;
        case "cancelled":
          finish(resource, { outcome: "cancelled" });
          return;
        default:
          result satisfies never;
      }
    },
  );
}

/** What must be gone before a resource: all that needs it, save what goes with it, which is seen to be gone after it. */
function beforeRemoval(resources: readonly AnyResource[]): (resource: AnyResource) => readonly AnyResource[] {
  const selected = new Set(resources);
  const followers = new Map<AnyResource, AnyResource[]>();
  for (const resource of resources) {
    if (isTakenAlong(resource, selected)) continue;
    for (const need of resource.needs) {
      const list = followers.get(need) ?? [];
      list.push(resource);
      followers.set(need, list);
    }
  }
  return (resource) =>
    isTakenAlong(resource, selected) && resource.goesWith !== undefined
      ? [resource.goesWith]
      : [...(followers.get(resource) ?? []), ...(resource.removedAfter ?? [])];
}

/** Does the removal of another of these resources remove this one too? */
export function isTakenAlong(resource: AnyResource, selected: ReadonlySet<AnyResource>): boolean {
  return resource.goesWith !== undefined && selected.has(resource.goesWith);
}

/** Whoever else is at work on it has a deadline of their own: the longest is an hour, of a stack with a cluster of EKS. */
const busyTimeoutMs = 65 * 60_000;
const busyPollMs = 1_000;

/** Observes until no other operation on the resource is running. @throws FleetError StillBusy; WorkGoesOn */
export async function settle(
  resource: AnyResource,
  world: World,
  engine: Engine,
): Promise<Exclude<Observed<unknown>, { readonly kind: "busy" }>> {
  const deadline = world.clock.now() + busyTimeoutMs;
  for (;;) {
    const observed: Observed<unknown> = await resource.observe(world, engine.outputs);
    if (observed.kind !== "busy") return observed;
    if (world.clock.now() >= deadline) {
      throw new FleetError("StillBusy", `${observed.why}, for more than ${busyTimeoutMs / 60_000} minutes`, {
        hint: "wait for it, or end what is at work on it, then run the same command again",
      });
    }
    world.progress(`waiting: ${observed.why}`);
    try {
      await world.clock.sleep(busyPollMs, world.signal);
    } catch (error) {
      if (observed.inCloud === undefined || !world.signal.aborted) throw error;
      throw new WorkGoesOn(observed.why, error);
    }
  }
}

/**
 * Finds the cluster of an absent or foreign resource in another place. Its deletion there takes its own leases, so the caller must hold none.
 */
export async function findElsewhere(
  resource: AnyResource,
  { kind }: Observed<unknown>,
  world: World,
  engine: Engine,
): Promise<Elsewhere | undefined> {
  return kind === "absent" || kind === "foreign" ? await engine.findElsewhere?.(resource, world) : undefined;
}

/** Holds the lease on a resource while changing it. */
export function exclusively<T>(resource: AnyResource, world: World, work: () => Promise<T>): Promise<T> {
  return world.locks.hold(
    resource.id,
    {
      timeoutMs: busyTimeoutMs,
      signal: world.signal,
      progress: world.progress,
      onMachine: resource.onMachine === true,
    },
    work,
  );
}

export function foreignError(why: string): FleetError {
  return new FleetError("ForeignResource", why, {
    hint: "rename or remove it, or take it over with --adopt",
  });
}

/** What looking at something says that the fleet no longer names. */
export async function examineOrphan(resource: AnyResource, world: World, engine: Engine): Promise<Conclusion> {
  const orphan = { outcome: "orphan", note: "no longer in the fleet" } as const;
  try {
    const observed = await resource.observe(world, engine.outputs);
    if (observed.kind === "present") engine.outputs.set(resource, observed.state);
    return observed.kind === "absent" ? { outcome: "absent" } : orphan;
  } catch (error) {
    // What it is in can't be looked into, e.g. a stopped cluster, and is an orphan itself.
    if (error instanceof FleetError && error.code === "OutputMissing") return orphan;
    throw error;
  }
}
