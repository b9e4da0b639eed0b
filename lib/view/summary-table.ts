import type { Outcome, Row, VerbName } from "#lib/graph/events.ts";
import type { ClusterFigures } from "#lib/graph/resource.ts";
import { type EndedState, type ResourceState, type RunState, resourcesOf } from "#lib/view/collect.ts";
import {
  cleanLine,
  cut,
  formatDuration,
  type Paint,
  padEnd,
  padStart,
  type Style,
  symbols,
  widthOf,
  wrap,
} from "#lib/view/format.ts";
import { hasOutcome, isRowEnded, rowDurationMs, rowsByGroup } from "#lib/view/rows.ts";

export interface Layout {
  readonly width: number;
  readonly style: Style;
}

export interface RowResult {
  readonly row: Row;
  readonly resources: readonly ResourceState[];
  readonly ended: readonly EndedState[];
  /** The result of the row, in one word. */
  readonly word: string;
}

/** The rows that a summary counts: the clusters, or all rows if the run has no cluster. */
export function rowResults(run: RunState): readonly RowResult[] {
  const rows = rowsByGroup(run);
  const clusters = rows.filter((row) => row.ref.kind === "cluster");
  return (clusters.length > 0 ? clusters : rows).map((row) => {
    const resources = resourcesOf(run, row);
    const ended = resources.filter((resource) => resource.kind === "ended");
    return { row, resources, ended, word: resultWord(resources, ended, run.started?.verb) };
  });
}

function resultWord(
  resources: readonly ResourceState[],
  ended: readonly EndedState[],
  verb: VerbName | undefined,
): string {
  if (hasOutcome(ended, "failed")) return "failed";
  if (hasOutcome(ended, "blocked")) return "blocked";
  if (ended.some(({ goesOn }) => goesOn !== undefined)) return "in progress";
  if (hasOutcome(ended, "cancelled") || !isRowEnded(resources)) return "cancelled";
  if (hasOutcome(ended, "orphan")) return "orphan";
  const all = (...outcomes: readonly Outcome[]) => ended.every((resource) => outcomes.includes(resource.outcome));
  if (all("unchanged")) return verb === "delete" ? "already gone" : "unchanged";
  if (hasOutcome(ended, "degraded")) return "degraded";
  if (all("absent")) return "absent";
  // only a part exists: not usable
  if (hasOutcome(ended, "absent")) return "degraded";
  if (hasOutcome(ended, "healthy")) return "healthy";
  if (hasOutcome(ended, "removed")) return "removed";
  if (hasOutcome(ended, "replaced")) return "replaced";
  if (all("made")) return "created";
  if (hasOutcome(ended, "made") || hasOutcome(ended, "updated")) return "updated";
  return hasOutcome(ended, "adopted") ? "adopted" : "kept";
}

interface Column {
  readonly head: string;
  readonly cells: readonly string[];
  readonly right?: true;
  /** Omitted first if the terminal is too narrow. */
  readonly spare?: true;
  readonly paint?: (cell: string) => string;
  /** Wraps a cell of the last column to this width. @default it is cut */
  readonly lines?: (index: number, room: number) => readonly string[];
}

export function formatTable(run: RunState, layout: Layout): readonly string[] {
  const results = rowResults(run);
  if (results.length === 0) return [];
  const head = results.every(({ row }) => row.ref.kind === "cluster") ? "cluster" : "name";
  const names: Column = { head, cells: results.map(({ row }) => row.ref.name) };
  const columns = run.started?.verb === "status" ? statusColumns(results, layout) : changeColumns(results, layout);
  return [...formatColumns([names, ...columns], layout), ""];
}

function changeColumns(results: readonly RowResult[], { style }: Layout): readonly Column[] {
  return [
    { head: "result", cells: results.map(({ word }) => word), paint: paintWord(style) },
    { head: "changes", cells: results.map(({ ended }) => formatChanges(ended)), spare: true },
    ...argocdColumn(results),
    { head: "time", cells: results.map(({ resources }) => formatTime(resources)), right: true },
  ];
}

function statusColumns(results: readonly RowResult[], { style }: Layout): readonly Column[] {
  const argocd = argocdColumn(results).map(({ spare: _spare, ...column }) => column);
  const states = results.map(({ ended }) => formatState(ended, argocd.length > 0));
  return [
    { head: "health", cells: results.map(({ word }) => word), paint: paintWord(style) },
    ...figureColumn("kubernetes", results),
    ...figureColumn("nodes", results),
    ...argocd,
    {
      head: "state",
      cells: states,
      // Problems are shown in full. Of healthy details, as many as fit, none cut.
      lines: (index, room) =>
        results[index]?.word === "healthy" ? [takeParts(states[index] ?? "", room)] : wrap(states[index] ?? "", room),
    },
  ];
}

/** Omitted if no row has a value. */
function figureColumn(head: keyof ClusterFigures, results: readonly RowResult[]): readonly Column[] {
  const figures = results.map(({ ended }) => ended.map(({ health }) => health?.cluster?.[head]).find(isKnown));
  return figures.some(isKnown) ? [{ head, cells: figures.map((figure) => figure ?? symbols.nothing) }] : [];
}

function isKnown(figure: string | undefined): figure is string {
  return figure !== undefined;
}

const between = " · ";

