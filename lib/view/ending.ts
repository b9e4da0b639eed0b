import type { Finished } from "#lib/events.ts";
import { formatChange } from "#lib/graph/change.ts";
import { formatDuration } from "#lib/view/format.ts";

/** What there is to say about an end besides its outcome, in one line. */
export function formatEnding(event: Finished): string {
  if (event.outcome === "blocked") return `by ${event.cause ?? "an earlier failure"}`;
  if (event.error !== undefined) return `${event.error.message} (${event.error.code})`;
  const remarks = [event.health?.summary, event.note].filter((remark) => remark !== undefined);
  return [`in ${formatDuration(event.durationMs)}`, ...event.changes.map(formatChange), ...remarks].join(" · ");
}
