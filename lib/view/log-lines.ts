import type { Finished, FleetEvent, Subject } from "#lib/graph/events.ts";
import { formatEnding, formatQueued } from "#lib/view/ending.ts";
import { cleanLine, cleanLines, formatTime } from "#lib/view/format.ts";

/** Lines for the log of a row; none for events of the whole run. */
export function formatLogLines(event: FleetEvent, subject: Subject | undefined): readonly string[] {
  return textOf(event, subject).map((text) => `${formatTime(event.at)} ${labelOf(event, subject)}  ${text}`.trimEnd());
}

function labelOf(event: FleetEvent, subject: Subject | undefined): string {
  return subject?.label ?? ("id" in event ? event.id : "");
}

function textOf(event: FleetEvent, subject: Subject | undefined): readonly string[] {
  switch (event.kind) {
    case "queued":
      return [formatQueued(event.atOnce, event.behind)];
    case "started":
      return [`started  ${cleanLine(subject?.title ?? "")}`];
    case "progress":
      return [cleanLine(event.message)];
    case "output":
      return cleanLines(event.line).map((line) => `| ${line}`);
    case "finished":
      return [`${event.outcome}  ${cleanLine(formatEnding(event))}`, ...errorLines(event)];
    default:
      return [];
  }
}

function errorLines({ error }: Finished): readonly string[] {
  if (error === undefined) return [];
  const said = [
    ...(error.details ?? []),
    ...(error.hint === undefined ? [] : [`hint: ${error.hint}`]),
    error.stack ?? "",
  ];
  return said.filter((text) => text !== "").flatMap(cleanLines);
}
