import { Database } from "bun:sqlite";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Clock } from "#lib/clock.ts";
import { FleetError } from "#lib/errors.ts";
import { isErrno, removeEmptyFolder } from "#lib/files.ts";

/**
 * Leases on resources, so that two commands at once never work on the same one. They live in one SQLite file: taking,
 * taking over and giving back are transactions, whatever is killed meanwhile. A lease whose process is gone is free.
 */
export interface Locks {
  /** Runs `work` while holding the lease on `name`; waits for another holder first. @throws FleetError LockTimedOut */
  hold<T>(name: string, waiting: Waiting, work: () => Promise<T>): Promise<T>;
}

export interface Waiting {
  /** How long to wait for another holder, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Told who holds it, while waiting. */
  readonly progress: (message: string) => void;
}

interface Lease {
  readonly token: string;
  readonly pid: number;
  readonly started: string;
  readonly host: string;
  readonly command: string;
  readonly renewed: number;
}

/** Of a process on another machine or in another container we see no more than that it renews its lease. */
const renewEveryMs = 10_000;
const expireAfterMs = 60_000;
const pollEveryMs = 200;

export function createLocks(folder: string, clock: Clock, command: string): Locks {
  const path = join(folder, "leases.sqlite");
  const self = { pid: process.pid, started: startOf(process.pid), host: hostname() };

  /** One transaction on a file that is known to be in its place. */
  function transact<T>(work: (database: Database) => T): T | "busy" {
    for (;;) {
      const database = new Database(path, { create: true, readwrite: true });
      try {
        database.run("PRAGMA busy_timeout = 2000");
        database.run("BEGIN IMMEDIATE");
        database.run("CREATE TABLE IF NOT EXISTS retired (at INTEGER)");
        database.run(
          "CREATE TABLE IF NOT EXISTS lease (name TEXT PRIMARY KEY, token TEXT, pid INTEGER, started TEXT, host TEXT, command TEXT, renewed INTEGER)",
        );
        // Another process removed this file between our open and our transaction: begin again with the new one.
        if (database.query("SELECT 1 FROM retired").get() !== null) continue;
        const result = work(database);
        database.run("COMMIT");
        return result;
      } catch (error) {
        if (error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY")) return "busy";
        throw error;
      } finally {
        database.close();
      }
    }
  }

  function take(name: string, token: string): Lease | "taken" | "busy" {
    return transact((database) => {
      const holder = database.query<Lease, [string]>("SELECT * FROM lease WHERE name = ?").get(name);
      if (holder !== null && isAlive(holder, self, clock.now())) return holder;
      database.run("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?, ?)", [
        name,
        token,
        self.pid,
        self.started,
        self.host,
        command,
        clock.now(),
      ]);
      return "taken";
    });
  }

  function giveBack(name: string, token: string): void {
    const left = transact((database) => {
      database.run("DELETE FROM lease WHERE name = ? AND token = ?", [name, token]);
      const rest = database.query<{ count: number }, []>("SELECT count(*) AS count FROM lease").get()?.count ?? 0;
      if (rest === 0) database.run("INSERT INTO retired VALUES (?)", [clock.now()]);
      return rest;
    });
    if (left === 0) for (const suffix of ["", "-journal"]) rmSync(path + suffix, { force: true });
  }

  return {
    async hold(name, waiting, work) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const token = crypto.randomUUID();
      const deadline = clock.now() + waiting.timeoutMs;
      for (;;) {
        waiting.signal.throwIfAborted();
        const holder = tryTake();
        if (holder === "taken") break;
        if (holder !== "busy") {
          waiting.progress(`waiting for another command that works on it (process ${holder.pid}: ${holder.command})`);
          if (clock.now() >= deadline) {
            throw new FleetError(
              "LockTimedOut",
              `another command still works on it: process ${holder.pid}, ${holder.command}`,
              {
                hint: `wait for it to end, or end process ${holder.pid}, then run the same command again`,
              },
            );
          }
        }
        await clock.sleep(pollEveryMs, waiting.signal);
      }
      const renewal = setInterval(
        () =>
          transact((database) => database.run("UPDATE lease SET renewed = ? WHERE token = ?", [clock.now(), token])),
        renewEveryMs,
      );
      renewal.unref();
      try {
        return await work();
      } finally {
        clearInterval(renewal);
        giveBack(name, token);
        await removeEmptyFolder(folder);
      }

      function tryTake(): Lease | "taken" | "busy" {
        try {
          return take(name, token);
        } catch (error) {
          // The folder went with the last lease of another process.
          if (!isErrno(error, "SQLITE_CANTOPEN", "SQLITE_READONLY_DBMOVED", "SQLITE_IOERR_FSTAT", "ENOENT"))
            throw error;
          mkdirSync(folder, { recursive: true, mode: 0o700 });
          return "busy";
        }
      }
    },
  };
}

function isAlive(lease: Lease, self: Pick<Lease, "pid" | "host">, now: number): boolean {
  if (lease.host !== self.host) return now - lease.renewed < expireAfterMs;
  try {
    process.kill(lease.pid, 0);
  } catch (error) {
    if (isErrno(error, "ESRCH")) return false;
  }
  // A process id may be given to another process after a crash or a reboot: its start time tells them apart.
  return startOf(lease.pid) === lease.started;
}

/** Start time of a process in the kernel's own unit; empty where there is no /proc (then the id alone must do). */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Field 22; the second field, the program's name, may hold spaces and brackets.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
