import { posix } from "node:path";
import { Failed, Refused } from "#sandbox/argocd/verdict.ts";

/** What a template is filled in from: texts, or maps of such. */
export type Parameter = string | Parameters;
export interface Parameters {
  readonly [key: string]: Parameter;
}

type TemplateFunction = (values: readonly Parameter[], action: string) => Parameter;

/** Functions of Go's templates and of sprig, as far as ApplicationSets here call them. */
export const functions: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ["index", index],
  ["quote", (values, action) => values.map((value) => quote(textOf(value, action), action)).join(" ")],
  ["toJson", (values, action) => toJson(only(values, action))],
  ["dir", (values, action) => directory(textOf(only(values, action), action))],
  [
    "default",
    (values, action) => {
      const [fallback, value] = values;
      if (fallback === undefined || value === undefined || values.length !== 2) throw wrongCount(action);
      return isEmpty(value) ? fallback : value;
    },
  ],
]);

/** What an action leaves in the text. */
export function render(value: Parameter): string {
  if (typeof value === "string") return value;
  throw new Refused("a template prints a map: the sandbox leaves Go's way of writing one to Go");
}

/** A key that is missing gives an empty text: the maps behind it are of texts, and missingkey is about fields only. */
function index(values: readonly Parameter[], action: string): Parameter {
  const [map, key] = values;
  if (map === undefined || key === undefined || values.length !== 2) throw wrongCount(action);
  if (typeof map === "string" || typeof key !== "string") throw new Failed(`{{ ${action} }}: can't index that`);
  if (!Object.values(map).every((value) => typeof value === "string")) {
    throw new Refused(`{{ ${action} }}: the sandbox knows index for labels, annotations and values only`);
  }
  return Object.hasOwn(map, key) ? (map[key] ?? "") : "";
}

/** Go's %q, for what can be written without its further escapes. */
function quote(text: string, action: string): string {
  if (/[^\x20-\x7e\t\n\r]/.test(text)) throw new Refused(`{{ ${action} }}: the sandbox quotes plain ASCII only`);
  return JSON.stringify(text);
}

/** Go sorts keys and escapes what HTML would take for its own. */
function toJson(value: Parameter): string {
  const sorted = typeof value === "string" ? value : sortKeys(value);
  return JSON.stringify(sorted).replace(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function sortKeys(value: Exclude<Parameter, string>): Exclude<Parameter, string> {
  const keys = Object.keys(value).sort();
  return Object.fromEntries(
    keys.map((key) => {
      const inner = value[key] ?? "";
      return [key, typeof inner === "string" ? inner : sortKeys(inner)];
    }),
  );
}

/** Go's path.Dir, which takes `a/b/` for a folder with nothing behind it. */
function directory(path: string): string {
  return posix.join(path.slice(0, path.lastIndexOf("/") + 1), ".").replace(/(.)\/$/, "$1");
}

function isEmpty(value: Parameter): boolean {
  return typeof value === "string" ? value === "" : Object.keys(value).length === 0;
}

function only(values: readonly Parameter[], action: string): Parameter {
  const [value] = values;
  if (value === undefined || values.length !== 1) throw wrongCount(action);
  return value;
}

function textOf(value: Parameter, action: string): string {
  if (typeof value === "string") return value;
  throw new Refused(`{{ ${action} }}: the sandbox takes texts here, not maps`);
}

function wrongCount(action: string): Failed {
  return new Failed(`failed to execute go template {{ ${action} }}: wrong number of arguments`);
}
