import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "#lib/clock.ts";
import { createLocks, identifyHost, type Waiting } from "#lib/locks.ts";
import { failureOf } from "#tests/support/failure.ts";
import { runScript, startFixture, withFolder } from "#tests/support/processes.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

function waiting(options: Partial<Waiting> = {}): Waiting {
  return { timeoutMs: 60_000, signal: new AbortController().signal, progress: () => undefined, ...options };
}

/** A lease of somebody else, written by hand. */
function writeLease(
  folder: string,
  lease: { readonly pid: number; readonly host?: string; readonly renewed?: number; readonly started?: string },
): void {
  mkdirSync(folder, { recursive: true });
  symlinkSync("leases-by-hand.sqlite", join(folder, "leases"));
  const database = new Database(join(folder, "leases-by-hand.sqlite"), { create: true });
  database.run(
    "CREATE TABLE lease (name TEXT PRIMARY KEY, token TEXT, pid INTEGER, started TEXT, host TEXT, command TEXT, renewed INTEGER)",
  );
  const { pid, host = identifyHost(), renewed = 0, started = "" } = lease;
  database.run("INSERT INTO lease VALUES ('one', 'token', ?, ?, ?, 'create-all', ?)", [pid, started, host, renewed]);
  database.close();
}

/** The kernel's start time of a process, where there is a /proc. */
function startOf(pid: number): string {
  if (!existsSync(`/proc/${pid}/stat`)) return "";
  return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[19] ?? "";
}

async function withLocks(work: (folder: string) => Promise<void>): Promise<void> {
  await withFolder((folder) => work(join(folder, "locks")));
}

describe("a lease", () => {
  test("gives back what the work gives", () =>
    withLocks(async (folder) => {
      const locks = createLocks(folder, virtualClock(), "test");
      expect(await locks.hold("one", waiting(), () => Promise.resolve(42))).toBe(42);
    }));

  test("makes the second holder wait, without a word when both are this process", () =>
    withLocks(async (folder) => {
      const clock = virtualClock();
      const order: string[] = [];
      const said = new Set<string>();
      const progress = (message: string): void => void said.add(message);
      let second: Promise<unknown> = Promise.resolve();
      await createLocks(folder, clock, "create-all").hold("one", waiting(), async () => {
        order.push("first begins");
        second = createLocks(folder, clock, "delete-all").hold("one", waiting({ progress }), () =>
          Promise.resolve(void order.push("second")),
        );
        await clock.sleep(5_000);
        order.push("first ends");
      });
      await second;
      expect(order).toEqual(["first begins", "first ends", "second"]);
      expect([...said]).toEqual([]);
    }));

  test.each([
    { asked: {}, ms: 200 },
    { asked: { pollMs: 20 }, ms: 20 },
  ])("is tried again every $ms ms", ({ asked, ms }) =>
    withLocks(async (folder) => {
      const clock = virtualClock();
      const pauses = new Set<number>();
      const counting = {
        ...clock,
        async sleep(pause: number, signal?: AbortSignal) {
          pauses.add(pause);
          await clock.sleep(pause, signal);
        },
      };
      let second: Promise<unknown> = Promise.resolve();
      await createLocks(folder, clock, "test").hold("one", waiting(), async () => {
        second = createLocks(folder, counting, "test").hold("one", waiting(asked), () => Promise.resolve());
        await clock.sleep(1_000);
      });
      await second;
      expect([...pauses]).toEqual([ms]);
    }),
  );

  test("of one name does not hold up another", () =>
    withLocks(async (folder) => {
      const clock = virtualClock();
      const locks = createLocks(folder, clock, "test");
      await locks.hold("one", waiting(), () => locks.hold("two", waiting({ timeoutMs: 0 }), () => Promise.resolve()));
      expect(clock.elapsed()).toBe(0);
    }));

  test("is given back when the work fails, and leaves no file and no folder", () =>
    withLocks(async (folder) => {
      const locks = createLocks(folder, virtualClock(), "test");
      const work = locks.hold("one", waiting(), () => {
        expect(existsSync(folder)).toBe(true);
        return Promise.reject(new Error("no"));
      });
      await expect(work).rejects.toThrow("no");
      expect(existsSync(folder)).toBe(false);
    }));

  test("leaves the file to those who still hold one", () =>
    withLocks(async (folder) => {
      const locks = createLocks(folder, virtualClock(), "test");
      await locks.hold("one", waiting(), async () => {
        await locks.hold("two", waiting(), () => Promise.resolve());
        expect(existsSync(join(folder, "leases"))).toBe(true);
      });
      expect(existsSync(folder)).toBe(false);
    }));

  test("that never comes free ends in an error that names the process", () =>
    withLocks(async (folder) => {
      const clock = virtualClock();
      const locks = createLocks(folder, clock, "create-all");
      await locks.hold("one", waiting(), async () => {
        const error = await failureOf(locks.hold("one", waiting({ timeoutMs: 3_000 }), () => Promise.resolve()));
        expect(error.code).toBe("LockTimedOut");
        expect(error.message).toContain(`process ${process.pid}, create-all`);
        expect(error.hint).toContain(`end process ${process.pid}`);
        expect(clock.elapsed()).toBe(3_000);
      });
    }));

  test("is no longer waited for after an abort", () =>
    withLocks(async (folder) => {
      const clock = virtualClock();
      const locks = createLocks(folder, clock, "test");
      const controller = new AbortController();
      const reason = new Error("stop");
      await locks.hold("one", waiting(), async () => {
        const second = locks.hold("one", waiting({ signal: controller.signal }), () => Promise.resolve());
        void clock.sleep(1_000).then(() => controller.abort(reason));
        await expect(second).rejects.toBe(reason);
      });
      await expect(locks.hold("one", waiting({ signal: controller.signal }), () => Promise.resolve())).rejects.toBe(
        reason,
      );
    }));

  test("outlives that its folder is removed by hand", () =>
    withLocks(async (folder) => {
      const locks = createLocks(folder, virtualClock(), "test");
      const result = await locks.hold("one", waiting(), () => {
        rmSync(folder, { recursive: true });
        return Promise.resolve("done");
      });
      expect(result).toBe("done");
      expect(existsSync(folder)).toBe(false);
    }));
});

