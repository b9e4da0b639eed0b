import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvironment } from "#lib/environment.ts";
import { reportError } from "#lib/error-report.ts";
import { projectRoot } from "#lib/paths.ts";
import { callSandbox } from "#lib/sandbox.ts";
import { whyNoMounts, withoutModes } from "#tests/support/disks.ts";
import { failureOf } from "#tests/support/failure.ts";

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("a folder where a file belongs is named", () => {
  const { code, message, hint } = reportError(thrownBy(() => readFileSync(tmpdir())));
  expect([code, message]).toEqual(["DiskFailed", expect.stringMatching(/^EISDIR: /)]);
  expect(hint).toContain("move it away");
});

test("a full disk is named", () => {
  const { code, message, hint } = reportError(thrownBy(() => writeFileSync("/dev/full", "x", { flag: "r+" })));
  expect([code, message]).toEqual(["DiskFailed", expect.stringMatching(/^ENOSPC: /)]);
  expect(hint).toContain("CLUSTERS_DIRECTORY");
});

test("a database that cannot be written is named", () => {
  const folder = mkdtempSync(join(tmpdir(), "disk-"));
  const path = join(folder, "locks");
  new Database(path, { create: true }).close();
  const database = new Database(path, { readonly: true });
  const { code, message } = reportError(thrownBy(() => database.run("CREATE TABLE one (id)")));
  database.close();
  rmSync(folder, { recursive: true });
  expect([code, message]).toEqual(["DiskFailed", expect.stringMatching(/^SQLITE_READONLY: /)]);
});

test.each([
  ["EACCES", "set CLUSTERS_DIRECTORY"],
  ["EPERM", "set CLUSTERS_DIRECTORY"],
  ["EROFS", "set CLUSTERS_DIRECTORY"],
  ["EDQUOT", "free some space"],
  ["SQLITE_CANTOPEN", "set CLUSTERS_DIRECTORY"],
  ["SQLITE_CANTOPEN_ISDIR", "set CLUSTERS_DIRECTORY"],
  ["SQLITE_IOERR_WRITE", "set CLUSTERS_DIRECTORY"],
  ["SQLITE_READONLY_DBMOVED", "set CLUSTERS_DIRECTORY"],
  ["SQLITE_FULL", "free some space"],
])("%s is a fault of the disk", (code, hint) => {
  const report = reportError(Object.assign(new Error("x, open '/a'"), { code, syscall: "open", path: "/a" }));
  expect(report).toEqual({ code: "DiskFailed", message: `${code}: x, open '/a'`, hint: expect.stringContaining(hint) });
});

test.each(["connect", "listen", "spawn"])("a refused %s is none", (syscall) => {
  expect(reportError(Object.assign(new Error("no"), { code: "EACCES", syscall })).code).toBe("Unexpected");
});

test.skipIf(whyNoMounts() !== undefined || Bun.which("bindfs") === null)(
  "a file system without modes is refused before anything is made",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "disk-"));
    const fleet = join(projectRoot, "tests/fixtures/fleets/valid/two-local.ts");
    const task = ["run", join(projectRoot, "tasks/create-all.ts"), "--sandbox", "--no-gitops", "--fleet", fleet];
    const { exitCode, stderr } = Bun.spawnSync([...withoutModes(folder), process.execPath, ...task], {
      env: { ...Bun.env, CLUSTERS_DIRECTORY: folder },
      cwd: projectRoot,
    });
    rmSync(folder, { recursive: true });
    expect(stderr.toString()).toMatch(/does not keep file modes.*\nhint: set CLUSTERS_DIRECTORY/);
    expect(exitCode).toBe(1);
  },
  120_000,
);

test("a sandbox whose folder cannot be made says why in its first words", async () => {
  const folder = mkdtempSync(join(tmpdir(), "disk-"));
  writeFileSync(join(folder, "file"), "");
  const failure = await failureOf(callSandbox("up", readEnvironment(), join(folder, "file/.sandbox")));
  rmSync(folder, { recursive: true });
  expect([failure.code, failure.message]).toEqual(["DiskFailed", expect.stringMatching(/^ENOTDIR: /)]);
  expect(failure.hint).toContain("move it away");
}, 30_000);
