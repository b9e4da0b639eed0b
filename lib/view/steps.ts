import type { Outcome } from "#lib/graph/events.ts";
import type { EndedState, ResourceState, RunState } from "#lib/view/collect.ts";
import { formatQueued } from "#lib/view/ending.ts";
import { cleanLine, cut, formatDuration, type Style, symbols, widthOf } from "#lib/view/format.ts";
import { rowStatus } from "#lib/view/rows.ts";

/** A wait that lasts longer shows its duration. */
const showWaitAfterMs = 5_000;

export interface StepsOptions {
  readonly run: RunState;
  readonly nowMs: number;
  /** The spinner's mark in this frame. */
  readonly mark: string;
  readonly style: Style;
  readonly columns: number;
}

/**
 * State of the resources of one row, cut to the given columns. Running and failed steps stay longest: first the remarks of finished
 * steps are omitted, then finished steps are counted, then the names in a wait are omitted, then the line is cut.
 */
export function formatSteps(resources: readonly ResourceState[], options: StepsOptions): string {
  const { style, columns } = options;
  const status = rowStatus(resources);
  if (status === "waiting" && resources.every((resource) => resource.kind === "waiting")) {
    const texts = [true, false].flatMap((hasNames) =>
      resources.flatMap((resource) => formatPlace(resource, options.run, hasNames)),
    );
    return cut(style.dim(texts.find((text) => widthOf(text) <= columns) ?? "waiting"), columns);
  }
  const ended = resources.filter((resource) => resource.kind === "ended");
  const well = ended.filter((resource) => !isTrouble(resource));
  const urgent = resources.flatMap((resource) => formatUrgent(resource, options, true));
  const blocked = formatBlocked(ended, options);
  const detailed = well.map((resource) => formatWell(resource, style, true));
  const brief = well.map((resource) => formatWell(resource, style, false));
  const counted = well.length === 0 ? [] : [style.good(`${symbols.done} ${well.length}`)];
  for (const done of [detailed, brief]) {
    const line = [...done, ...urgent, ...blocked].join("  ");
    if (widthOf(line) <= columns) return line;
  }
  const line = [...counted, ...urgent, ...blocked].join("  ");
  if (widthOf(line) <= columns) return line;
  const nameless = resources.flatMap((resource) => formatUrgent(resource, options, false));
  return cut([...counted, ...nameless, ...blocked].join("  "), columns);
}

function isTrouble(resource: EndedState): boolean {
  return ["failed", "blocked", "cancelled", "degraded"].includes(resource.outcome);
}

/** The reason for its wait, and the rows that are running. */
function formatPlace(resource: ResourceState, run: RunState, hasNames: boolean): readonly string[] {
  if (resource.kind !== "waiting" || resource.atOnce === undefined) return [];
  const running = [...run.resources.values()].flatMap(({ kind, subject }) =>
    kind === "running" && subject.lane === resource.subject.lane ? [subject.row.name] : [],
  );
  return [formatQueued(resource.atOnce, hasNames ? running : [])];
}

function formatUrgent(
  resource: ResourceState,
  { run, style, mark, nowMs }: StepsOptions,
  hasNames: boolean,
): readonly string[] {
  if (resource.kind === "waiting") {
    return formatPlace(resource, run, hasNames).map((text) => style.dim(`· ${resource.subject.label}  ${text}`));
  }
  if (resource.kind === "running") {
    const waitedMs = nowMs - resource.stepSinceMs;
    const waited = waitedMs > showWaitAfterMs ? formatDuration(waitedMs) : "";
    const said = [cleanLine(resource.message), waited].filter((part) => part !== "").join(" · ");
    return [`${style.warn(mark)} ${resource.subject.label}${said === "" ? "" : `  ${said}`}`];
  }
  if (resource.outcome === "failed") {
    const { message, code } = resource.error ?? { message: "failed", code: "Unexpected" };
    return [`${style.bad(symbols.failed)} ${resource.subject.label}  ${cleanLine(message)} (${code})`];
  }
  if (resource.outcome === "degraded") {
    return [
      `${style.bad(symbols.failed)} ${resource.subject.label}  ${cleanLine(resource.health?.summary ?? "degraded")}`,
    ];
  }
  return [];
}

/** Outcomes that need a word in addition to their mark. */
const remarked: readonly Outcome[] = ["adopted", "kept", "absent", "replaced", "orphan"];
const marks: Partial<Record<Outcome, string>> = {
  "to make": "+",
  "to update": "~",
  "to replace": "-/+",
  "to remove": "-",
  absent: symbols.nothing,
  orphan: "!",
};

function formatWell(resource: EndedState, style: Style, detailed: boolean): string {
  const mark = style.good(marks[resource.outcome] ?? symbols.done);
  const remark = remarked.includes(resource.outcome) ? ` (${resource.outcome})` : "";
  const health = detailed && resource.health !== undefined ? `  ${style.dim(cleanLine(resource.health.summary))}` : "";
  return `${mark} ${resource.subject.label}${remark}${health}`;
}

/** One mark per cause: `⊘ blocked by aws-02 role`, or the labels when the cause is in this very row. */
function formatBlocked(ended: readonly EndedState[], { run, style }: StepsOptions): readonly string[] {
  const own = new Set(ended.map((resource) => resource.subject.id));
  const mark = style.warn(symbols.blocked);
  const byCause = Map.groupBy(
    ended.filter((resource) => resource.outcome === "blocked"),
    (resource) => resource.cause,
  );
  const blocked = [...byCause].map(([cause, resources]) => {
    const labels = resources.map((resource) => resource.subject.label).join(", ");
    if (cause === undefined || own.has(cause)) return `${mark} ${labels}`;
    const subject = run.resources.get(cause)?.subject;
    return `${mark} blocked by ${subject === undefined ? cause : `${subject.row.name} ${subject.label}`}`;
  });
  const cancelled = ended
    .filter((resource) => resource.outcome === "cancelled")
    .map((resource) => resource.subject.label);
  return cancelled.length === 0 ? blocked : [...blocked, `${mark} ${cancelled.join(", ")} (cancelled)`];
}
