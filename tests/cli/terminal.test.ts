import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { runScript, withFolder } from "#tests/support/processes.ts";

setDefaultTimeout(60_000);

const token = `ghp_${"a1B2".repeat(9)}`;
const password = "correct horse battery";
/** What a program, a file or a server may say: a secret, control of the terminal, commands to GitHub, and a line like ours. */
const evil = [
  `cloning https://me:s3cret@git.test/a with ${token}`,
  `password "${password}"`,
  "::add-mask::x",
  "##[set-env name=PATH]/tmp",
  "\u001b]0;title\u0007\u001b[2Jcleared",
].join("\n");

function expectClean(text: string): void {
  for (const secret of [token, "s3cret", password]) expect(text).not.toContain(secret);
  expect(text).not.toMatch(/^\s*::/m);
  expect(text).not.toContain("##[");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
}

describe("an error before a run is printed without secrets and commands", () => {
  test.each([[[]], [["--json"]], [["--verbose"]]])("of a program, with %j", async (options) => {
    await withFolder(async (folder) => {
      await writeFile(join(folder, "said"), evil);
      await writeFile(join(folder, "docker"), `#!/bin/sh\ncat '${folder}/said' >&2\nexit 1\n`);
      await chmod(join(folder, "docker"), 0o755);
      const env = { PATH: `${folder}:${Bun.env.PATH ?? ""}`, CLUSTERS_DIRECTORY: folder, GITOPS_PASSWORD: password };
      const ended = await runScript("tasks/create-all.ts", ["--no-gitops", ...options], env);
      expect(ended.exitCode).not.toBe(0);
      expect(ended.stderr).toContain("cleared");
      expectClean(ended.stderr);
      expectClean(ended.stdout);
    });
  });

  test.each([[[]], [["--json"]]])("of a fleet file, with %j", async (options) => {
    await withFolder(async (folder) => {
      const file = join(folder, "fleet.json");
      await writeFile(file, JSON.stringify({ domain: evil, zones: [], accounts: [], clusters: [] }));
      const env = { GITOPS_PASSWORD: password };
      const ended = await runScript("tasks/fleet.ts", ["--fleet", file, ...options], env);
      expect(ended.exitCode).toBe(2);
      expectClean(ended.stderr);
      expectClean(ended.stdout);
    });
  });

  test("of an option", async () => {
    const ended = await runScript("tasks/plan.ts", [`--${evil}`]);
    expect(ended.exitCode).toBe(2);
    expectClean(ended.stderr.replace(`password "${password}"`, ""));
  });
});

describe("a pipe that is closed", () => {
  const close = async (task: string, env: Readonly<Record<string, string>> = {}) => {
    const command = [process.execPath, join(projectRoot, task), "--json"];
    const child = Bun.spawn(command, { env: { ...Bun.env, ...env }, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    await child.stdout.cancel();
    const stderr = await new Response(child.stderr).text();
    return { stderr, exitCode: await child.exited };
  };

  test("is no error", async () => {
    expect(await close("tasks/fleet.ts")).toEqual({ stderr: "", exitCode: 0 });
  });
});
