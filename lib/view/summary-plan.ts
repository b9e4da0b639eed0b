import type { Outcome } from "#lib/events.ts";
import { type EndedState, type RunState, resourcesOf } from "#lib/view/collect.ts";
import { formatChange } from "#lib/view/ending.ts";
import { cleanLine, flow, formatCount, padEnd, type Style, widthOf, wrap } from "#lib/view/format.ts";
import { rowsByGroup } from "#lib/view/rows.ts";

interface Layout {
  readonly width: number;
  readonly style: Style;
}

/** What a command would do, row by row, and a last line that says that nothing was done. */
export function formatPlan(run: RunState, layout: Layout): readonly string[] {
  const ended = [...run.resources.values()].filter((resource) => resource.kind === "ended");
  const labelWidth = Math.max(0, ...ended.map(({ subject }) => widthOf(subject.label)));
  const rows = rowsByGroup(run).flatMap((row) => {
    const resources = resourcesOf(run, row).filter((resource) => resource.kind === "ended");
    const lines = formatRow(resources, labelWidth, layout).map((line) => `  ${line}`.trimEnd());
    return lines.length === 0 ? [] : [layout.style.strong(row.owner.name), ...lines];
  });
  return [...rows, ...(rows.length === 0 ? [] : [""]), ...flow(formatPlanTotals(run, ended), layout.width)];
}

function formatRow(resources: readonly EndedState[], labelWidth: number, { width, style }: Layout): readonly string[] {
  const of = (...outcomes: readonly Outcome[]) => resources.filter(({ outcome }) => outcomes.includes(outcome));
  const labels = (group: readonly EndedState[]) => group.map(({ subject }) => subject.label).join(", ");
  const list = (mark: string, text: string) => {
    const [first = "", ...rest] = wrap(text, width - 4);
    return [`${mark} ${first}`, ...rest.map((line) => `  ${line}`)];
  };
  const made = of("to make");
  const changed = of("to update", "to replace");
  return [
    ...(made.length === 0 ? [] : list(style.good("+"), `${formatCount(made.length, "resource")}: ${labels(made)}`)),
    ...changed.flatMap((resource) => formatChanged(resource, labelWidth, style)),
    ...of("to remove").map(({ subject }) => `${style.bad("-")} ${subject.label}`),
    ...of("kept").map(
      ({ subject, note }) => `= ${padEnd(subject.label, labelWidth)}  kept${note === undefined ? "" : `: ${note}`}`,
    ),
    ...of("failed").map(
      ({ subject, error }) =>
        `${style.bad("✘")} ${padEnd(subject.label, labelWidth)}  ${cleanLine(error?.message ?? "failed")}`,
    ),
    ...(of("blocked").length === 0 ? [] : list(style.warn("⊘"), `${labels(of("blocked"))}: blocked`)),
    ...formatUnchanged(of("unchanged", "absent"), list),
  ];
}

function formatChanged(resource: EndedState, labelWidth: number, style: Style): readonly string[] {
  const replaced = resource.outcome === "to replace" ? ["to replace"] : [];
  const said = [
    ...replaced,
    ...resource.changes.map(formatChange),
    ...(resource.note === undefined ? [] : [resource.note]),
  ];
  return (said.length === 0 ? ["to update"] : said).map((text, index) => {
    const label = padEnd(index === 0 ? resource.subject.label : "", labelWidth);
    return `${index === 0 ? style.warn("~") : " "} ${label}  ${cleanLine(text)}`;
  });
}

/** `= unchanged: kubeconfig, Argo CD`; what is already gone says so. */
function formatUnchanged(
  same: readonly EndedState[],
  list: (mark: string, text: string) => readonly string[],
): readonly string[] {
  const byNote = Map.groupBy(same, ({ note }) => note);
  return [...byNote].flatMap(([note, group]) => {
    const labels = group.map(({ subject }) => subject.label).join(", ");
    return list("=", `${note ?? "unchanged"}: ${labels}`);
  });
}

function formatPlanTotals(run: RunState, ended: readonly EndedState[]): readonly string[] {
  const count = (...outcomes: readonly Outcome[]) => ended.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const clusters = rowsByGroup(run).filter(
    (row) =>
      row.owner.kind === "cluster" &&
      resourcesOf(run, row).some((resource) => resource.kind === "ended" && resource.outcome.startsWith("to ")),
  ).length;
  const troubles = [
    [count("failed"), "failed"],
    [count("blocked"), "blocked"],
    [count("cancelled"), "cancelled"],
  ] as const;
  const replaced = count("to replace");
  return [
    `${formatCount(clusters, "cluster")} ${clusters === 1 ? "changes" : "change"}`,
    [
      `${count("to make")} to make`,
      `${count("to update")} to update`,
      ...(replaced === 0 ? [] : [`${replaced} to replace`]),
      `${count("to remove")} to remove`,
      ...troubles.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`),
    ].join(", "),
    "nothing was changed",
  ];
}
