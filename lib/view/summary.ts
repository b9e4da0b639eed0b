import type { Outcome, VerbName } from "#lib/graph/events.ts";
import { isTaskCommand, taskCommand } from "#lib/printed-command.ts";
import type { RunState } from "#lib/view/collect.ts";
import { cleanLine, createStyle, flow, formatCount, formatDuration, type Style, wrap } from "#lib/view/format.ts";
import { formatFailures } from "#lib/view/summary-failures.ts";
import { formatNoChanges, formatPlan, isWithoutChanges } from "#lib/view/summary-plan.ts";
import { formatTable, rowResults } from "#lib/view/summary-table.ts";

export interface SummaryOptions {
  readonly width: number;
  /** A pipe has rows of any width, so that nothing is cut. @default `width` */
  readonly tableWidth?: number;
  readonly color: boolean;
  /** Shown at the end, e.g. that the journal is incomplete. */
  readonly remarks?: readonly string[];
}

/** The end of a run: a table, totals, each failure with its cause and fix, and the next commands. Empty if nothing started. */
export function formatSummary(run: RunState, options: SummaryOptions): string {
  const { started } = run;
  if (started === undefined) return "";
  const style = createStyle(options.color);
  const layout = { width: options.width, style };
  if (started.verb === "plan" && isWithoutChanges(run)) {
    const lines = [...wrap(formatNoChanges(run), options.width), ...formatNotices(run, options, style)];
    return `${lines.join("\n")}\n`;
  }
  const body =
    started.verb === "plan"
      ? formatPlan(run, layout)
      : [
          ...formatTable(run, { ...layout, width: options.tableWidth ?? options.width }),
          ...flow(formatTotals(run), options.width),
        ];
  const tail = [
    ...formatGoesOn(run, options.width),
    ...formatSandbox(run, options.width),
    ...formatLeftOut(run, options.width),
    ...formatToDo(run, options.width),
    ...formatKept(run, options.width),
    ...formatNotices(run, options, style),
    ...formatLog(run),
    ...formatNext(run, options.width),
  ];
  const blocks = [body, ...formatFailures(run, layout), tail].filter((lines) => lines.length > 0);
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

const outcomeOrder: readonly Outcome[] = [
  "made",
  "updated",
  "replaced",
  "adopted",
  "removed",
  "healthy",
  "unchanged",
  "kept",
  "degraded",
  "orphan",
  "absent",
  "failed",
  "blocked",
  "cancelled",
];

/** `14 ready, 2 blocked · 118 resources: 61 made, 55 unchanged, 2 failed · 12m 9s (critical path 12m 1s)`. */
function formatTotals(run: RunState): readonly string[] {
  const totals = countOutcomes(run);
  const counts = outcomeOrder.map((outcome) => [totals[outcome] ?? 0, outcome] as const).filter(([count]) => count > 0);
  const resources = formatCount(run.resources.size, "resource");
  return [
    formatRowTotals(run),
    counts.length === 0 ? resources : `${resources}: ${counts.map(([count, word]) => `${count} ${word}`).join(", ")}`,
    formatTimes(run),
  ].filter((part) => part !== "");
}

/** The result of a successful row. */
const goodEnd: Readonly<Record<VerbName, string>> = {
  create: "ready",
  delete: "removed",
  plan: "planned",
  status: "healthy",
};

const otherEnds: readonly string[] = [
  "degraded",
  "orphan",
  "kept",
  "already gone",
  "absent",
  "failed",
  "blocked",
  "in progress",
  "cancelled",
];

function formatRowTotals(run: RunState): string {
  const { started } = run;
  if (started === undefined) return "";
  const good = goodEnd[started.verb];
  const words = rowResults(run).map(({ word }) => (otherEnds.includes(word) ? word : good));
  const order = [good, ...otherEnds];
  return order
    .map((word) => [words.filter((other) => other === word).length, word] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(", ");
}

function formatTimes({ started, finished }: RunState): string {
  if (finished === undefined) return "";
  const total = formatDuration(finished.durationMs);
  const changes = started?.verb === "create" || started?.verb === "delete";
  return changes && finished.criticalPathMs > 0
    ? `${total} (critical path ${formatDuration(finished.criticalPathMs)})`
    : total;
}

function countOutcomes(run: RunState): Readonly<Partial<Record<Outcome, number>>> {
  const totals: Partial<Record<Outcome, number>> = {};
  for (const resource of run.resources.values()) {
    if (resource.kind === "ended") totals[resource.outcome] = (totals[resource.outcome] ?? 0) + 1;
  }
  return totals;
}

/** The journal and `fleet` have the rest. */
const namedLeftOut = 2;

/** Clusters that this version can't create, grouped by reason. */
function formatLeftOut({ started }: RunState, width: number): readonly string[] {
  const byReason = Map.groupBy(started?.leftOut ?? [], ({ why }) => why);
  return [...byReason].flatMap(([why, left]) => {
    const names = left.slice(0, namedLeftOut).map(({ cluster }) => cluster);
    const more = left.length - names.length;
    const all = more > 0 ? `${names.join(", ")} and ${more} more` : names.join(", ");
    return labelled("left out", wrap(`${all}: ${why}`, width - labelWidth));
  });
}

/** Accounts have no health row: resources that were created but need a manual step. */
function formatToDo({ started, resources }: RunState, width: number): readonly string[] {
  if (started?.verb !== "create") return [];
  const ill = [...resources.values()].flatMap((one) =>
    one.kind === "ended" && one.subject.row.kind === "account" && one.health?.kind === "degraded"
      ? [`${one.subject.title}: ${one.health.summary}`]
      : [],
  );
  // DNS records are shown uncut on their own lines, to be copied.
  const lines = (text: string): readonly string[] => cleanLine(text).split(/(?<=:) (?=\S+\. \d+ IN )|; /);
  return ill.flatMap((text) =>
    labelled(
      "to do",
      lines(text).flatMap((line) => wrap(line, width - labelWidth)),
    ),
  );
}

/** Cloud operations that continue after an interrupt. */
function formatGoesOn({ resources }: RunState, width: number): readonly string[] {
  const ended = [...resources.values()].filter((one) => one.kind === "ended");
  const going = ended.flatMap(({ goesOn, subject: { row: owner, title } }) =>
    goesOn === undefined ? [] : [{ goesOn, name: owner.kind === "cluster" ? owner.name : title }],
  );
  if (going.length === 0) return [];
  const groups = [...Map.groupBy(going, ({ goesOn }) => goesOn)];
  const lines = groups.flatMap(([goesOn, group]) =>
    wrap(cleanLine(`${group.map(({ name }) => name).join(", ")}: ${goesOn}`), width - labelWidth),
  );
  return labelled("goes on", [...lines, "run the same command again to join it"]);
}

/** A delete keeps what accounts share, and reports the command that removes it. */
function formatKept({ started, resources }: RunState, width: number): readonly string[] {
  if (started?.verb !== "delete") return [];
  const kept = [...resources.values()].flatMap((one) =>
    one.kind === "ended" &&
    one.outcome === "kept" &&
    one.subject.row.kind === "account" &&
    isTaskCommand(one.note ?? "")
      ? [`${one.subject.row.name}: ${one.note}`]
      : [],
  );
  return [...new Set(kept)].flatMap((text) => labelled("kept", wrap(cleanLine(text), width - labelWidth)));
}

function formatNotices(run: RunState, { width, remarks = [] }: SummaryOptions, style: Style): readonly string[] {
  const warnings = run.notices.filter(({ level }) => level === "warning");
  const said = warnings.map(({ message, hint }) => (hint === undefined ? message : `${message} · ${hint}`));
  const unique = [...new Set([...said, ...remarks].map(cleanLine))];
  return unique.flatMap((text) => labelled("warning", wrap(text, width - labelWidth)).map(style.warn));
}

/** States what was emulated, so that nobody mistakes the sandbox for real clouds. */
function formatSandbox({ started }: RunState, width: number): readonly string[] {
  if (started?.sandbox !== true) return [];
  const { parts, nameServers } = started.emulated ?? { parts: [], nameServers: false };
  const emulated = [...parts, "the clusters' API servers"];
  // Delegations are verified with real DNS queries, wherever the name servers run.
  const real = nameServers ? "; name servers were real ones on this computer" : "";
  const text = `${emulated.join(", ")} and Argo CD were emulated${real}; nothing outside of the sandbox was touched. It stops after an idle hour, or by ${taskCommand("sandbox:stop")}`;
  return labelled("sandbox", wrap(text, width - labelWidth));
}

/** Read-only commands keep no journal. */
function formatLog({ finished }: RunState): readonly string[] {
  return finished === undefined || finished.logs === "" ? [] : labelled("log", [finished.logs]);
}

/** On one line if there is room, otherwise one command per line, whole. */
function formatNext({ finished }: RunState, width: number): readonly string[] {
  const commands = finished?.next ?? [];
  if (commands.length === 0) return [];
  const line = commands.join("   ·   ");
  return labelled("next", line.length <= width - labelWidth ? [line] : commands);
}

/** As wide as `left out` and a gap. */
const labelWidth = 10;

function labelled(label: string, lines: readonly string[]): readonly string[] {
  return lines.map((line, index) => (index === 0 ? label : "").padEnd(labelWidth) + line);
}
