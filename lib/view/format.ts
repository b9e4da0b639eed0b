import { stripControls } from "#lib/view/printable.ts";

/** Marks that are readable without colour. Each is one column wide. */
export const symbols = { done: "✔", failed: "✘", blocked: "⊘", nothing: "–", more: "…" } as const;

const spinnerFrames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const;

/** The spinner; `tick` counts frames. */
export function spinner(tick: number): string {
  return spinnerFrames[tick % spinnerFrames.length] ?? spinnerFrames[0];
}

export type Paint = (text: string) => string;

/** Meanings rather than colours, so that a screen works without colour. */
export interface Style {
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly dim: Paint;
  readonly strong: Paint;
}

const plainStyle: Style = { good: same, bad: same, warn: same, dim: same, strong: same };
const colorStyle: Style = {
  good: sgr(32, 39),
  bad: sgr(31, 39),
  warn: sgr(33, 39),
  dim: sgr(2, 22),
  strong: sgr(1, 22),
};

export function createStyle(color: boolean): Style {
  return color ? colorStyle : plainStyle;
}

function same(text: string): string {
  return text;
}

function sgr(on: number, off: number): Paint {
  return (text) => (text === "" ? text : `\u001b[${on}m${text}\u001b[${off}m`);
}

/** Terminal columns of the text, without escape codes. */
export function widthOf(text: string): number {
  return Bun.stringWidth(text);
}

export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - widthOf(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - widthOf(text))) + text;
}

/** Cut to the given columns, with `…` at the end. Escape codes stay balanced. */
export function cut(text: string, columns: number): string {
  if (columns <= 0) return "";
  if (widthOf(text) <= columns) return text;
  const slice = Bun.sliceAnsi(text, 0, columns, { ellipsis: "…" });
  // sliceAnsi of Bun 1.4 gives a column too many where a wide character is cut in two
  return widthOf(slice) <= columns ? slice : Bun.sliceAnsi(text, 0, columns - 1, { ellipsis: "…" });
}

/** Prose wrapped at words. Longer words stay whole, so that they can be copied. */
export function wrap(text: string, columns: number): readonly string[] {
  return Bun.wrapAnsi(text, Math.max(columns, 20), { hard: false, wordWrap: true, trim: true }).split("\n");
}

/** Parts side by side, broken between parts first. */
export function flow(parts: readonly string[], columns: number): readonly string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    const longer = last === undefined ? part : `${last} · ${part}`;
    if (last !== undefined && widthOf(longer) <= columns) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines.flatMap((line) => wrap(line, columns));
}

/** Left and right end of one line; the left is cut if both don't fit. */
export function spread(left: string, right: string, columns: number): string {
  const room = columns - widthOf(right) - 1;
  return right === "" ? cut(left, columns) : `${padEnd(cut(left, room), room)} ${right}`;
}

/** `0.3s`, `2s`, `12m 4s`, `1h 2m`. */
export function formatDuration(ms: number): string {
  if (ms < 50) return "0s";
  if (ms < 950) return `${(ms / 1_000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  return `${Math.floor(seconds / 3_600)}h ${Math.floor((seconds % 3_600) / 60)}m`;
}

/** `0:01`, `12:04`, `1:02:03`: elapsed time. */
export function formatClock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60), seconds % 60];
  const twoDigits = (value: number) => String(value).padStart(2, "0");
  return h > 0 ? `${h}:${twoDigits(m)}:${twoDigits(s)}` : `${m}:${twoDigits(s)}`;
}

/** `10:15:02`, in UTC as in the names of the run folders. */
export function formatTime(at: string): string {
  return at.slice(11, 19);
}

/** `1 cluster`, `4 clusters`. */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Output of a program as one line: no escape codes, no control characters, the last state of a progress bar. */
export function cleanLine(text: string): string {
  const lastState = Bun.stripANSI(text).trimEnd().split("\r").at(-1) ?? "";
  return stripControls(lastState.replace(/[\t\n]+/g, " "));
}

/** All lines of a text, each clean. */
export function cleanLines(text: string): readonly string[] {
  return text.split(/\r?\n/).map(cleanLine);
}
