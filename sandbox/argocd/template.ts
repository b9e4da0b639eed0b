import { posix } from "node:path";
import { Failed, Refused } from "#sandbox/argocd/verdict.ts";

/** What a template is filled in from: texts, or maps of such. */
export type Parameter = string | Parameters;
export interface Parameters {
  readonly [key: string]: Parameter;
}

/** Functions of Go's templates and of sprig, by their names; their parameters count. */
const functions: Readonly<Record<string, (...values: Parameter[]) => Parameter>> = {
  // A key that is missing gives an empty text: missingkey is about fields only.
  index: (map, key) => mapOf(map)[textOf(key)] ?? "",
  quote: (value) => quote(textOf(value)),
  toJson: (value) => toJson(value),
  default: (fallback, value) => (textOf(value) === "" ? textOf(fallback) : value),
  // Go's path.Dir, which takes `a/b/` for a folder with nothing behind it.
  dir: (path) => posix.join(textOf(path).slice(0, textOf(path).lastIndexOf("/") + 1), ".").replace(/(.)\/$/, "$1"),
};

/**
 * The part of Go's templates that applications may use: fields, texts, pipes and `functions`, with missingkey=error.
 * Everything else (if, range, variables, parentheses, other functions) is refused.
 *
 * @throws Refused what isn't known here
 * @throws Failed what Argo CD fails at too
 */
export function renderTemplate(template: string, parameters: Parameters): string {
  return template.replaceAll(/\{\{(.*?)(\}\}|$)/gs, (_all, action: string, end: string) => {
    if (end === "") throw new Failed(`failed to parse template ${template}: unclosed action`);
    try {
      return textOf(evaluate(action.trim(), parameters));
    } catch (error) {
      if (error instanceof Refused) throw new Refused(`{{ ${action.trim()} }}: ${error.message}`);
      if (error instanceof Failed)
        throw new Failed(`failed to execute go template {{ ${action.trim()} }}: ${error.message}`);
      throw error;
    }
  });
}

/** Each command's value is the last argument of the next. */
function evaluate(action: string, parameters: Parameters): Parameter {
  let piped: readonly Parameter[] = [];
  for (const text of action.split("|")) piped = [run(text, piped, parameters)];
  return piped[0] ?? "";
}

function run(command: string, piped: readonly Parameter[], parameters: Parameters): Parameter {
  const [first = "", ...rest] = command.match(/"[^"]*"|[^\s"]+|"/g) ?? [];
  if (first === "") throw new Failed("missing value for command");
  if (!/^[A-Za-z]/.test(first)) {
    const value = operand(first, parameters);
    if (rest.length + piped.length > 0) throw new Failed("can't give argument to non-function");
    return value;
  }
  const called = Object.hasOwn(functions, first) ? functions[first] : undefined;
  if (called === undefined) throw new Refused(`the sandbox knows no "${first}"`);
  const values = [...rest.map((word) => operand(word, parameters)), ...piped];
  if (values.length !== called.length) throw new Failed(`wrong number of arguments for ${first}`);
  return called(...values);
}

function operand(word: string, parameters: Parameters): Parameter {
  if (/^"[^"\\]*"$/.test(word)) return word.slice(1, -1);
  if (!/^(\.[A-Za-z_]\w*)+$/.test(word)) throw new Refused(`the sandbox knows fields and plain texts, not ${word}`);
  return word
    .slice(1)
    .split(".")
    .reduce<Parameter>((owner, key) => {
      const value = typeof owner === "string" || !Object.hasOwn(owner, key) ? undefined : owner[key];
      if (value !== undefined) return value;
      throw new Failed(`map has no entry for key "${key}"`);
    }, parameters);
}

function textOf(value: Parameter | undefined): string {
  if (typeof value === "string") return value;
  throw new Refused("the sandbox takes and prints texts, not maps");
}

/** Of texts: behind any other key stands something that isn't known here. */
function mapOf(value: Parameter | undefined): Readonly<Record<string, string>> {
  if (typeof value === "string" || value === undefined) throw new Failed("can't index item of type string");
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, textOf(inner)]));
}

/** Go's %q, for what can be written without its further escapes. */
function quote(text: string): string {
  if (/[^\x20-\x7e\t\n\r]/.test(text)) throw new Refused("the sandbox quotes plain ASCII only");
  return JSON.stringify(text);
}

/** Go sorts keys and escapes what HTML would take for its own. */
function toJson(value: Parameter | undefined): string {
  const sorted = typeof value === "string" ? value : Object.fromEntries(Object.entries(mapOf(value)).sort());
  const escaped = (letter: string) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(sorted).replace(/[<>&\u2028\u2029]/g, escaped);
}
