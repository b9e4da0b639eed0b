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

test("a sandbox whose folder cannot be made says why in its first words", async () => {
  const folder = mkdtempSync(join(tmpdir(), "disk-"));
  writeFileSync(join(folder, "file"), "");
  const failure = await failureOf(callSandbox("up", readEnvironment(), join(folder, "file/.sandbox")));
  rmSync(folder, { recursive: true });
  expect([failure.code, failure.message]).toEqual(["DiskFailed", expect.stringMatching(/^ENOTDIR: /)]);
  expect(failure.hint).toContain("move it away");
}, 30_000);
