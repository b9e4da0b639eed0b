import type { Outcome, Row } from "#lib/graph/events.ts";
import type { EndedState, ResourceState, RunState } from "#lib/view/collect.ts";

/** State of a row; the last four are final. */
export type RowStatus = "waiting" | "running" | "failed" | "blocked" | "cancelled" | "done";

export function rowStatus(resources: readonly ResourceState[]): RowStatus {
  if (resources.some((resource) => resource.kind === "running")) return "running";
  const ended = resources.filter((resource) => resource.kind === "ended");
  if (hasOutcome(ended, "failed")) return "failed";
  if (ended.length < resources.length) return "waiting";
  if (hasOutcome(ended, "blocked")) return "blocked";
  return hasOutcome(ended, "cancelled") ? "cancelled" : "done";
}

export function isRowEnded(resources: readonly ResourceState[]): boolean {
  return resources.every((resource) => resource.kind === "ended");
}

export function hasOutcome(resources: readonly EndedState[], outcome: Outcome): boolean {
  return resources.some((resource) => resource.outcome === outcome);
}

/** From the first start to the last end; undefined if nothing ran. */
export function rowDurationMs(resources: readonly ResourceState[]): number | undefined {
  const ran = resources.filter((resource) => resource.kind === "ended").filter((resource) => didRun(resource));
  if (ran.length === 0) return undefined;
  return (
    Math.max(...ran.map((resource) => resource.endedAtMs)) - Math.min(...ran.map((resource) => resource.startedAtMs))
  );
}

function didRun(resource: EndedState): boolean {
  return resource.outcome !== "blocked" && !(resource.outcome === "cancelled" && resource.durationMs === 0);
}

/** Rows by group, in order of each group's first row. */
export function rowsByGroup(run: RunState): readonly Row[] {
  return [...Map.groupBy(run.started?.rows ?? [], (row) => row.ref.group).values()].flat();
}

/** One key per row: a cluster and an account may have the same name. */
export function rowKey(row: Row): string {
  return `${row.ref.group}/${row.ref.kind}/${row.ref.name}`;
}

/** Name of the row that shows a resource, as a line prefix. */
export function rowNames(run: RunState): ReadonlyMap<string, string> {
  const names = new Map((run.started?.subjects ?? []).map((subject) => [subject.id, subject.row.name]));
  for (const row of run.started?.rows ?? []) for (const id of row.resources) names.set(id, row.ref.name);
  return names;
}
