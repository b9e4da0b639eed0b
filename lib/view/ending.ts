import { formatChange } from "#lib/graph/change.ts";
import type { Finished } from "#lib/graph/events.ts";
import { formatDuration } from "#lib/view/format.ts";

/** More names add nothing. */
const namedAtMost = 4;

/** `waiting for a place (2 at once: kind01.internal, k3d01.internal)`. */
export function formatQueued(atOnce: number, behind: readonly string[]): string {
  const names = [...new Set(behind)];
  const who = names.length === 0 || names.length > namedAtMost ? "" : `: ${names.join(", ")}`;
  return `waiting for a place (${atOnce} at once${who})`;
}

/** Details of a result besides its outcome, in one line. */
export function formatEnding(event: Finished): string {
  if (event.outcome === "blocked") return `by ${event.cause ?? "an earlier failure"}`;
  if (event.error !== undefined) return `${event.error.message} (${event.error.code})`;
  const remarks = [event.health?.summary, event.note].filter((remark) => remark !== undefined);
  return [`in ${formatDuration(event.durationMs)}`, ...event.changes.map(formatChange), ...remarks].join(" · ");
}
