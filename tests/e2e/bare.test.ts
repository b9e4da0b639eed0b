import { expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";

/** What every system has beside a shell; neither bash nor git is among it. */
const programs = ["sh", "cat", "sleep"] as const;

test("the sandbox needs nothing but a plain shell", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bare-"));
  const path = join(folder, "bin");
  await mkdir(path);
  for (const name of programs) await symlink(Bun.which(name) ?? "", join(path, name));
  const run = async (task: string, ...args: readonly string[]) => {
    const child = Bun.spawn([process.execPath, "run", join(projectRoot, `tasks/${task}.ts`), ...args], {
      env: { HOME: folder, PATH: path, CI: "true", CLUSTERS_DIRECTORY: folder },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { stdout, stderr, exitCode: await child.exited };
  };
  const fleet = ["--sandbox", "--fleet", join(projectRoot, "tests/fixtures/fleets/valid/two-local-gitops.ts")];
  try {
    const made = await run("create-all", ...fleet);
    expect(made.stdout).toContain("2 ready");
    expect({ stderr: made.stderr, exitCode: made.exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect((await run("delete-all", "--yes", ...fleet)).exitCode).toBe(0);
  } finally {
    await run("sandbox/reset");
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);
