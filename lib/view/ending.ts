import type { Finished } from "#lib/events.ts";
import type { Change } from "#lib/graph/resource.ts";
import { formatDuration } from "#lib/view/format.ts";

/** What there is to say about an end besides its outcome, in one line. */
export function formatEnding(event: Finished): string {
  if (event.outcome === "blocked") return `by ${event.cause ?? "an earlier failure"}`;
  if (event.error !== undefined) return `${event.error.message} (${event.error.code})`;
  const remarks = [event.health?.summary, event.note].filter((remark) => remark !== undefined);
  return [`in ${formatDuration(event.durationMs)}`, ...event.changes.map(formatChange), ...remarks].join(" · ");
}

/** `workers "1" → "2"`. */
export function formatChange(change: Change): string {
  const values = `${JSON.stringify(change.from)} → ${JSON.stringify(change.to)}`;
  const effect = change.effect === "replace" ? " (replace)" : "";
  return change.field === "" ? `${values}${effect}` : `${change.field} ${values}${effect}`;
}
