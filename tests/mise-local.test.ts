import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, readlink, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { setMiseVariable, writeMiseVariable } from "#lib/mise-local.ts";
import { failureOf } from "#tests/support/failure.ts";

const arn = "arn:aws:iam::123456789012:user/aws-cli";
const set = (text: string): string => setMiseVariable(text, "AWS_USER_ARN", arn);
const line = `AWS_USER_ARN = "${arn}"`;

describe("a variable in mise's local configuration", () => {
  test.each([
    ["makes the table in an empty file", "", `[env]\n${line}\n`],
    ["makes the table behind all others", '[tools]\nbun = "1"\n', `[tools]\nbun = "1"\n\n[env]\n${line}\n`],
    ["ends a last line that has no end", '[tools]\nbun = "1"', `[tools]\nbun = "1"\n\n[env]\n${line}\n`],
    [
      "goes behind the other variables",
      '[env]\nA = "1" # one\n\n[tools]\nbun = "1"\n',
      `[env]\nA = "1" # one\n${line}\n\n[tools]\nbun = "1"\n`,
    ],
    ["goes into an empty table", '[env] # mine\n[tools]\nbun = "1"\n', `[env] # mine\n${line}\n[tools]\nbun = "1"\n`],
    [
      "replaces the value in its place, and keeps the comment",
      '[env]\n  AWS_USER_ARN = "old" # of 2024\nB = "2"\n',
      `[env]\n  ${line} # of 2024\nB = "2"\n`,
    ],
    ["knows a quoted name", "[ env ]\n'AWS_USER_ARN'='x'\n", `[ env ]\n${line}\n`],
    ["replaces a table as its value", '[env]\nAWS_USER_ARN = { value = "x", redact = true }\n', `[env]\n${line}\n`],
    ["replaces a value of several lines", '[env]\nAWS_USER_ARN = """\nx\n"""\nB = "2"\n', `[env]\n${line}\nB = "2"\n`],
    ["knows dotted names", 'env.AWS_USER_ARN = "x"\nenv.B = "2"\n', `env.${line}\nenv.B = "2"\n`],
    ["follows dotted names", 'env.B = "2"\n[tools]\n', `env.B = "2"\nenv.${line}\n[tools]\n`],
    [
      "leaves the comment of the next table to it",
      '[env]\nA = "1"\n\n# b\n[b]\n',
      `[env]\nA = "1"\n${line}\n\n# b\n[b]\n`,
    ],
    ["keeps letters of two units", '[env]\nA = "🎉" # 🎉\n# ž\n', `[env]\nA = "🎉" # 🎉\n${line}\n# ž\n`],
    [
      "keeps numbers and dates as written",
      "a = 0x1F\nb = 1_000\nc = 1979-05-27\n[env]\n",
      `a = 0x1F\nb = 1_000\nc = 1979-05-27\n[env]\n${line}\n`,
    ],
    ["keeps a byte order mark", '\uFEFF[env]\nA = "1"\n', `\uFEFF[env]\nA = "1"\n${line}\n`],
    ["keeps line ends of Windows", '[env]\r\nA = "1"\r\n', `[env]\r\nA = "1"\r\n${line}\r\n`],
    [
      "is not misled by what looks like its table inside of a text",
      'a = """\n[env]\nAWS_USER_ARN = "no"\n"""\nb = \'\'\'\n[env]\n\'\'\'\n[env]\nA = "1"\n',
      `a = """\n[env]\nAWS_USER_ARN = "no"\n"""\nb = '''\n[env]\n'''\n[env]\nA = "1"\n${line}\n`,
    ],
    [
      "is not misled by the same name in another table",
      '[env]\nA = [ # list\n  "[x", # ]\n  "b",\n]\n[tasks.x.env]\nAWS_USER_ARN = "other"\n',
      `[env]\nA = [ # list\n  "[x", # ]\n  "b",\n]\n${line}\n[tasks.x.env]\nAWS_USER_ARN = "other"\n`,
    ],
  ])("%s", (_what, before, after) => {
    expect(set(before)).toBe(after);
    expect(set(after)).toBe(after);
  });

  test.each([
    ["a file that is no TOML", "[env\n", "mise.local.toml: it can't be read as TOML"],
    ["an inline table", 'env = { A = "1" }\n', "mise.local.toml: AWS_USER_ARN can't be set without touching more"],
    ["a list of tables", '[[env]]\nA = "1"\n', "mise.local.toml: AWS_USER_ARN can't be set without touching more"],
  ])("is refused for %s, with the line to write", async (_what, text, message) => {
    const error = await failureOf(() => set(text));
    expect([error.code, error.message]).toEqual(["MiseLocalInvalid", message]);
    expect(error.hint).toBe(`write into [env] of mise.local.toml by hand: ${line}`);
  });

  test("leaves everything else as it was, whatever that is", () => {
    const key = fc.constantFrom("A", "'b c'", '"d\\"e"', "AWS_USER_ARN", "x.y", "AWS_USER_ARN_2");
    const value = fc.constantFrom('"t # [env]"', "'lit\"'", '"""\n[env]\n\\""""', "[1, [2], '#']", "{ a = 1 }", "true");
    const pair = fc.tuple(key, value).map(([name, text]) => `${name} = ${text}`);
    const pairs = fc.uniqueArray(pair, { selector: (text) => text.split(" ")[0], maxLength: 4 });
    const table = fc.tuple(fc.constantFrom("env", "tools", "a.env", "'env '"), pairs);
    const file = fc.uniqueArray(table, { selector: ([name]) => name, maxLength: 4 });
    fc.assert(
      fc.property(file, (tables) => {
        const text = tables.map(([name, lines]) => `# of ${name}\n[${name}]\n${lines.join("\n")}\n`).join("\n");
        const before = Bun.TOML.parse(text) as { readonly env?: object };
        expect(Bun.TOML.parse(set(text))).toEqual({ ...before, env: { ...before.env, AWS_USER_ARN: arn } });
        const kept = set(text).split("\n");
        for (const comment of text.split("\n").filter((one) => one.startsWith("# of"))) expect(kept).toContain(comment);
      }),
    );
  });
});

describe("the file", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "mise-"));
  });
  afterEach(async () => await rm(folder, { recursive: true, force: true }));
  const write = async (path: string) => await writeMiseVariable(path, "AWS_USER_ARN", arn);

  test("is made for its owner alone, and not written again when it is right", async () => {
    const path = join(folder, "mise.local.toml");
    expect(await write(path)).toBe(true);
    const { mode, mtimeMs } = await stat(path);
    expect([mode & 0o777, await Bun.file(path).text()]).toEqual([0o600, `[env]\n${line}\n`]);
    expect(await write(path)).toBe(false);
    expect((await stat(path)).mtimeMs).toBe(mtimeMs);
  });

  test("keeps its mode, and a link to it stays a link", async () => {
    const path = join(folder, "real.toml");
    const link = join(folder, "mise.local.toml");
    await Bun.write(path, '[env]\nA = "1"\n');
    await chmod(path, 0o644);
    await symlink("real.toml", link);
    expect(await write(link)).toBe(true);
    expect([await readlink(link), (await stat(path)).mode & 0o777]).toEqual(["real.toml", 0o644]);
    expect(await Bun.file(path).text()).toBe(`[env]\nA = "1"\n${line}\n`);
  });
});
