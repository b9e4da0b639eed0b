import type { EventReader, Finished, FleetEvent, Progress, Subject } from "#lib/graph/events.ts";
import { formatEnding, formatQueued } from "#lib/view/ending.ts";
import {
  cleanLine,
  cleanLines,
  createStyle,
  formatCount,
  formatDuration,
  formatTime,
  padEnd,
  type Style,
  widthOf,
} from "#lib/view/format.ts";
import { createRedactor } from "#lib/view/redact.ts";

/** A wait reports about every second; a log needs less. */
const progressIntervalMs = 2_000;

interface Voice {
  readonly lastMs: number;
  readonly last: string;
  /** Delayed because it came too soon; written with a later event, or dropped at the end. */
  readonly pending: Progress | undefined;
}

/** One line per event, each beginning with its time and the name of its row: for CI, pipes and small terminals. */
export function createPlain(options: { readonly write: (text: string) => void; readonly color: boolean }): EventReader {
  const style = createStyle(options.color);
  const redactEvent = createRedactor();
  const subjects = new Map<string, Subject>();
  const voices = new Map<string, Voice>();
  let fleet = "fleet";
  let nameWidth = 0;
  let labelWidth = 0;

  function print(at: string, id: string | undefined, text: string): void {
    const subject = id === undefined ? undefined : subjects.get(id);
    const name = padEnd(subject?.row.name ?? id ?? fleet, nameWidth);
    const label = padEnd(subject?.label ?? "", labelWidth);
    options.write(`${style.dim(formatTime(at))} ${name}  ${label}  ${text}`.trimEnd().concat("\n"));
  }

  function say(event: Progress): void {
    const nowMs = Date.parse(event.at);
    const voice = voices.get(event.id);
    if (voice?.last === event.message) {
      voices.set(event.id, { ...voice, pending: undefined });
    } else if (voice !== undefined && nowMs - voice.lastMs < progressIntervalMs) {
      voices.set(event.id, { ...voice, pending: event });
    } else {
      voices.set(event.id, { lastMs: nowMs, last: event.message, pending: undefined });
      print(event.at, event.id, cleanLine(event.message));
    }
  }

  /** Writes messages that were delayed long enough, unless this event is newer. */
  function sayLate({ at }: FleetEvent, newerOf: string | undefined): void {
    for (const [id, { pending, lastMs }] of [...voices]) {
      if (pending === undefined || id === newerOf) continue;
      if (Date.parse(at) - lastMs >= progressIntervalMs) say({ ...pending, at });
    }
  }

  function receive(event: FleetEvent): void {
    if (event.kind === "finished") voices.delete(event.id);
    sayLate(event, event.kind === "progress" ? event.id : undefined);
    switch (event.kind) {
      case "run-started": {
        fleet = event.fleet;
        for (const subject of event.subjects) subjects.set(subject.id, subject);
        nameWidth = Math.max(widthOf(fleet), ...event.subjects.map((subject) => widthOf(subject.row.name)));
        labelWidth = Math.max(0, ...event.subjects.map((subject) => widthOf(subject.label)));
        const clusters = event.rows.filter((row) => row.ref.kind === "cluster").length;
        const scope = `${formatCount(clusters, "cluster")}, ${formatCount(event.subjects.length, "resource")}`;
        print(event.at, undefined, `${event.verb}  ${scope}${event.sandbox ? " · sandbox" : ""}`);
        break;
      }
      case "queued":
        print(event.at, event.id, formatQueued(event.atOnce, event.behind));
        break;
      case "started":
        print(event.at, event.id, padEnd("started", wordWidth) + titleOf(subjects.get(event.id)));
        break;
      case "progress":
        say(event);
        break;
      case "output":
        for (const line of cleanLines(event.line)) print(event.at, event.id, style.dim(`| ${line}`));
        break;
      case "finished":
        print(event.at, event.id, formatFinished(event, style));
        break;
      case "notice":
        print(event.at, undefined, `${event.level === "warning" ? "warning" : "note"}  ${formatNotice(event)}`);
        break;
      case "run-finished":
        print(event.at, undefined, `finished  in ${formatDuration(event.durationMs)}`);
        break;
      default:
        event satisfies never;
    }
  }

  return { receive: (event) => receive(redactEvent(event)), close: async () => {} };
}

/** Wide enough for `unchanged`. */
const wordWidth = 11;

function titleOf(subject: Subject | undefined): string {
  const title = subject?.title ?? "";
  const prefix = `${subject?.row.name}: `;
  const rest = cleanLine(title.startsWith(prefix) ? title.slice(prefix.length) : title);
  return rest === subject?.label ? "" : rest;
}

function formatNotice(notice: { readonly message: string; readonly hint?: string }): string {
  return cleanLine(notice.hint === undefined ? notice.message : `${notice.message} · ${notice.hint}`);
}

function formatFinished(event: Finished, style: Style): string {
  const paint =
    event.outcome === "failed"
      ? style.bad
      : event.outcome === "blocked" || event.outcome === "cancelled"
        ? style.warn
        : style.good;
  return paint(padEnd(event.outcome, wordWidth - 2)) + "  ".concat(cleanLine(formatEnding(event)));
}