describe("a lease that somebody left", () => {
  const take = async (folder: string, timeoutMs: number, progress = waiting().progress): Promise<number> => {
    const clock = virtualClock();
    await createLocks(folder, clock, "test").hold("one", waiting({ timeoutMs, progress }), () => Promise.resolve());
    return clock.elapsed();
  };

  test("is taken over when its process is dead", () =>
    withLocks(async (folder) => {
      const dead = Bun.spawnSync(["true"]).pid;
      writeLease(folder, { pid: dead });
      expect(await take(folder, 0)).toBe(0);
    }));

  test("is taken over when its process id belongs to another process now", () =>
    withLocks(async (folder) => {
      writeLease(folder, { pid: process.pid, started: "1" });
      expect(await take(folder, 0)).toBe(0);
    }));

  test("is not taken over while its process lives", () =>
    withLocks(async (folder) => {
      const pid = process.ppid;
      writeLease(folder, { pid, started: startOf(pid) });
      const said = new Set<string>();
      const progress = (message: string): void => void said.add(message);
      expect((await failureOf(take(folder, 600_000, progress))).code).toBe("LockTimedOut");
      expect([...said]).toEqual([`waiting for another command that works on it (process ${pid}: create-all)`]);
    }));

  test("on another host is taken over only when it was not renewed for a minute", () =>
    withLocks(async (folder) => {
      writeLease(folder, { pid: 1, host: "elsewhere", renewed: 0 });
      expect((await failureOf(take(folder, 50_000))).code).toBe("LockTimedOut");
      expect(await take(folder, 90_000)).toBe(60_000);
    }));

  test("is freed by a kill -9", () =>
    withLocks(async (folder) => {
      const { child, line } = startFixture("lock-hold", [folder, "one"]);
      expect(await line()).toBe("held");
      const locks = createLocks(folder, systemClock, "test");
      const early = locks.hold("one", waiting({ timeoutMs: 0 }), () => Promise.resolve());
      expect((await failureOf(early)).message).toContain(`process ${child.pid}, hold it`);
      child.kill("SIGKILL");
      await child.exited;
      await locks.hold("one", waiting({ timeoutMs: 0 }), () => Promise.resolve());
      expect(existsSync(folder)).toBe(false);
    }));

  test("was the last one, in a file that was not yet removed when its user was killed", () =>
    withLocks(async (folder) => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "leases-dead.sqlite"), "");
      writeFileSync(join(folder, "leases-dead.sqlite-journal"), "");
      expect(await take(folder, 0)).toBe(0);
      expect(existsSync(folder)).toBe(false);
    }));

  test("was never written, because its process was killed before it made the file", () =>
    withLocks(async (folder) => {
      mkdirSync(folder, { recursive: true });
      symlinkSync("leases-unmade.sqlite", join(folder, "leases"));
      expect(await take(folder, 0)).toBe(0);
      expect(existsSync(folder)).toBe(false);
    }));

  test("is waited for while others remove the folder with their last lease, however short a fault may last", () =>
    withLocks(async (folder) => {
      writeLease(folder, { pid: process.pid, started: startOf(process.pid) });
      const clock = virtualClock();
      const busy = {
        ...clock,
        async sleep(ms: number, signal?: AbortSignal) {
          await clock.sleep(ms, signal);
          if (clock.now() < 3_000) rmSync(folder, { recursive: true, force: true });
        },
      };
      const held = createLocks(folder, busy, "test").hold("one", waiting({ faultyMs: 1_000 }), () =>
        Promise.resolve("held"),
      );
      expect(await held).toBe("held");
    }));

  test("in a damaged database is set aside with it, said, and leaves the folder usable", () =>
    withLocks(async (folder) => {
      mkdirSync(folder, { recursive: true });
      symlinkSync("leases-text.sqlite", join(folder, "leases"));
      writeFileSync(join(folder, "leases-text.sqlite"), "this is no database".repeat(100));
      const aside = join(folder, "damaged-leases-text.sqlite");
      const said: string[] = [];
      expect(await take(folder, 600_000, (message) => void said.push(message))).toBeLessThan(1_000);
      expect(said).toEqual([`damaged locks were moved to ${aside}`]);
      expect(readFileSync(join(aside, "leases-text.sqlite"), "utf8")).toStartWith("this is no database");
      expect(readdirSync(folder)).toEqual(["damaged-leases-text.sqlite"]);
    }));

  test("in a database that can't be written says which, and what to set", () =>
    withLocks(async (folder) => {
      mkdirSync(folder, { recursive: true });
      symlinkSync("../../../../../../../../dev/full", join(folder, "leases"));
      const locks = createLocks(folder, virtualClock(), "create-all");
      const error = await failureOf(locks.hold("one", waiting(), () => Promise.resolve()));
      expect([error.code, error.message]).toEqual([
        "DiskFailed",
        expect.stringMatching(new RegExp(`^SQLITE_\\w+: .* \\(database in ${folder}\\)$`)),
      ]);
      expect(error.hint).toContain("CLUSTERS_DIRECTORY");
    }));

  test("in a database whose pages are damaged is set aside too", () =>
    withLocks(async (folder) => {
      writeLease(folder, { pid: process.ppid, started: startOf(process.ppid) });
      const file = join(folder, "leases-by-hand.sqlite");
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.fill(0xff, 100));
      expect(await take(folder, 600_000)).toBeLessThan(1_000);
      expect(readdirSync(folder)).toEqual(["damaged-leases-by-hand.sqlite"]);
    }));

  test.each(["", "leases"])('is nowhere when a file has the place of the folder\'s "%s"; the file is kept', (name) =>
    withFolder(async (parent) => {
      const folder = join(parent, "locks");
      if (name !== "") mkdirSync(folder);
      writeFileSync(join(folder, name), "a file");
      const said: string[] = [];
      await take(folder, 0, (message) => void said.push(message));
      expect(said).toEqual([expect.stringMatching(/^damaged locks were moved to .*damaged-/)]);
      expect(readFileSync(said[0]?.split(" to ")[1] ?? "", "utf8")).toBe("a file");
    }),
  );
});

test(
  "two processes never hold one lease at once, however often its file goes and comes",
  () =>
    withFolder(async (folder) => {
      const journal = join(folder, "journal");
      const args = [join(folder, "locks"), journal, "50"];
      const script = "tests/fixtures/processes/lock-rounds.ts";
      const runs = await Promise.all([runScript(script, args), runScript(script, args)]);
      expect(runs.map(({ exitCode, stderr }) => ({ exitCode, stderr }))).toEqual([
        { exitCode: 0, stderr: "" },
        { exitCode: 0, stderr: "" },
      ]);
      const lines = readFileSync(journal, "utf8").trim().split("\n");
      expect(lines.length).toBe(200);
      for (let index = 0; index < lines.length; index += 2) {
        expect(lines[index + 1]).toBe(lines[index]?.replace("begin", "end") ?? "");
      }
      expect(new Set(lines).size).toBe(4);
      expect(existsSync(join(folder, "locks"))).toBe(false);
    }),
  30_000,
);
