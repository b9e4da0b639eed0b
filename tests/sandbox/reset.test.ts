import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestSandbox } from "#tests/sandbox/harness.ts";

test("a reset waits for a daemon that answers no more and still writes", async () => {
  const sandbox = new TestSandbox();
  mkdirSync(sandbox.state, { recursive: true });
  // As a daemon that is about to end: it holds its lock, and its socket is gone.
  const lock = new Database(join(sandbox.state, "daemon.lock"), { create: true });
  lock.run("BEGIN EXCLUSIVE");
  const reset = sandbox.main("reset");
  expect(await Promise.race([reset.then(() => "over"), Bun.sleep(2000).then(() => "waits")])).toBe("waits");
  mkdirSync(join(sandbox.state, "aws"), { recursive: true });
  writeFileSync(join(sandbox.state, "aws/cloud.db"), "{}");
  lock.close();
  expect((await reset).code).toBe(0);
  expect(existsSync(sandbox.state)).toBe(false);
  sandbox.folder.remove();
}, 60_000);
