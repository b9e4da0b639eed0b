import { Database } from "bun:sqlite";

/** Locks a file as long as this process lives; false when another one still has it after `waitMs`. */
export function tryLock(path: string, waitMs: number): boolean {
  const lock = new Database(path, { create: true });
  lock.run(`PRAGMA busy_timeout = ${waitMs}`);
  try {
    lock.run("BEGIN EXCLUSIVE");
  } catch {
    lock.close();
    return false;
  }
  held.push(lock);
  return true;
}

const held: Database[] = [];
