import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvironment } from "#lib/environment.ts";
import { reportError } from "#lib/errors.ts";
import { callSandbox } from "#lib/sandbox.ts";
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

test("a sandbox whose folder cannot be made says why in its first words", async () => {
  const folder = mkdtempSync(join(tmpdir(), "disk-"));
  writeFileSync(join(folder, "file"), "");
  const failure = await failureOf(callSandbox("up", readEnvironment(), join(folder, "file/.sandbox")));
  rmSync(folder, { recursive: true });
  expect([failure.code, failure.message]).toEqual(["DiskFailed", expect.stringMatching(/^ENOTDIR: /)]);
  expect(failure.hint).toContain("move it away");
}, 30_000);
