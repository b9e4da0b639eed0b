/** Narrower than this, cells are not wrapped. */
const narrowest = 20;

/**
 * Formats columns as wide as their widest cell, separated by two spaces, without trailing spaces.
 *
 * @param screen width that cells of the last column are wrapped to, between words. @default they are not
 */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[], screen?: number): string {
  const widths = head.map((title, column) =>
    Math.max(Bun.stringWidth(title), ...rows.map((row) => Bun.stringWidth(row[column] ?? ""))),
  );
  const last = head.length - 1;
  const room = (screen ?? Number.POSITIVE_INFINITY) - widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
  const wrapped = (row: readonly string[]): readonly (readonly string[])[] => {
    const end = row[last];
    if (end === undefined || room < narrowest || Bun.stringWidth(end) <= room) return [row];
    const [first = "", ...rest] = Bun.wrapAnsi(end, room, { hard: false, wordWrap: true, trim: true }).split("\n");
    return [[...row.slice(0, last), first], ...rest.map((line) => [...row.slice(0, last).map(() => ""), line])];
  };
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - Bun.stringWidth(cell))))
      .join("  ")
      .trimEnd();
  return `${[head, ...rows.flatMap(wrapped)].map(line).join("\n")}\n`;
}
