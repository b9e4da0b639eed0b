import { Database } from "bun:sqlite";

/** Locks a file as long as this process lives; false when another one has it. */
export function tryLock(path: string): boolean {
  const lock = new Database(path, { create: true });
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
