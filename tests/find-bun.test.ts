import { expect, test } from "bun:test";
import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { findBun } from "#lib/find-bun.ts";
import { projectRoot } from "#lib/paths.ts";
import { fakeExec } from "#tests/support/fake-exec.ts";

/** A PATH of folders that each have a bun. The checkout may be in a temporary folder itself: here another one counts. */
async function withPath(folders: readonly string[], work: (path: readonly string[]) => Promise<void>): Promise<void> {
  const root = join(projectRoot, `tests/.bun-${Bun.randomUUIDv7()}`);
  try {
    const path = folders.map((folder) => join(root, folder));
    for (const folder of path) {
      await mkdir(folder, { recursive: true });
      await Bun.write(join(folder, "bun"), "#!/bin/sh\n");
      await chmod(join(folder, "bun"), 0o755);
    }
    await work(path);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Programs that tell their version by their folder. */
const exec = fakeExec((program) => ({
  stdout: `${program.includes("/old/") ? "1.0.0" : Bun.version}\n`,
  stderr: "",
  exitCode: 0,
}));
const find = (path: readonly string[], running: string): Promise<string> =>
  findBun({ exec, variables: { PATH: path.join(":") } }, running, "/var/passing");

test("the running Bun is named where it stays", () =>
  withPath(["bin"], async (path) => {
    expect(await find(path, "/usr/local/bin/bun")).toBe("/usr/local/bin/bun");
  }));

test.each([
  "/home/u/.npm/_npx/1a2b/node_modules/bun/bin/bun.exe",
  "/tmp/bunx-1000-bun@latest/node_modules/bun/bin/bun.exe",
  "/home/u/.cache/pnpm/dlx-123/node_modules/bun/bin/bun.exe",
  "/var/passing/bun",
])("for %s, the one of the same version in PATH is named", (running) =>
  withPath(["a/_npx/x/.bin", "old/bin", "bin"], async (path) => {
    expect(await find(["", "relative", ...path], running)).toBe(join(path[2] ?? "", "bun"));
  }),
);

test("the running one is named where there is no other", () =>
  withPath(["old/bin"], async (path) => {
    expect(await find(path, "/home/u/.npm/_npx/1/bun")).toBe("/home/u/.npm/_npx/1/bun");
  }));
