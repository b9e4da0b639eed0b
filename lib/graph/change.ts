import type { Change, ChangeValue } from "#lib/graph/resource.ts";

export interface ListDifference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** The added and removed elements. Undefined unless both are lists, and for lists that differ only in order. */
export function listDifference({ from, to }: Pick<Change, "from" | "to">): ListDifference | undefined {
  if (typeof from === "string" || typeof to === "string") return undefined;
  const difference = { added: without(to, from), removed: without(from, to) };
  return difference.added.length + difference.removed.length === 0 ? undefined : difference;
}

/** Duplicates count separately. */
function without(list: readonly string[], other: readonly string[]): readonly string[] {
  const rest = [...other];
  return list.filter((element) => {
    const index = rest.indexOf(element);
    if (index >= 0) rest.splice(index, 1);
    return index < 0;
  });
}

/** `+ added`, `- removed`, one text per element. */
export function formatElements({ added, removed }: ListDifference): readonly string[] {
  return [...added.map((element) => `+ ${element}`), ...removed.map((element) => `- ${element}`)];
}

/** `workers: 1 → 2`, `audiences: + sts.amazonaws.com, - other`. */
export function formatChange(change: Change): string {
  const difference = listDifference(change);
  const values =
    difference === undefined
      ? `${formatValue(change.from)} → ${formatValue(change.to)}`
      : formatElements(difference).join(", ");
  return change.field === "" ? values : `${change.field}: ${values}`;
}

function formatValue(value: ChangeValue): string {
  const text = typeof value === "string" ? value : value.join(", ");
  return text === "" ? "none" : text;
}
