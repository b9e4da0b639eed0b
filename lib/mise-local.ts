import { realpath, stat } from "node:fs/promises";
import { FleetError } from "#lib/errors.ts";
import { isErrno, tryReadText, writeWholeFile } from "#lib/files.ts";
import { findStatements, type Statement } from "#lib/toml-statements.ts";

/** Who may read a file that wasn't there: people keep tokens in it. */
const newFileMode = 0o600;

/**
 * Sets a variable in the `[env]` table of a mise configuration, and keeps everything else to the letter. The file is made if
 * it isn't there, and written whole or not at all.
 *
 * @returns whether anything had to be written
 * @throws FleetError MiseLocalInvalid
 */
export async function writeMiseVariable(path: string, name: string, value: string): Promise<boolean> {
  const text = await tryReadText(path);
  const edited = setMiseVariable(text ?? "", name, value, path);
  if (edited === text) return false;
  // A link stays a link: what it leads to is replaced.
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
 * The text with the variable set. Proved by reading both texts as TOML: they may differ in this one value only.
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
  const after = edited === undefined ? undefined : tryParse(edited);
  if (edited === undefined || after === undefined || !differsOnlyIn(before, after, name, value)) {
    throw refuse(`${name} can't be set without touching more`);
  }
  return edited;
}

/** Undefined where the table is written in a way that isn't edited here: inline, or as a list of tables. */
function edit(text: string, name: string, line: string): string | undefined {
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const statements = findStatements(text);
  const inEnv = statements.filter(({ table, kind }) => kind === "pair" && table === "env");
  const known = inEnv.find(({ key }) => key === name) ?? statements.find((one) => isDotted(one, name));
  if (known !== undefined) {
    const prefix = known.table === "env" ? "" : "env.";
    // Spaces before and a comment behind it stay.
    return `${text.slice(0, known.start)}${prefix}${line}${text.slice(known.valueEnd)}`;
  }
  const header = statements.find(({ table, kind }) => kind === "table" && table === "env");
  const dotted = statements.findLast(
    ({ kind, table, key }) => kind === "pair" && table === "" && key.startsWith("env."),
  );
  const last = inEnv.at(-1) ?? header ?? dotted;
  if (last === undefined) {
    const gap = text === "" ? "" : text.endsWith("\n") ? newline : `${newline}${newline}`;
    return `${text}${gap}[env]${newline}${line}${newline}`;
  }
  const added = last === dotted ? `env.${line}` : line;
  // Behind the last line of the table, its comment with it.
  const end = text.indexOf("\n", last.valueEnd);
  if (end === -1) return `${text}${newline}${added}${newline}`;
  return `${text.slice(0, end + 1)}${added}${newline}${text.slice(end + 1)}`;
}

function isDotted({ kind, table, key }: Statement, name: string): boolean {
  return kind === "pair" && table === "" && key === `env.${name}`;
}

type Table = Readonly<Record<string, unknown>>;

function tryParse(text: string): Table | undefined {
  try {
    return Bun.TOML.parse(text) as Table;
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

/** A basic string of TOML has the escapes of JSON (https://toml.io/en/v1.0.0#string), and DEL must be one too. */
function formatString(value: string): string {
  return JSON.stringify(value).replaceAll("\u007f", "\\u007f");
}
