import { Database } from "bun:sqlite";
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Clock } from "#lib/clock.ts";
import { asFleetError, FleetError } from "#lib/errors.ts";
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
  /** Other checkouts on this computer see it as well. @default false */
  readonly onMachine?: boolean;
  /** How long a fault of the database may last, in milliseconds. @default 10,000 */
  readonly faultyMs?: number;
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
/** A file that goes between two steps is a fault that passes; what stays is another: a full disk, a file that can't be read. */
const faultyForMs = 10_000;

export function createLocks(folder: string, clock: Clock, command: string): Locks {
  const pointer = join(folder, "leases");
  /** Where damaged files went, until a waiting command has said so. */
  const setAside: string[] = [];
  const self = { pid: process.pid, started: startOf(process.pid), host: identifyHost() };

  /**
   * One transaction on the file that `leases` points to. Each file has a name of its own, never used again: a file that
   * went must share no journal with the one that came after it.
   */
  function transact<T>(work: (database: Database) => T): T | "busy" {
    const name = readPointer(pointer) ?? makePointer(pointer);
    if (name === undefined) return "busy";
    const file = join(folder, name);
    // SQLite would make it readable by everybody; its journal gets the same mode.
    closeSync(openSync(file, "a", 0o600));
    const database = new Database(file, { readwrite: true });
    try {
      database.run("PRAGMA busy_timeout = 2000");
      database.run("BEGIN IMMEDIATE");
      // The pointer is removed under this lock only: it stays while we are at work.
      if (readPointer(pointer) !== name) {
        removeStrays();
        return "busy";
      }
      database.run(
        "CREATE TABLE IF NOT EXISTS lease (name TEXT PRIMARY KEY, token TEXT, pid INTEGER, started TEXT, host TEXT, command TEXT, renewed INTEGER)",
      );
      const result = work(database);
      database.run("COMMIT");
      return result;
    } catch (error) {
      if (isSqliteError(error, "SQLITE_BUSY")) return "busy";
      if (isSqliteError(error, "SQLITE_NOTADB") || isSqliteError(error, "SQLITE_CORRUPT")) moveDamaged(name);
      throw error;
    } finally {
      database.close();
    }
  }

  /** One process alone can make the folder of a name, and names are never used again: no pointer to another file is removed. */
  function moveDamaged(name: string): void {
    const aside = join(folder, `damaged-${name}`);
    try {
      mkdirSync(aside, { mode: 0o700 });
    } catch (error) {
      if (isErrno(error, "EEXIST")) return;
      throw error;
    }
    if (readPointer(pointer) === name) rmSync(pointer, { force: true });
    const files = readdirSync(folder).filter((file) => file.startsWith(name));
    for (const file of files) renameSync(join(folder, file), join(aside, file));
    setAside.push(aside);
  }

  /** The folder, with nothing else where it or its pointer belongs. */
  function prepareFolder(): void {
    moveFile(folder, `${folder}-damaged-${crypto.randomUUID()}`);
    makeFolder(folder);
    moveFile(pointer, join(folder, `damaged-leases-${crypto.randomUUID()}`));
  }

  /** By a link and its removal, which fail on the folder that another process may have made there meanwhile. */
  function moveFile(path: string, aside: string): void {
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return;
    try {
      linkSync(path, aside);
      unlinkSync(path);
      setAside.push(aside);
    } catch (error) {
      if (!isErrno(error, "ENOENT", "EPERM", "EISDIR")) throw error;
    }
  }

  /** Files that nothing points to: the pointer is made before its file, so that they are dead for good. */
  function removeStrays(): void {
    const files = readdirSync(folder).filter((file) => file.startsWith("leases-"));
    const current = readPointer(pointer);
    const dead = files.filter((file) => current === undefined || !file.startsWith(current));
    for (const file of dead) rmSync(join(folder, file), { force: true });
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

  /** Never fails: the work is done, and a lease that stays ends with this process. */
  async function giveBack(name: string, token: string): Promise<void> {
    for (let attempt = 0; attempt < 50; attempt++) {
      try {
        const given = transact((database) =>
          database.run("DELETE FROM lease WHERE name = ? AND token = ?", [name, token]),
        );
        if (given !== "busy") {
          removeUnused();
          return;
        }
      } catch (error) {
        if (!isSqliteError(error, "SQLITE_") && !isErrno(error, "ENOENT")) throw error;
        // Removed by hand, with all leases in it.
        if (!existsSync(folder)) return;
      }
      await clock.sleep(20);
    }
  }

  function removeUnused(): void {
    transact((database) => {
      const left = database.query<{ count: number }, []>("SELECT count(*) AS count FROM lease").get()?.count;
      if (left === 0) rmSync(pointer, { force: true });
    });
    if (readPointer(pointer) === undefined) removeStrays();
  }

  function renew(token: string): void {
    try {
      transact((database) => database.run("UPDATE lease SET renewed = ? WHERE token = ?", [clock.now(), token]));
    } catch (error) {
      // The next renewal comes long before the lease expires.
      if (!isSqliteError(error, "SQLITE_")) throw error;
    }
  }

  return {
    async hold(name, waiting, work) {
      prepareFolder();
      const token = crypto.randomUUID();
      const deadline = clock.now() + waiting.timeoutMs;
      let workedAt = clock.now();
      for (;;) {
        waiting.signal.throwIfAborted();
        const holder = tryTake();
        for (const path of setAside.splice(0)) waiting.progress(`damaged locks were moved to ${path}`);
        if (holder === "taken") break;
        if (holder !== "busy") {
          // Between two resources of one run it takes moments, and there is no other command to look at.
          if (holder.pid !== self.pid || holder.host !== self.host)
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
      const renewal = setInterval(() => renew(token), renewEveryMs);
      renewal.unref();
      try {
        return await work();
      } finally {
        clearInterval(renewal);
        await giveBack(name, token);
        await removeEmptyFolder(folder);
      }

      function tryTake(): Lease | "taken" | "busy" {
        try {
          const holder = take(name, token);
          workedAt = clock.now();
          return holder;
        } catch (error) {
          // The folder, or the file in it, went with the last lease of another process.
          const isGone = isErrno(error, "ENOENT");
          const patienceMs = isGone ? faultyForMs : (waiting.faultyMs ?? faultyForMs);
          const passing = isGone || isSqliteError(error, "SQLITE_");
          if (!passing || clock.now() - workedAt > patienceMs) throw explain(error, folder);
          prepareFolder();
          return "busy";
        }
      }
    },
  };
}

/** Process ids mean something only within one of these: a container may share its host's name and files. */
export function identifyHost(): string {
  try {
    return `${hostname()} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    // Between its two looks at an existing folder, another process removed and made it.
    if (!isErrno(error, "EEXIST", "ENOENT")) throw error;
  }
}

/** SQLite does not say of which file it speaks. */
function explain(error: unknown, folder: string): unknown {
  const fault = asFleetError(error);
  if (fault.code !== "DiskFailed" || !isSqliteError(error, "SQLITE_")) return error;
  return new FleetError("DiskFailed", `${fault.message} (database in ${folder})`, { hint: fault.hint, cause: error });
}

function isSqliteError(error: unknown, prefix: string): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith(prefix);
}

/** What the pointer points to: the name of a file in the same folder. */
function readPointer(pointer: string): string | undefined {
  try {
    return readlinkSync(pointer);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Undefined when another process was faster. */
function makePointer(pointer: string): string | undefined {
  const name = `leases-${crypto.randomUUID()}.sqlite`;
  try {
    symlinkSync(name, pointer);
    return name;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return undefined;
    throw error;
  }
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
