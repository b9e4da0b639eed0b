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
 * Leases on resources, so that concurrent commands never work on the same one. They are rows of one SQLite file: acquire,
 * takeover and release are transactions, and survive a kill at any point. The lease of a dead process is free.
 */
export interface Locks {
  /** Runs `work` while holding the lease on `name`; waits for another holder first. @throws FleetError LockTimedOut */
  hold<T>(name: string, waiting: Waiting, work: () => Promise<T>): Promise<T>;
}

export interface Waiting {
  /** Maximum wait for another holder, in milliseconds. */
  readonly timeoutMs: number;
  /** Shared with other checkouts on this computer. @default false */
  readonly onMachine?: boolean;
  /** Maximum duration of a database fault, in milliseconds. @default 10,000 */
  readonly faultyMs?: number;
  /** Between two attempts to take the lease, in milliseconds. @default 200 */
  readonly pollMs?: number;
  readonly signal: AbortSignal;
  /** Called with the holder, while waiting. */
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

/** Lease renewals are the only sign of life of a process on another machine or in another container. */
const renewEveryMs = 10_000;
const expireAfterMs = 60_000;
const defaultPollMs = 200;
/** A file removed between two steps is a transient fault; others (full disk, unreadable file) are permanent. */
const faultyForMs = 10_000;

export function createLocks(folder: string, clock: Clock, command: string): Locks {
  const pointer = join(folder, "leases");
  /** Paths of damaged files that were moved away, until a waiting command has reported them. */
  const setAside: string[] = [];
  const self = { pid: process.pid, started: startOf(process.pid), host: identifyHost() };

  /**
   * Runs one transaction on the file that `leases` points to. File names are never reused: a new file must
   * not share a journal with a removed one.
   */
  function transact<T>(work: (database: Database) => T): T | "busy" {
    const name = readPointer(pointer) ?? makePointer(pointer);
    if (name === undefined) return "busy";
    const file = join(folder, name);
    // SQLite would make it readable by everyone; its journal gets the same mode.
    closeSync(openSync(file, "a", 0o600));
    const database = new Database(file, { readwrite: true });
    try {
      database.run("PRAGMA busy_timeout = 2000");
      // Not flushed to disk: after a power loss no lease has a holder, and a file that it damaged is set aside.
      database.run("PRAGMA synchronous = OFF");
      database.run("BEGIN IMMEDIATE");
      // The pointer is removed only under this lock, so it stays during the work.
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

  /** Only one process can create the folder of a name, and names are never reused: no pointer to another file is removed. */
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

  /** The folder; moves away anything else at its path or at the pointer's path. */
  function prepareFolder(): void {
    moveFile(folder, `${folder}-damaged-${crypto.randomUUID()}`);
    makeFolder(folder);
    moveFile(pointer, join(folder, `damaged-leases-${crypto.randomUUID()}`));
  }

  /** Uses a link and its removal, which fail on a folder that another process may have created meanwhile. */
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

  /** Files without a pointer. The pointer is created before its file, so these are unused for good. */
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

  /** Never fails: the work is done, and a remaining lease ends with this process. */
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
        // Removed by hand, with all its leases.
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
      // The next renewal is long before the lease expires.
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
          // Between two resources of the same run it takes moments, and there is no other command to report.
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
        await clock.sleep(waiting.pollMs ?? defaultPollMs, waiting.signal);
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
          // Another process removed the folder or the file with its last lease.
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

/** Process ids are valid only within one of these: a container may share its host's name and files. */
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
    // Another process removed and created it between the two checks.
    if (!isErrno(error, "EEXIST", "ENOENT")) throw error;
  }
}

/** Adds the path: SQLite's messages don't contain it. */
function explain(error: unknown, folder: string): unknown {
  const fault = asFleetError(error);
  if (fault.code !== "DiskFailed" || !isSqliteError(error, "SQLITE_")) return error;
  return new FleetError("DiskFailed", `${fault.message} (database in ${folder})`, { hint: fault.hint, cause: error });
}

function isSqliteError(error: unknown, prefix: string): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith(prefix);
}

/** Target of the pointer: the name of a file in the same folder. */
function readPointer(pointer: string): string | undefined {
  try {
    return readlinkSync(pointer);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Undefined if another process was faster. */
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
  // A process id may be reused after a crash or a reboot; the start time distinguishes the processes.
  return startOf(lease.pid) === lease.started;
}

/** Start time of a process in clock ticks; empty without /proc, where only the id is compared. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Field 22; the second field, the program's name, may contain spaces and parentheses.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
