import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "#lib/clock.ts";
import { createLocks, type Waiting } from "#lib/locks.ts";
import { withMachineLocks } from "#lib/machine-locks.ts";
import { withFolder } from "#tests/support/processes.ts";

/** The locks of two checkouts, and what they did in order. */
async function withTwo(
  work: (hold: (checkout: string, onMachine: boolean) => Promise<void>, log: string[], folder: string) => Promise<void>,
  prepare: (folder: string) => void = () => undefined,
): Promise<void> {
  await withFolder(async (folder) => {
    const log: string[] = [];
    const shared = join(folder, "shared");
    prepare(shared);
    const hold = async (checkout: string, onMachine: boolean): Promise<void> => {
      const own = createLocks(join(folder, checkout), systemClock, "create-all");
      const waiting: Waiting = {
        timeoutMs: 60_000,
        signal: new AbortController().signal,
        progress: () => undefined,
        onMachine,
      };
      await withMachineLocks(own, systemClock, `create-all of ${checkout}`, shared).hold("one", waiting, async () => {
        log.push(`${checkout} begins`);
        await Bun.sleep(300);
        log.push(`${checkout} ends`);
      });
    };
    await work(hold, log, shared);
  });
}
const oneByOne = [
  ["a begins", "a ends", "b begins", "b ends"],
  ["b begins", "b ends", "a begins", "a ends"],
];

describe("two checkouts", () => {
  test("work one after the other on what the machine has once, and leave nothing", () =>
    withTwo(async (hold, log, folder) => {
      await Promise.all([hold("a", true), hold("b", true)]);
      expect(oneByOne).toContainEqual(log);
      expect(existsSync(folder)).toBe(false);
    }));

  test("do not wait for each other with what is their own", () =>
    withTwo(async (hold, log) => {
      await Promise.all([hold("a", false), hold("b", false)]);
      expect(log.slice(0, 2).sort()).toEqual(["a begins", "b begins"]);
    }));

  test.each<[string, (folder: string) => void]>([
    ["is a link", (folder) => symlinkSync("/tmp", folder)],
    [
      "can be written by others",
      (folder) => {
        mkdirSync(folder);
        chmodSync(folder, 0o777);
      },
    ],
  ])("do without a shared folder that %s", (_what, prepare) =>
    withTwo(async (hold, log) => {
      await Promise.all([hold("a", true), hold("b", true)]);
      expect(log.slice(0, 2).sort()).toEqual(["a begins", "b begins"]);
    }, prepare),
  );
});