/** The first parts that fit, and a mark if there are more. */
function takeParts(text: string, room: number): string {
  if (widthOf(text) <= room) return text;
  let taken = "";
  for (const part of text.split(between)) {
    const longer = taken === "" ? part : `${taken}${between}${part}`;
    if (widthOf(longer) > room - widthOf(` ${symbols.more}`)) break;
    taken = longer;
  }
  return taken === "" ? symbols.more : `${taken} ${symbols.more}`;
}

/** Omitted if the fleet has no Argo CD. */
function argocdColumn(results: readonly RowResult[]): readonly Column[] {
  if (!results.some(({ resources }) => resources.some(isArgocd))) return [];
  return [{ head: "argo cd", cells: results.map(({ ended }) => formatArgocd(ended)), spare: true }];
}

function isArgocd({ subject }: ResourceState): boolean {
  return subject.label === "Argo CD";
}

function formatArgocd(ended: readonly EndedState[]): string {
  const argocd = ended.find(isArgocd);
  if (argocd === undefined || ["blocked", "cancelled", "orphan"].includes(argocd.outcome)) return symbols.nothing;
  if (argocd.outcome === "removed") return argocd.outcome;
  // Problems are shown below, or in the state.
  if (argocd.health?.kind === "degraded") return argocd.health.kind;
  return cleanLine(argocd.health?.summary ?? argocd.note ?? argocd.outcome);
}

const countedChanges: readonly Outcome[] = ["made", "updated", "replaced", "adopted", "removed", "kept"];

/** `9 made, 1 updated`. */
function formatChanges(ended: readonly EndedState[]): string {
  const counts = countedChanges.map((word) => [ended.filter(({ outcome }) => outcome === word).length, word] as const);
  const said = counts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return said.length === 0 ? symbols.nothing : said.join(", ");
}

function formatTime(resources: readonly ResourceState[]): string {
  const durationMs = rowDurationMs(resources);
  return durationMs === undefined ? symbols.nothing : formatDuration(durationMs);
}

/** Problems only, if there are any; otherwise all details. */
function formatState(ended: readonly EndedState[], hasArgocd: boolean): string {
  const orphan = ended.find(({ outcome }) => outcome === "orphan");
  if (orphan?.note !== undefined) return orphan.note;
  const wrong = ended.filter(({ outcome }) => !["healthy", "unchanged", "blocked"].includes(outcome));
  const well = hasArgocd ? ended.filter((resource) => !isArgocd(resource)) : ended;
  const shown = wrong.length > 0 && wrong.length < ended.length ? wrong : well;
  const said = shown.flatMap(({ subject, outcome, health, error }) => {
    const text = error?.message ?? health?.summary;
    if (text !== undefined) return [wrong.length > 0 ? `${subject.label}: ${text}` : text];
    return outcome === "absent" && wrong.length < ended.length ? [`no ${subject.label}`] : [];
  });
  return said.length === 0 ? symbols.nothing : cleanLine(said.join(between));
}

function paintWord(style: Style): Paint {
  return (word) => {
    if (word === "failed" || word === "degraded") return style.bad(word);
    if (["blocked", "cancelled", "in progress", "orphan"].includes(word)) return style.warn(word);
    return ["unchanged", "absent", "already gone"].includes(word) ? word : style.good(word);
  };
}

/** Names are never cut: optional columns are omitted first, then the last column gets the remaining width. */
function formatColumns(columns: readonly Column[], { width, style }: Layout): readonly string[] {
  const widths = (shown: readonly Column[]) =>
    shown.map(({ head, cells }) => Math.max(...[head, ...cells].map(widthOf)));
  const total = (shown: readonly Column[], gap: number) =>
    widths(shown).reduce((sum, column) => sum + column, gap * (shown.length - 1));
  let shown = columns;
  let gap = 4;
  if (total(shown, gap) > width) gap = 2;
  while (total(shown, gap) > width) {
    const spare = shown.findLast((column) => column.spare === true);
    if (spare === undefined) break;
    shown = shown.filter((column) => column !== spare);
  }
  const sizes = widths(shown);
  const before = sizes.slice(0, -1).reduce((sum, size) => sum + size + gap, 0);
  const room = Math.max(12, width - before);
  const last = shown.length - 1;
  const join = (cells: readonly string[]) =>
    shown
      .map((column, position) =>
        (column.right === true ? padStart : padEnd)(cells[position] ?? "", sizes[position] ?? 0),
      )
      .join(" ".repeat(gap))
      .trimEnd();
  /** A row has several lines if its last cell has. */
  const lines = (index: number) => {
    const cells = shown.map(({ cells }) => cells[index] ?? "");
    const { right, lines: fit } = shown[last] ?? {};
    const text = cells[last] ?? "";
    const isWide = right !== true && widthOf(text) > room;
    const ends = !isWide ? [text] : (fit?.(index, room) ?? [cut(text, room)]);
    return ends.map((end, number) => {
      const left = cells.slice(0, -1).map((cell) => (number === 0 ? cell : ""));
      return join(
        [...left, end].map((cell, position) => (cell === "" ? cell : (shown[position]?.paint?.(cell) ?? cell))),
      );
    });
  };
  const rows = columns[0]?.cells ?? [];
  return [join(shown.map(({ head }) => style.dim(head))), ...rows.flatMap((_, index) => lines(index))];
}
