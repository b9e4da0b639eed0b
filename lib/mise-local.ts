import { realpath, stat } from "node:fs/promises";
import { type AST, getStaticTOMLValue, parseTOML } from "toml-eslint-parser";
import { FleetError } from "#lib/errors.ts";
import { isErrno, tryReadText, writeWholeFile } from "#lib/files.ts";

/** Mode of a new file: it may contain tokens. */
const newFileMode = 0o600;

/**
 * Sets a variable in the `[env]` table of a mise configuration and preserves everything else. The file is
 * created if it does not exist, and written atomically.
 *
 * @returns whether the file was changed
 * @throws FleetError MiseLocalInvalid
 */
export async function writeMiseVariable(path: string, name: string, value: string): Promise<boolean> {
  const text = await tryReadText(path);
  const edited = setMiseVariable(text ?? "", name, value, path);
  if (edited === text) return false;
  // A symbolic link is kept: its target is replaced.
  const target = text === undefined ? path : await realpath(path);
  const mode = await modeOf(target);
  await writeWholeFile(target, edited, mode ?? newFileMode);
  return true;
}

async function modeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mode & 0o777;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Returns the text with the variable set. Verified by parsing both texts as TOML: they may differ only in this value.
 *
 * @param path for messages
 * @throws FleetError MiseLocalInvalid
 */
export function setMiseVariable(text: string, name: string, value: string, path = "mise.local.toml"): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new Error(`${name} is no name of a variable`);
  const line = `${name} = ${formatString(value)}`;
  const before = tryParse(text);
  const refuse = (why: string): FleetError =>
    new FleetError("MiseLocalInvalid", `${path}: ${why}`, { hint: `write into [env] of ${path} by hand: ${line}` });
  if (before === undefined) throw refuse("it can't be read as TOML");
  if (readValue(before, name) === value) return text;
  const edited = edit(text, name, line);
  const after = tryParse(edited);
  if (after === undefined || !differsOnlyIn(before, after, name, value)) {
    throw refuse(`${name} can't be set without touching more`);
  }
  return edited;
}

/** If `env` is an inline table or an array of tables, the result is invalid TOML, and the caller rejects it. */
function edit(text: string, name: string, line: string): string {
  const [{ body }] = parse(text).body;
  const env = body.find((node) => node.type === "TOMLTable" && node.kind === "standard" && isKey(node, "env"));
  const inEnv = env?.type === "TOMLTable" ? env.body : [];
  const dotted = body.filter((node) => node.type === "TOMLKeyValue").filter(({ key }) => keysOf(key)[0] === "env");
  const known = inEnv.find((pair) => isKey(pair, name)) ?? dotted.find((pair) => isKey(pair, "env", name));
  if (known !== undefined) {
    const prefix = inEnv.includes(known) ? "" : "env.";
    // Preserves leading spaces and a trailing comment.
    return `${text.slice(0, known.range[0])}${prefix}${line}${text.slice(known.value.range[1])}`;
  }
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const last = inEnv.at(-1) ?? env?.key ?? dotted.at(-1);
  if (last === undefined) {
    const gap = text === "" ? "" : text.endsWith("\n") ? newline : `${newline}${newline}`;
    return `${text}${gap}[env]${newline}${line}${newline}`;
  }
  const added = env === undefined ? `env.${line}` : line;
  // After the last line of the table and its comment.
  const end = text.indexOf("\n", last.range[1]);
  if (end === -1) return `${text}${newline}${added}${newline}`;
  return `${text.slice(0, end + 1)}${added}${newline}${text.slice(end + 1)}`;
}

/** The parser rejects a byte order mark; a space in its place preserves all positions. */
function parse(text: string): AST.TOMLProgram {
  return parseTOML(text.replace(/^\uFEFF/, " "));
}

function keysOf(key: AST.TOMLKey): readonly string[] {
  return key.keys.map((part) => (part.type === "TOMLBare" ? part.name : part.value));
}

function isKey({ key }: { readonly key: AST.TOMLKey }, ...names: readonly string[]): boolean {
  return Bun.deepEquals(keysOf(key), names);
}

type Table = Readonly<Record<string, unknown>>;

function tryParse(text: string): Table | undefined {
  try {
    return getStaticTOMLValue(parse(text));
  } catch {
    return undefined;
  }
}

function readValue({ env }: Table, name: string): unknown {
  return isTable(env) ? env[name] : undefined;
}

function differsOnlyIn(before: Table, after: Table, name: string, value: string): boolean {
  const env = isTable(before.env) ? before.env : {};
  if (before.env !== undefined && !isTable(before.env)) return false;
  return Bun.deepEquals(after, { ...before, env: { ...env, [name]: value } }, true);
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A TOML basic string has JSON's escapes (https://toml.io/en/v1.0.0#string) and must also escape DEL. */
function formatString(value: string): string {
  return JSON.stringify(value).replaceAll("\u007f", "\\u007f");
}
