import { type EventReader, isLook } from "#lib/graph/events.ts";
import { collect, emptyRun } from "#lib/view/collect.ts";
import type { Journal } from "#lib/view/journal.ts";
import { createJson } from "#lib/view/json.ts";
import { createPlain } from "#lib/view/plain.ts";
import { createRedactor } from "#lib/view/redact.ts";
import { formatSummary } from "#lib/view/summary.ts";
import { createTree } from "#lib/view/tree.ts";

export interface ViewChoice {
  readonly json: boolean;
  readonly stdout: { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };
  readonly environment: Readonly<Partial<Record<"CI" | "NO_COLOR" | "FORCE_COLOR" | "TERM", string | undefined>>>;
  /** Absent for runs without a journal. */
  readonly journal?: Journal | undefined;
  /** Output of all views except the tree. */
  readonly write: (text: string) => void;
  /** Milliseconds since the epoch, on the clock that stamps the events. */
  readonly now: () => number;
}

/** Longer lines of prose are hard to read, and a pipe has no width. */
const pipeWidth = 100;

/** The event readers of a run: the journal, and the view. Close them in this order. */
export function chooseViews(choice: ViewChoice): readonly EventReader[] {
  const { json, stdout, journal, write, now } = choice;
  const readers = journal === undefined ? [] : [journal];
  if (json) return [...readers, createJson(write)];
  const color = isColorWanted(choice);
  const live = isTreeFit(choice) ? createTree({ color, now }) : onlyForChanges(createPlain({ write, color }));
  const summary = createSummary({ columns: () => stdout.columns || undefined, color, journal, write });
  return [...readers, inOrder(live, summary)];
}

/** A tree needs a terminal with cursor control and a known width. Logs of CI are read later, line by line. */
export function isTreeFit({ stdout, environment }: Pick<ViewChoice, "stdout" | "environment">): boolean {
  return stdout.isTTY === true && (stdout.columns ?? 0) > 0 && !isSet(environment.CI) && environment.TERM !== "dumb";
}

/** NO_COLOR (no-color.org) overrides FORCE_COLOR; without either, only a terminal gets colour. */
export function isColorWanted({ stdout, environment }: Pick<ViewChoice, "stdout" | "environment">): boolean {
  if (environment.NO_COLOR !== undefined && environment.NO_COLOR !== "") return false;
  if (environment.FORCE_COLOR !== undefined) return isSet(environment.FORCE_COLOR) || environment.FORCE_COLOR === "";
  return stdout.isTTY === true && environment.TERM !== "dumb";
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && !["", "0", "false"].includes(value.toLowerCase());
}

interface SummaryChoice {
  /** Undefined in a pipe. */
  readonly columns: () => number | undefined;
  readonly color: boolean;
  readonly journal: Journal | undefined;
  readonly write: (text: string) => void;
}

/** Collects the run and writes its summary when it is closed, also after an interrupt. */
function createSummary({ columns, color, journal, write }: SummaryChoice): EventReader {
  const redactEvent = createRedactor();
  let run = emptyRun;
  return {
    receive(event) {
      run = collect(run, redactEvent(event));
    },
    async close() {
      const remarks = journal?.problem === undefined ? [] : [journal.problem];
      const text = formatSummary(run, {
        width: columns() ?? pipeWidth,
        tableWidth: columns() ?? Infinity,
        color,
        remarks,
      });
      if (text !== "") write(`\n${text}`);
    },
  };
}

/** A plan or a status takes seconds: in a pipe only its summary is useful. */
function onlyForChanges(reader: EventReader): EventReader {
  let looking = false;
  return {
    receive(event) {
      if (event.kind === "run-started") looking = isLook(event.verb);
      if (!looking) reader.receive(event);
    },
    close: () => reader.close(),
  };
}

/** Combines several readers; each is closed before the next, so that the summary comes last. */
function inOrder(...readers: readonly EventReader[]): EventReader {
  return {
    receive(event) {
      for (const reader of readers) reader.receive(event);
    },
    async close() {
      for (const reader of readers) await reader.close();
    },
  };
}
