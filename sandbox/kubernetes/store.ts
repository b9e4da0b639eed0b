import { Database } from "bun:sqlite";
import { customResourceDefinitions, type Kind, type KubernetesObject, kindKey } from "#sandbox/kubernetes/kinds.ts";

export type StoreEventType = "ADDED" | "MODIFIED" | "DELETED";

export interface StoreEvent {
  readonly type: StoreEventType;
  readonly kind: Kind;
  readonly object: KubernetesObject;
  /** What it was before; undefined for ADDED. */
  readonly previous: KubernetesObject | undefined;
  readonly resourceVersion: number;
}

/** Only what is written, without the fields that the store itself fills in. */
export interface NewObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** What kinds there are. Definitions are told to it before the objects that they define are read. */
export interface KnownKinds {
  find(key: string): Kind | undefined;
  define(definition: KubernetesObject): void;
}

/** How many changes a watch may lag behind before it is told to list again (410 Expired). */
const HISTORY = 2000;

/**
 * All objects of one cluster: in memory for reading, in one SQLite file for surviving. It knows nothing of what the
 * kinds mean. Objects are never changed in place; each write stores a new one with the next resourceVersion.
 */
export class ObjectStore {
  readonly #database: Database;
  readonly #objects = new Map<string, { readonly kind: Kind; readonly object: KubernetesObject }>();
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  readonly #history: StoreEvent[] = [];
  #resourceVersion: number;
  /** Changes up to this one are not in the history. */
  #forgotten: number;

  /** `path` is a file, or ":memory:". */
  constructor(path: string, kinds: KnownKinds) {
    this.#database = new Database(path, { create: true });
    this.#database.run("PRAGMA journal_mode = WAL");
    this.#database.run("PRAGMA synchronous = NORMAL");
    this.#database.run(
      "CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, kind TEXT, version INTEGER, json TEXT)",
    );
    this.#database.run("CREATE TABLE IF NOT EXISTS counter (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER)");
    this.#database.run("INSERT OR IGNORE INTO counter VALUES (1, 1)");
    const rows = this.#database.query<{ key: string; kind: string; json: string }, [string]>(
      "SELECT key, kind, json FROM objects ORDER BY kind = ? DESC, key",
    );
    for (const row of rows.all(kindKey(customResourceDefinitions))) {
      const kind = kinds.find(row.kind);
      if (kind === undefined) continue;
      const object: KubernetesObject = JSON.parse(row.json);
      this.#objects.set(row.key, { kind, object });
      if (kind === customResourceDefinitions) kinds.define(object);
    }
    const counter = this.#database.query<{ version: number }, []>("SELECT version FROM counter").get();
    this.#resourceVersion = counter?.version ?? 1;
    this.#forgotten = this.#resourceVersion;
  }

  get resourceVersion(): number {
    return this.#resourceVersion;
  }

  get(kind: Kind, namespace: string, name: string): KubernetesObject | undefined {
    return this.#objects.get(objectKey(kind, namespace, name))?.object;
  }

  /** Ordered by namespace and name; all namespaces when `namespace` is undefined. */
  list(kind: Kind, namespace?: string): readonly KubernetesObject[] {
    const prefix = namespace === undefined ? `${kindKey(kind)}/` : `${kindKey(kind)}/${namespace}/`;
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.flatMap((key) => this.#objects.get(key)?.object ?? []);
  }

  /** Everything, whatever its kind. */
  all(): readonly { readonly kind: Kind; readonly object: KubernetesObject }[] {
    return [...this.#objects.values()];
  }

  /** The caller has checked that nothing of that name is there. */
  create(kind: Kind, object: NewObject, now: Date = new Date()): KubernetesObject {
    const { name, namespace, ...rest } = object.metadata;
    const stored = {
      ...object,
      metadata: {
        name,
        ...(kind.namespaced ? { namespace: namespace ?? "default" } : {}),
        ...rest,
        uid: crypto.randomUUID(),
        creationTimestamp: timestamp(now),
        ...("spec" in object ? { generation: 1 } : {}),
      },
    };
    return this.#write("ADDED", kind, stored as unknown as KubernetesObject, undefined);
  }

  /** Stores `object` as the new state of what has its name. Returns the stored one unchanged when nothing differs. */
  update(kind: Kind, object: KubernetesObject): KubernetesObject {
    const previous = this.get(kind, object.metadata.namespace ?? "", object.metadata.name);
    if (previous !== undefined && Bun.deepEquals(withoutVersion(previous), withoutVersion(object))) return previous;
    return this.#write("MODIFIED", kind, object, previous);
  }

  remove(kind: Kind, object: KubernetesObject): KubernetesObject {
    return this.#write("DELETED", kind, object, object);
  }

  /** Called after each change, in order. Returns the function that ends it. */
  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The changes after a resourceVersion, or undefined when some of them are forgotten. */
  eventsAfter(resourceVersion: number): readonly StoreEvent[] | undefined {
    if (resourceVersion < this.#forgotten) return undefined;
    return this.#history.filter((event) => event.resourceVersion > resourceVersion);
  }

  close(): void {
    this.#listeners.clear();
    this.#database.close();
  }

  #write(
    type: StoreEventType,
    kind: Kind,
    object: KubernetesObject,
    previous: KubernetesObject | undefined,
  ): KubernetesObject {
    const version = this.#resourceVersion + 1;
    const stored: KubernetesObject = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(version) },
    };
    const key = objectKey(kind, stored.metadata.namespace ?? "", stored.metadata.name);
    this.#database.transaction(() => {
      this.#database.query("UPDATE counter SET version = ?").run(version);
      if (type === "DELETED") this.#database.query("DELETE FROM objects WHERE key = ?").run(key);
      else {
        this.#database
          .query("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)")
          .run(key, kindKey(kind), version, JSON.stringify(stored));
      }
    })();
    this.#resourceVersion = version;
    if (type === "DELETED") this.#objects.delete(key);
    else this.#objects.set(key, { kind, object: stored });
    const event: StoreEvent = { type, kind, object: stored, previous, resourceVersion: version };
    this.#history.push(event);
    if (this.#history.length > HISTORY) this.#forgotten = this.#history.shift()?.resourceVersion ?? this.#forgotten;
    for (const listener of this.#listeners) listener(event);
    return stored;
  }
}

/** RFC 3339 with whole seconds, as Kubernetes writes times. */
export function timestamp(date: Date = new Date()): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

function objectKey(kind: Kind, namespace: string, name: string): string {
  return `${kindKey(kind)}/${namespace}/${name}`;
}

function withoutVersion(object: KubernetesObject): unknown {
  return { ...object, metadata: { ...object.metadata, resourceVersion: "" } };
}
