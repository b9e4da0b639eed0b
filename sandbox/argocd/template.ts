import { functions, type Parameter, type Parameters, render } from "#sandbox/argocd/template-functions.ts";
import { Failed, Refused } from "#sandbox/argocd/verdict.ts";

/**
 * The part of Go's templates that ApplicationSets here use: fields, `index`, texts, pipes, and the functions of
 * template-functions.ts; with missingkey=error. Everything else (if, range, variables, other functions) is refused.
 *
 * @throws Refused what isn't known here
 * @throws Failed what Argo CD fails at too
 */
export function renderTemplate(template: string, parameters: Parameters): string {
  let output = "";
  let rest = template;
  for (;;) {
    const start = rest.indexOf("{{");
    if (start < 0) return output + rest;
    const end = findEnd(rest, start + 2);
    if (end === undefined) throw new Failed(`failed to parse template ${template}: unclosed action`);
    let text = rest.slice(0, start);
    let action = rest.slice(start + 2, end);
    rest = rest.slice(end + 2);
    // A hyphen and a space beside the braces take the blanks beyond them.
    if (/^-\s/.test(action)) [text, action] = [text.trimEnd(), action.slice(1)];
    if (/\s-$/.test(action)) [rest, action] = [rest.trimStart(), action.slice(0, -1)];
    output += text + render(evaluate(action.trim(), parameters));
  }
}

/** Braces inside of a text end nothing. */
function findEnd(text: string, from: number): number | undefined {
  let quote = "";
  for (let index = from; index < text.length; index++) {
    const letter = text[index] ?? "";
    if (quote !== "") {
      if (letter === "\\" && quote === '"') index++;
      else if (letter === quote) quote = "";
    } else if (letter === '"' || letter === "`") quote = letter;
    else if (text.startsWith("}}", index)) return index;
  }
  return undefined;
}

type Token =
  | { readonly kind: "field"; readonly path: readonly string[] }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "word"; readonly word: string }
  | { readonly kind: "sign"; readonly sign: "|" | "(" | ")" };

const patterns = /\s*(?:(\.[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|("(?:[^"\\]|\\.)*"|`[^`]*`)|([A-Za-z]\w*)|([|()]))/y;

function tokenize(action: string): readonly Token[] {
  const tokens: Token[] = [];
  patterns.lastIndex = 0;
  while (patterns.lastIndex < action.length) {
    const match = patterns.exec(action);
    if (match === null)
      throw new Refused(`{{ ${action} }} is not in the part of Go's templates that the sandbox knows`);
    const [, field, text, word, sign] = match;
    if (field !== undefined) tokens.push({ kind: "field", path: field.slice(1).split(".") });
    else if (text !== undefined) tokens.push({ kind: "text", text: unquote(text, action) });
    else if (word !== undefined) tokens.push({ kind: "word", word });
    else if (sign === "|" || sign === "(" || sign === ")") tokens.push({ kind: "sign", sign });
  }
  return tokens;
}

function unquote(text: string, action: string): string {
  if (text.startsWith("`")) return text.slice(1, -1);
  if (/\\[^"\\/bfnrtu]/.test(text)) throw new Refused(`{{ ${action} }}: the sandbox knows no such escape`);
  return JSON.parse(text) as string;
}

function evaluate(action: string, parameters: Parameters): Parameter {
  const tokens = [...tokenize(action)];
  const value = pipeline(tokens, action, parameters);
  if (tokens.length > 0) throw new Failed(`failed to parse template {{ ${action} }}`);
  return value;
}

/** Consumes tokens up to a closing parenthesis or the end. */
function pipeline(tokens: Token[], action: string, parameters: Parameters): Parameter {
  let piped: Parameter | undefined;
  for (;;) {
    piped = command(tokens, action, parameters, piped);
    const [next] = tokens;
    if (next?.kind !== "sign" || next.sign !== "|") return piped;
    tokens.shift();
  }
}

/** One function with its arguments, or one value; what comes through the pipe is the last argument. */
function command(tokens: Token[], action: string, parameters: Parameters, piped: Parameter | undefined): Parameter {
  const [first] = tokens;
  if (first?.kind !== "word") {
    const value = operand(tokens, action, parameters);
    if (value === undefined || piped !== undefined) throw new Failed(`failed to parse template {{ ${action} }}`);
    return value;
  }
  tokens.shift();
  const called = functions.get(first.word);
  if (called === undefined) throw new Refused(`{{ ${action} }}: the sandbox knows no "${first.word}"`);
  const values: Parameter[] = [];
  for (let value = operand(tokens, action, parameters); value !== undefined; ) {
    values.push(value);
    value = operand(tokens, action, parameters);
  }
  return called(piped === undefined ? values : [...values, piped], action);
}

/** A value, or undefined where something else begins. */
function operand(tokens: Token[], action: string, parameters: Parameters): Parameter | undefined {
  const [token] = tokens;
  if (token === undefined || token.kind === "word") return undefined;
  if (token.kind === "sign" && token.sign !== "(") return undefined;
  tokens.shift();
  if (token.kind === "text") return token.text;
  if (token.kind === "field") return lookUp(token.path, action, parameters);
  const value = pipeline(tokens, action, parameters);
  const closing = tokens.shift();
  if (closing?.kind !== "sign" || closing.sign !== ")") throw new Failed(`failed to parse template {{ ${action} }}`);
  return value;
}

function lookUp(path: readonly string[], action: string, parameters: Parameters): Parameter {
  return path.reduce<Parameter>((owner, key) => {
    const value = typeof owner === "string" || !Object.hasOwn(owner, key) ? undefined : owner[key];
    if (value !== undefined) return value;
    throw new Failed(`failed to execute go template {{ ${action} }}: map has no entry for key "${key}"`);
  }, parameters);
}
