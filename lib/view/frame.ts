import type { Row } from "#lib/graph/events.ts";
import { type ResourceState, type RunState, resourcesOf } from "#lib/view/collect.ts";
import {
  cleanLine,
  cut,
  formatClock,
  formatCount,
  formatDuration,
  padEnd,
  type Style,
  spinner,
  spread,
  symbols,
  widthOf,
} from "#lib/view/format.ts";
import { isRowEnded, type RowStatus, rowDurationMs, rowKey, rowStatus, rowsByGroup } from "#lib/view/rows.ts";
import { formatSteps } from "#lib/view/steps.ts";

export interface FrameOptions {
  readonly columns: number;
  readonly rows: number;
  readonly nowMs: number;
  /** Counts frames; turns the spinner. */
  readonly tick: number;
  readonly style: Style;
}

/** One frame of the tree, never wider or higher than the terminal. */
export interface Frame {
  readonly header: readonly string[];
  readonly rows: readonly { readonly key: string; readonly line: string }[];
  readonly footer: readonly string[];
}

interface ShownRow {
  readonly row: Row;
  readonly resources: readonly ResourceState[];
  readonly status: RowStatus;
}

/** Minimum width to show a cluster's group and location. */
const wideColumns = 72;
/** Minimum height to show a blank line below the header. */
const tallRows = 14;

export function layoutFrame(run: RunState, options: FrameOptions): Frame {
  const header = [formatHeader(run, options), ...(options.rows >= tallRows ? [""] : [])];
  const notice = formatNotice(run, options);
  const all = rowsByGroup(run).map((row) => {
    const resources = resourcesOf(run, row);
    return { row, resources, status: rowStatus(resources) };
  });
  // log-update ends a frame with a line break, which takes a line.
  const room = Math.max(1, options.rows - 1 - header.length - notice.length);
  const shown = all.length <= room ? all : selectRows(all, room - 1);
  const rest = all.filter((row) => !shown.includes(row));
  const footer = [...(rest.length === 0 ? [] : [options.style.dim(cut(formatRest(rest), options.columns))]), ...notice];
  return { header, rows: formatRows(shown, all, run, options), footer };
}

/** Failed rows first, then running ones, in the order of the fleet. */
function selectRows(all: readonly ShownRow[], room: number): readonly ShownRow[] {
  const failed = all.filter((row) => row.status === "failed");
  const running = all.filter((row) => row.status === "running");
  const chosen = new Set([...failed, ...running].slice(0, Math.max(0, room)));
  return all.filter((row) => chosen.has(row));
}

/** `9 done, 4 waiting`. */
function formatRest(rest: readonly ShownRow[]): string {
  const order: readonly RowStatus[] = ["done", "failed", "blocked", "cancelled", "running", "waiting"];
  const counts = order.map((status) => [rest.filter((row) => row.status === status).length, status] as const);
  return counts
    .filter(([count]) => count > 0)
    .map(([count, status]) => `${count} ${status}`)
    .join(", ");
}

function formatHeader(run: RunState, { columns, nowMs, style }: FrameOptions): string {
  const { started, finished } = run;
  if (started === undefined) return "";
  const clusters = started.rows.filter((row) => row.ref.kind === "cluster").length;
  const elapsedMs = finished?.durationMs ?? nowMs - Date.parse(started.at);
  const scope = `fleet ${started.fleet}${started.sandbox ? " · sandbox" : ""}`;
  const right = `${columns < wideColumns ? "" : `${formatCount(clusters, "cluster")} · `}${formatClock(elapsedMs)}`;
  return spread(`${style.strong(started.verb)} · ${scope}`, right, columns);
}

function formatNotice(run: RunState, { columns, style }: FrameOptions): readonly string[] {
  const last = run.notices.at(-1);
  if (last === undefined) return [];
  const text = cleanLine(last.hint === undefined ? last.message : `${last.message} · ${last.hint}`);
  return [cut(last.level === "warning" ? style.warn(`warning  ${text}`) : style.dim(`note  ${text}`), columns)];
}

function formatRows(
  shown: readonly ShownRow[],
  all: readonly ShownRow[],
  run: RunState,
  options: FrameOptions,
): Frame["rows"] {
  const { columns, style } = options;
  const isWide = columns >= wideColumns;
  const names = shown.map(({ row }, index) => branch(row, shown[index + 1]?.row) + row.ref.name);
  const widest = (texts: readonly string[]) => Math.max(0, ...texts.map(widthOf));
  const groupWidth = isWide ? widest(all.map(({ row }) => row.ref.group)) + 2 : 0;
  const nameWidth = widest(all.map(({ row }) => branch(row, undefined) + row.ref.name)) + 2;
  const placeWidth = isWide ? widest(all.map(({ row }) => row.place)) + 2 : 0;
  return shown.map(({ row, resources, status }, index) => {
    const isFirst = shown[index - 1]?.row.ref.group !== row.ref.group;
    const group = isWide ? padEnd(isFirst ? style.strong(row.ref.group) : "", groupWidth) : "";
    const place = isWide ? padEnd(row.place, placeWidth) : "";
    const left = `${group}${padEnd(names[index] ?? row.ref.name, nameWidth)}${place}`;
    // a narrow terminal shows only the mark at the front of the steps
    const right = isWide || status === "done" ? formatRowEnd(resources, status, style) : "";
    const room = columns - widthOf(left) - (right === "" ? 0 : widthOf(right) + 1);
    const steps = formatSteps(resources, {
      run,
      nowMs: options.nowMs,
      mark: spinner(options.tick),
      style,
      columns: room,
    });
    return { key: rowKey(row), line: spread(left + steps, right, columns).trimEnd() };
  });
}

/** Clusters are branches of their account or their group. */
function branch(row: Row, next: Row | undefined): string {
  if (row.ref.kind !== "cluster") return "";
  return next?.ref.kind === "cluster" && next.ref.group === row.ref.group ? "├ " : "└ ";
}

/** The right end of a finished row: its mark and duration. */
function formatRowEnd(resources: readonly ResourceState[], status: RowStatus, style: Style): string {
  if (!isRowEnded(resources) || resources.length === 0) return "";
  const durationMs = rowDurationMs(resources);
  const time = durationMs === undefined ? "" : ` ${style.dim(formatDuration(durationMs))}`;
  switch (status) {
    case "done":
      return style.good(symbols.done) + time;
    case "failed":
      return style.bad(symbols.failed) + time;
    default:
      return style.warn(symbols.blocked) + time;
  }
}
