import { formatChange, formatElements, listDifference } from "#lib/graph/change.ts";
import type { Outcome, Row } from "#lib/graph/events.ts";
import type { Change } from "#lib/graph/resource.ts";
import { type EndedState, type RunState, resourcesOf } from "#lib/view/collect.ts";
import { cleanLine, flow, formatCount, padEnd, type Style, widthOf, wrap } from "#lib/view/format.ts";
import { rowsByGroup } from "#lib/view/rows.ts";

interface Layout {
  readonly width: number;
  readonly style: Style;
}

/** Nothing to do. */
const idle: readonly Outcome[] = ["unchanged", "absent", "kept"];
const troubles: readonly Outcome[] = ["failed", "blocked", "cancelled"];

/** The changes of a command, row by row; rows without a change are only counted. */
export function formatPlan(run: RunState, layout: Layout): readonly string[] {
  const ended = [...run.resources.values()].filter((resource) => resource.kind === "ended");
  const labelled = ended.filter(({ outcome }) => ["to update", "to replace", "kept", "failed"].includes(outcome));
  const labelWidth = Math.max(0, ...labelled.map(({ subject }) => widthOf(subject.label)));
  const rows = rowsByGroup(run).flatMap((row) => {
    const lines = formatRow(endedOf(run, row), labelWidth, layout);
    return lines.length === 0 ? [] : [layout.style.strong(row.ref.name), ...lines];
  });
  return [...rows, ...(rows.length === 0 ? [] : [""]), ...flow(formatPlanTotals(run, ended), layout.width)];
}

/** Every resource was read, and none would change. */
export function isWithoutChanges(run: RunState): boolean {
  const resources = [...run.resources.values()];
  return resources.length > 0 && resources.every((one) => one.kind === "ended" && idle.includes(one.outcome));
}

/** `no changes: 61 resources of 8 clusters match the fleet · 8 clusters left out · sandbox`. */
export function formatNoChanges(run: RunState): string {
  const states = [...run.resources.values()].filter((one) => one.kind === "ended");
  const clusters = rowsByGroup(run).filter(({ ref }) => ref.kind === "cluster").length;
  const isGone = states.some(({ note, outcome }) => note === "already gone" || outcome === "kept");
  const scope = clusters === 0 ? "" : ` of ${formatCount(clusters, "cluster")}`;
  const verb = states.length === 1 ? "matches" : "match";
  const leftOut = run.started?.leftOut.length ?? 0;
  return [
    isGone
      ? "no changes: nothing is left to delete"
      : `no changes: ${formatCount(states.length, "resource")}${scope} ${verb} the fleet`,
    ...(leftOut === 0 ? [] : [`${formatCount(leftOut, "cluster")} left out`]),
    ...(run.started?.sandbox === true ? ["sandbox"] : []),
  ].join(" · ");
}

function endedOf(run: RunState, row: Row): readonly EndedState[] {
  return resourcesOf(run, row).filter((resource) => resource.kind === "ended");
}

/** As wide as `-/+` and a gap. */
const markWidth = 5;

function formatRow(resources: readonly EndedState[], labelWidth: number, layout: Layout): readonly string[] {
  const { style, width } = layout;
  const of = (...outcomes: readonly Outcome[]) => resources.filter(({ outcome }) => outcomes.includes(outcome));
  const labels = (group: readonly EndedState[]) => group.map(({ subject }) => subject.label).join(", ");
  const item = (mark: string, left: string, texts: readonly string[]) => {
    const lines = texts.flatMap((text) => wrap(text, width - 2 - markWidth - widthOf(left)));
    const begin = `  ${padEnd(mark, markWidth)}${left}`;
    return lines.map((line, index) => `${padEnd(index === 0 ? begin : "", widthOf(begin))}${line}`.trimEnd());
  };
  const labelled = (mark: string, { subject }: EndedState, texts: readonly string[]) =>
    item(mark, `${padEnd(subject.label, labelWidth)}  `, texts);
  const counted = (mark: string, group: readonly EndedState[], why = "") =>
    group.length === 0 ? [] : item(mark, "", [`${formatCount(group.length, "resource")}: ${labels(group)}${why}`]);
  const blocked = of("blocked");
  const room = width - 2 - markWidth - labelWidth - 2;
  return [
    ...counted(style.good("+"), of("to make")),
    ...of("to update", "to replace").flatMap((one) => {
      const mark = style.warn(one.outcome === "to replace" ? "-/+" : "~");
      return labelled(mark, one, formatChanged(one, room));
    }),
    ...counted(style.bad("-"), of("to remove")),
    ...counted(style.warn("!"), of("orphan"), ": no longer in the fleet"),
    ...of("kept").flatMap((one) => labelled("=", one, [one.note === undefined ? "kept" : `kept: ${one.note}`])),
    ...of("failed").flatMap((one) => labelled(style.bad("✘"), one, [cleanLine(one.error?.message ?? "failed")])),
    ...(blocked.length === 0 ? [] : item(style.warn("⊘"), "", [`${labels(blocked)}: blocked`])),
  ];
}

/** Fields that force a replacement come first, the option that allows it last. */
function formatChanged({ outcome, changes, note, requires }: EndedState, width: number): readonly string[] {
  const ordered = [...changes].sort((a, b) => Number(b.effect === "replace") - Number(a.effect === "replace"));
  const said = [
    ...ordered.flatMap((change) => formatOne(change, width)),
    ...(note === undefined ? [] : [cleanLine(note)]),
    ...(requires === undefined ? [] : [`needs ${requires}`]),
  ];
  return said.length > 0 ? said : [outcome];
}

/** A list that is too long for a line has one element per line. */
function formatOne(change: Change, width: number): readonly string[] {
  const forces = change.effect === "replace" ? " (forces replacement)" : "";
  const line = `${cleanLine(formatChange(change))}${forces}`;
  const elements = listDifference(change);
  if (elements === undefined || widthOf(line) <= width) return [line];
  return [`${change.field}:${forces}`, ...formatElements(elements).map(cleanLine)];
}

function formatPlanTotals(run: RunState, ended: readonly EndedState[]): readonly string[] {
  const count = (outcome: Outcome) => ended.filter((one) => one.outcome === outcome).length;
  const rows = rowsByGroup(run);
  const clusters = rows.filter(({ ref }) => ref.kind === "cluster");
  const changing = (some: readonly Row[]) =>
    some.filter((row) => endedOf(run, row).some(({ outcome }) => outcome.startsWith("to "))).length;
  const same = clusters.filter((row) => endedOf(run, row).every(({ outcome }) => idle.includes(outcome))).length;
  const changed = [
    [changing(rows.filter(({ ref }) => ref.kind === "account")), "account"] as const,
    [changing(clusters), "cluster"] as const,
  ].filter(([number, noun]) => number > 0 || (noun === "cluster" && clusters.length > 0));
  const isOne = changed.length === 1 && changed[0]?.[0] === 1;
  const named = changed.map(([number, noun]) => formatCount(number, noun)).join(" and ");
  const outcomes: readonly Outcome[] = ["to make", "to update", "to replace", "to remove", "orphan", ...troubles];
  return [
    [
      ...(named === "" ? [] : [`${named} ${isOne ? "changes" : "change"}`]),
      ...(same === 0 ? [] : [`${formatCount(same, "cluster")} unchanged`]),
    ].join(", "),
    outcomes
      .map((outcome) => [count(outcome), outcome] as const)
      .filter(([number]) => number > 0)
      .map(([number, outcome]) => `${number} ${outcome}`)
      .join(", "),
    "nothing was changed",
  ].filter((part) => part !== "");
}
