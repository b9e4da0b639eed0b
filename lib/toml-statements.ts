/** Where the statements of a TOML text are. For edits that keep the rest to the letter; parsers only tell the values. */

export interface Statement {
  readonly kind: "table" | "pair";
  /** The table that it opens or stands in, keys joined by dots; empty at the top. Lists of tables have `[]` behind. */
  readonly table: string;
  /** Of a pair, keys joined by dots. */
  readonly key: string;
  /** Where the header or the key begins. */
  readonly start: number;
  /** Behind the header's bracket or the value, before a comment. */
  readonly valueEnd: number;
}

/** Reads a text that a parser has found to be valid; where it isn't, the result is of no use. */
export function findStatements(text: string): readonly Statement[] {
  const statements: Statement[] = [];
  let table = "";
  let at = 0;
  while (at < text.length) {
    at = skip(text, at, /[\s\uFEFF]*/y);
    if (at >= text.length) break;
    const start = at;
    if (text[at] === "#") {
      at = endOfLine(text, at);
      continue;
    }
    if (text[at] === "[") {
      const isList = text[at + 1] === "[";
      const key = readKey(text, at + (isList ? 2 : 1));
      at = key.end + (isList ? 2 : 1);
      table = `${key.name}${isList ? "[]" : ""}`;
      statements.push({ kind: "table", table, key: "", start, valueEnd: at });
    } else {
      const key = readKey(text, at);
      at = endOfValue(text, skip(text, key.end + 1, /[ \t]*/y));
      statements.push({ kind: "pair", table, key: key.name, start, valueEnd: at });
    }
    at = endOfLine(text, at);
  }
  return statements;
}

/** A key with its dots, up to `=` or `]`. */
function readKey(text: string, from: number): { readonly name: string; readonly end: number } {
  const parts: string[] = [];
  let at = from;
  for (;;) {
    at = skip(text, at, /[ \t]*/y);
    const end = isQuote(text[at]) ? endOfString(text, at) : skip(text, at, /[A-Za-z0-9_-]*/y);
    const raw = text.slice(at, end);
    parts.push(raw.startsWith('"') ? tryUnescape(raw) : raw.replace(/^'|'$/g, ""));
    at = skip(text, end, /[ \t]*/y);
    if (text[at] !== ".") return { name: parts.join("."), end: at };
    at++;
  }
}

/** The escapes of TOML are those of JSON but for `\U`; a key with one of these is none that is looked for. */
function tryUnescape(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}

function endOfValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const letter = text[at];
    if (isQuote(letter)) {
      at = endOfString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (letter === "#") {
      if (depth === 0) break;
      at = endOfLine(text, at);
      continue;
    }
    if (letter === "\n" && depth === 0) break;
    if (letter === "[" || letter === "{") depth++;
    if (letter === "]" || letter === "}") {
      depth--;
      if (depth === 0) return at + 1;
    }
    at++;
  }
  // A number, a date or a word: without the spaces behind it.
  return from + text.slice(from, at).trimEnd().length;
}

/** Behind the closing quotes: one of three kinds of quotes that end with what they began with. */
function endOfString(text: string, from: number): number {
  const quote = text[from] ?? "";
  const isLong = text.startsWith(quote.repeat(3), from);
  const close = isLong ? quote.repeat(3) : quote;
  let at = from + close.length;
  while (at < text.length && !text.startsWith(close, at)) at += quote === '"' && text[at] === "\\" ? 2 : 1;
  at += close.length;
  // A long string may end with quotes of its own: up to two before the three.
  while (isLong && text[at] === quote) at++;
  return at;
}

function isQuote(letter: string | undefined): boolean {
  return letter === '"' || letter === "'";
}

function skip(text: string, at: number, pattern: RegExp): number {
  pattern.lastIndex = at;
  return at + (pattern.exec(text)?.[0].length ?? 0);
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end;
}
