import { join } from "node:path";
import type { EndedState, RunState } from "#lib/view/collect.ts";
import { cleanLine, cleanLines, type Style, symbols, wrap } from "#lib/view/format.ts";
import { logName } from "#lib/view/journal.ts";
import { rowNames } from "#lib/view/rows.ts";

/** One block per cause: what failed, why, what to do, where its log is and what it blocked. */
export function formatFailures(
  run: RunState,
  { width, style }: { readonly width: number; readonly style: Style },
): readonly (readonly string[])[] {
  const ended = [...run.resources.values()].filter((resource) => resource.kind === "ended");
  const failed = ended.filter((resource) => resource.outcome === "failed");
  const blocked = ended.filter((resource) => resource.outcome === "blocked");
  const names = rowNames(run);
  const blocks = [...Map.groupBy(failed, sameError).values()].map((failures) => [
    ...failures.map(({ subject }) => `${style.bad(symbols.failed)} ${cleanLine(subject.title)}`),
    ...formatError(failures, width),
    ...failures.flatMap(({ subject }, index) => formatLog(run, names.get(subject.id), index)),
    ...formatStopped(failures, blocked, names, width),
  ]);
  const causes = new Set(failed.map(({ subject }) => subject.id));
  const orphans = blocked.filter(({ cause }) => cause === undefined || !causes.has(cause));
  const orphanLines = orphans.map(
    ({ subject, cause, note }) =>
      `${style.warn(symbols.blocked)} ${cleanLine(subject.title)}: blocked by ${cause ?? note ?? "an earlier failure"}`,
  );
  return orphanLines.length === 0 ? blocks : [...blocks, orphanLines];
}

/** Several resources with the same failure share one block. */
function sameError({ error }: EndedState): string {
  return JSON.stringify([error?.code, error?.message, error?.hint, error?.details]);
}

function formatError(failures: readonly EndedState[], width: number): readonly string[] {
  const error = failures[0]?.error;
  if (error === undefined) return [];
  const [headline = "", ...rest] = cleanLines(error.message);
  const message = [headline, ...rest].filter((line) => line !== "");
  const last = message.length - 1;
  return [
    ...message
      .flatMap((line, index) => wrap(index === last ? `${line} (${error.code})` : line, width - 2))
      .map((line) => `  ${line}`),
    ...labelled("why", (error.details ?? []).flatMap(cleanLines)),
    ...labelled("do", error.hint === undefined ? [] : cleanLines(error.hint)),
    ...labelled("stack", error.stack === undefined ? [] : cleanLines(error.stack)),
  ];
}

function formatLog({ finished }: RunState, name: string | undefined, index: number): readonly string[] {
  if (finished === undefined || finished.logs === "" || name === undefined) return [];
  const path = join(finished.logs, logName(name));
  // join drops a leading `./`, which is useful for copying
  const shown = finished.logs.startsWith("./") ? `./${path}` : path;
  return index === 0 ? labelled("log", [shown]) : labelled("", [shown]);
}

/** Blocked rows, with the id of the cause as in events and `--target`. */
function formatStopped(
  failures: readonly EndedState[],
  blocked: readonly EndedState[],
  names: ReadonlyMap<string, string>,
  width: number,
): readonly string[] {
  return failures.flatMap(({ subject }) => {
    const stopped = blocked.filter(({ cause }) => cause === subject.id);
    const rows = [...new Set(stopped.map((resource) => names.get(resource.subject.id) ?? resource.subject.row.name))];
    const others = rows.filter((name) => name !== names.get(subject.id));
    if (others.length === 0) return [];
    return labelled("stops", wrap(`${others.join(", ")} (blocked by ${subject.id})`, width - labelWidth));
  });
}

const labelWidth = 8;

function labelled(label: string, lines: readonly string[]): readonly string[] {
  return lines.map((line, index) => `  ${(index === 0 ? label : "").padEnd(labelWidth - 2)}${line}`.trimEnd());
}
