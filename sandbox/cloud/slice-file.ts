import { Database } from "bun:sqlite";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";

/** By service, account and region. */
export type SliceTree = Record<string, Record<string, Record<string, object>>>;

/** Form of the file; another one is refused instead of guessed at. */
const format = 2;
/** A record of a slice is kept as the parts of its fields: a stack's events one by one. */
const partDepth = 2;

/** One record of a slice as it is on disk. */
interface Saved {
  readonly value: unknown;
  /** Digests of its parts by their paths. */
  readonly digests: ReadonlyMap<string, number | bigint>;
}

interface Writer {
  readonly put: (path: string, json: string) => void;
  readonly remove: (path: string) => void;
}

/**
 * Slices in a SQLite file, one row for each part of a record. A save writes what has changed since the last one, in one
 * transaction: a process may be killed at any moment.
 */
export class SliceFile {
  readonly #path: string;
  /** By slice and field, then by key. */
  readonly #saved = new Map<string, Map<string | undefined, Saved>>();
  #database: Database | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  read(): SliceTree {
    const slices = {} as SliceTree;
    if (!existsSync(this.#path)) return slices;
    // In the order of their insertion: containers come before what is in them, and the order of keys is kept.
    const rows = this.#open().query<{ path: string; json: string }, []>("SELECT path, json FROM parts ORDER BY place");
    for (const { path, json } of rows.iterate()) {
      const keys = JSON.parse(path) as string[];
      const last = keys.pop() ?? "";
      let parent = slices as unknown as Record<string, unknown>;
      for (const key of keys) {
        parent[key] ??= {};
        parent = parent[key] as Record<string, unknown>;
      }
      parent[last] = JSON.parse(json);
    }
    this.#compare(slices, () => true, { put: () => undefined, remove: () => undefined });
    return slices;
  }

  /** @param isChanged whether a record that is the same object as before may have changed */
  write(slices: SliceTree, isChanged: (record: unknown) => boolean): void {
    const database = this.#open();
    const put = database.query(
      "INSERT INTO parts (path, json) VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET json = excluded.json",
    );
    const remove = database.query("DELETE FROM parts WHERE path = ?");
    try {
      database
        .transaction(() => {
          // Nothing is known of what it holds.
          if (this.#saved.size === 0) database.run("DELETE FROM parts");
          this.#compare(slices, isChanged, {
            put: (path, json) => put.run(path, json),
            remove: (path) => remove.run(path),
          });
        })
        .immediate();
    } catch (error) {
      // Nothing of it is on disk: the next one writes all.
      this.#saved.clear();
      throw error;
    }
  }

  #compare(slices: SliceTree, isChanged: (record: unknown) => boolean, writer: Writer): void {
    for (const [service, accounts] of Object.entries(slices)) {
      for (const [account, regions] of Object.entries(accounts)) {
        for (const [region, state] of Object.entries(regions)) {
          for (const [field, value] of Object.entries(state)) {
            const path = [service, account, region, field];
            const name = JSON.stringify(path);
            const saved = this.#saved.get(name) ?? new Map<string | undefined, Saved>();
            this.#saved.set(name, saved);
            compareField({ path, value, saved }, isChanged, writer);
          }
        }
      }
    }
  }

  #open(): Database {
    if (this.#database !== undefined) return this.#database;
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    // SQLite gives the mode of the file to those beside it.
    closeSync(openSync(this.#path, "a", 0o600));
    const database = new Database(this.#path);
    const { user_version: found = 0 } = database.query<{ user_version: number }, []>("PRAGMA user_version").get() ?? {};
    if (found !== 0 && found !== format) {
      database.close();
      throw new Error(`${this.#path} is of format ${found}, this sandbox reads ${format}: remove it to start over`);
    }
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = NORMAL");
    database.run(`PRAGMA user_version = ${format}`);
    database.run(
      "CREATE TABLE IF NOT EXISTS parts (place INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT UNIQUE, json TEXT)",
    );
    this.#database = database;
    return database;
  }
}

interface Field {
  readonly path: readonly string[];
  readonly value: unknown;
  /** The field itself has no key. */
  readonly saved: Map<string | undefined, Saved>;
}

function compareField({ path, value, saved }: Field, isChanged: (record: unknown) => boolean, writer: Writer): void {
  const records: (readonly [string | undefined, unknown])[] = isContainer(value)
    ? [[undefined, emptied(value)], ...Object.entries(value)]
    : [[undefined, value]];
  for (const [key, record] of records) {
    const before = saved.get(key);
    if (before !== undefined && before.value === record && !isChanged(record)) continue;
    saved.set(key, compareRecord(key === undefined ? path : [...path, key], record, before, writer));
  }
  if (saved.size === records.length) return;
  const left = new Set(records.map(([key]) => key));
  for (const [key, { digests }] of saved) {
    if (left.has(key)) continue;
    for (const part of digests.keys()) writer.remove(part);
    saved.delete(key);
  }
}

function compareRecord(path: readonly string[], value: unknown, before: Saved | undefined, writer: Writer): Saved {
  const digests = new Map<string, number | bigint>();
  for (const [part, json] of partsOf(path, value, partDepth)) {
    const name = JSON.stringify(part);
    const digest = Bun.hash(json);
    digests.set(name, digest);
    if (before?.digests.get(name) !== digest) writer.put(name, json);
  }
  for (const name of before?.digests.keys() ?? []) if (!digests.has(name)) writer.remove(name);
  return { value, digests };
}

/** A container first, then what is in it. */
function* partsOf(
  path: readonly string[],
  value: unknown,
  depth: number,
): Generator<readonly [readonly string[], string]> {
  if (value === undefined) return;
  if (depth === 0 || !isContainer(value)) {
    yield [path, JSON.stringify(value)];
    return;
  }
  yield [path, JSON.stringify(emptied(value))];
  for (const [key, part] of Object.entries(value)) yield* partsOf([...path, key], part, depth - 1);
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

const [noItems, noEntries] = [[], {}] as const;

function emptied(value: object): object {
  return Array.isArray(value) ? noItems : noEntries;
}
