import type { EventReader, Outcome } from "#lib/graph/events.ts";
import type { AnyResource } from "#lib/graph/resource.ts";

/** Counts the results of a run, for its summary and exit code. */
export interface Tally extends EventReader {
  totals(): Readonly<Partial<Record<Outcome, number>>>;
  /** 1 if anything failed, was blocked or is unhealthy; 2 if `tellChanges` is set and a plan has changes; else 0. */
  exitCode(): number;
  /** Duration of the critical path, in ms. */
  criticalPathMs(): number;
  /** Commands that the resources ask for. @param onlyNew those that this run created or changed */
  next(onlyNew: boolean): readonly string[];
}

/** What a plan would do. */
const planned: ReadonlySet<Outcome> = new Set(["to make", "to update", "to replace", "to remove"]);
const bad: readonly Outcome[] = ["failed", "blocked", "cancelled", "degraded"];

export function createTally(
  resources: readonly AnyResource[],
  { requirePresent = false, refuseOrphans = false, tellChanges = false } = {},
): Tally {
  const unwell = new Set<Outcome>([
    ...bad,
    ...(requirePresent ? (["absent"] as const) : []),
    ...(refuseOrphans ? (["orphan"] as const) : []),
  ]);
  const counts = new Map<Outcome, number>();
  const durations = new Map<string, number>();
  const asked: { readonly command: string; readonly isNew: boolean }[] = [];
  const clusterOf = new Map(resources.filter(({ row }) => row.kind === "cluster").map(({ id, row }) => [id, row]));
  const seen = { some: new Set<string>(), missing: new Set<string>() };
  return {
    receive(event) {
      if (event.kind !== "finished") return;
      counts.set(event.outcome, (counts.get(event.outcome) ?? 0) + 1);
      durations.set(event.id, event.durationMs);
      if (event.health?.kind === "healthy" && event.health.next !== undefined) {
        asked.push({ command: event.health.next, isNew: event.outcome !== "unchanged" });
      }
      const cluster = clusterOf.get(event.id)?.name;
      if (cluster !== undefined && event.outcome !== "orphan")
        seen[event.outcome === "absent" ? "missing" : "some"].add(cluster);
    },
    close: () => Promise.resolve(),
    totals: () => Object.fromEntries(counts),
    exitCode() {
      // Even if absence is accepted, a partially existing cluster has lost something.
      const isPartial = seen.missing.intersection(seen.some).size > 0;
      if (isPartial || [...counts.keys()].some((outcome) => unwell.has(outcome))) return 1;
      return tellChanges && [...counts.keys()].some((outcome) => planned.has(outcome)) ? 2 : 0;
    },
    // Sorted: resources end in any order.
    next: (onlyNew) =>
      asked
        .filter(({ isNew }) => isNew || !onlyNew)
        .map(({ command }) => command)
        .toSorted(),
    criticalPathMs() {
      const lengths = new Map<AnyResource, number>();
      // The resources are in topological order, so each need is already known.
      for (const resource of resources) {
        const before = Math.max(0, ...resource.needs.map((need) => lengths.get(need) ?? 0));
        lengths.set(resource, before + (durations.get(resource.id) ?? 0));
      }
      return Math.max(0, ...lengths.values());
    },
  };
}
