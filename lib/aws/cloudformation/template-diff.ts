import { child, isRecord, type TemplateValue } from "#lib/aws/cloudformation/template.ts";
import type { Change } from "#lib/graph/resource.ts";

/**
 * The parts of a template that define a stack. The rest (descriptions, metadata, parameter declarations) is no change to
 * CloudFormation: it would answer that there is nothing to do, every time. Values of parameters are compared elsewhere.
 */
const sections = ["Transform", "Mappings", "Conditions", "Resources", "Outputs"] as const;
/** Enough for an overview; the change set in the log has all. */
const shownAtMost = 12;
const shownCharacters = 60;

/** Differences by path (`Resources.Cluster.Properties.Version`), independent of formatting. */
export function diffTemplates(deployed: TemplateValue, wanted: TemplateValue): readonly Change[] {
  const changes: Change[] = [];
  for (const section of sections) {
    const [from, to] = [child(deployed, section), child(wanted, section)];
    // If one lacks the section, the other's elements are listed separately.
    collect(section, from ?? (isRecord(to) ? {} : undefined), to ?? (isRecord(from) ? {} : undefined), changes);
  }
  if (changes.length <= shownAtMost) return changes;
  const more = changes.length - shownAtMost;
  return [
    ...changes.slice(0, shownAtMost),
    { field: "template", from: "", to: `${more} more differences`, effect: "in-place" },
  ];
}

function collect(
  path: string,
  from: TemplateValue | undefined,
  to: TemplateValue | undefined,
  changes: Change[],
): void {
  if (isRecord(from) && isRecord(to) && !isFunction(from) && !isFunction(to)) {
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
      // Text for people only, in a place where CloudFormation doesn't compare it.
      if (path.startsWith("Outputs.") && key === "Description") continue;
      collect(`${path}.${key}`, from[key], to[key], changes);
    }
    return;
  }
  if (canonical(from) === canonical(to)) return;
  if (Array.isArray(from) && Array.isArray(to)) {
    collectElements(path, from, to, changes);
    return;
  }
  changes.push({ field: path, from: format(from), to: format(to), effect: "in-place" });
}

/** Maps at the same path are compared by key; other values are added or removed as whole elements. */
function collectElements(
  path: string,
  from: readonly TemplateValue[],
  to: readonly TemplateValue[],
  changes: Change[],
): void {
  const isTable = [...from, ...to].every((item) => isRecord(item) && !isFunction(item));
  if (isTable && from.length === to.length) {
    from.forEach((item, index) => {
      collect(`${path}.${index}`, item, to[index], changes);
    });
    return;
  }
  const [before, after] = [from.map(textOf), to.map(textOf)];
  changes.push({ field: path, from: before, to: after, effect: "in-place" });
}

/** `{ Ref: x }` and `{ "Fn::Sub": x }` are one value, and are shown as one. */
function isFunction(value: { readonly [key: string]: TemplateValue }): boolean {
  const [key, ...others] = Object.keys(value);
  return others.length === 0 && key !== undefined && (key === "Ref" || key.startsWith("Fn::"));
}

/** Equality as in CloudFormation: `3600` equals `"3600"`, keys in any order, characters that it stores as `?`. */
function canonical(value: TemplateValue | undefined): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return `[${value.map((item: TemplateValue) => canonical(item)).join()}]`;
  if (isRecord(value)) {
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join()}}`;
  }
  return JSON.stringify(asStored(String(value)));
}

/** GetTemplate returns each character outside of ASCII as a question mark. */
function asStored(text: string): string {
  return text.replaceAll(/[^\p{ASCII}]/gu, "?");
}

function textOf(value: TemplateValue): string {
  const text = typeof value === "object" ? canonical(value) : String(value);
  return text.replaceAll(/\s+/g, " ").trim();
}

function format(value: TemplateValue | undefined): string {
  if (value === undefined) return "none";
  const type = isRecord(value) ? value.Type : undefined;
  const line = textOf(typeof type === "string" ? type : value);
  return line.length > shownCharacters ? `${line.slice(0, shownCharacters - 1)}…` : line;
}
