import { Database } from "bun:sqlite";
import type { Container, ControlPlane, Fault, Image, Network, Volume } from "#sandbox/docker/model.ts";

/**
 * Docker's memory, one SQLite file shared by the daemon and all fake programs. Each change is one transaction: programs
 * may run side by side and be killed at any moment, and the file always holds the state before or after a change.
 */
export class DockerState {
  readonly #database: Database;

  /** Only the one that starts the daemon creates the file; for everybody else its absence means "no daemon". */
  constructor(path: string, options: { readonly create: boolean }) {
    this.#database = new Database(path, { readwrite: true, create: options.create });
    // Parallel programs wait for each other; 10 s is far more than any transaction takes.
    this.#database.run("PRAGMA busy_timeout = 10000");
    if (options.create) this.#initialise();
    this.#database.run("PRAGMA synchronous = NORMAL");
  }

  /** Runs `work` alone: nobody else reads or writes in between, and all of it happens or nothing. */
  transaction<Result>(work: () => Result): Result {
    return this.#database.transaction(work).immediate();
  }

  containers(): readonly Container[] {
    return this.#all<Container>("containers");
  }

  /** By id, a beginning of the id, or name. */
  container(reference: string): Container | undefined {
    const all = this.containers();
    return (
      all.find(({ id, name }) => id === reference || name === reference.replace(/^\//, "")) ??
      (/^[0-9a-f]{4,}$/.test(reference) ? all.find(({ id }) => id.startsWith(reference)) : undefined)
    );
  }

  saveContainer(container: Container): void {
    this.#save("containers", container.id, container);
  }

  removeContainer(id: string): void {
    this.#database.query("DELETE FROM containers WHERE key = ?").run(id);
    this.#database.query("DELETE FROM controlplanes WHERE key = ?").run(id);
  }

  networks(): readonly Network[] {
    return this.#all<Network>("networks");
  }

  network(reference: string): Network | undefined {
    return this.networks().find(
      ({ id, name }) => name === reference || (reference.length > 3 && id.startsWith(reference)),
    );
  }

  saveNetwork(network: Network): void {
    this.#save("networks", network.id, network);
  }

  removeNetwork(id: string): void {
    this.#database.query("DELETE FROM networks WHERE key = ?").run(id);
  }

  volumes(): readonly Volume[] {
    return this.#all<Volume>("volumes");
  }

  saveVolume(volume: Volume): void {
    this.#save("volumes", volume.name, volume);
  }

  removeVolume(name: string): void {
    this.#database.query("DELETE FROM volumes WHERE key = ?").run(name);
  }

  images(): readonly Image[] {
    return this.#all<Image>("images");
  }

  saveImage(image: Image): void {
    this.#save("images", `${image.repository}:${image.tag ?? image.digest}`, image);
  }

  controlPlanes(): readonly ControlPlane[] {
    return this.#all<ControlPlane>("controlplanes");
  }

  saveControlPlane(controlPlane: ControlPlane): void {
    this.#save("controlplanes", controlPlane.container, controlPlane);
  }

  /** Real durations are divided by this. */
  speed(): number {
    const row = this.#database.query<{ value: string }, []>("SELECT value FROM settings WHERE key = 'speed'").get();
    return Number(row?.value ?? 1);
  }

  setSpeed(speed: number): void {
    this.#database.query("INSERT OR REPLACE INTO settings VALUES ('speed', ?)").run(String(speed));
  }

  addFault(fault: Omit<Fault, "id" | "seen">): void {
    this.#database
      .query("INSERT INTO faults (program, match, effect, nth, times, seen) VALUES (?, ?, ?, ?, ?, 0)")
      .run(fault.program, fault.match, fault.effect, fault.nth, fault.times);
  }

  clearFaults(): void {
    this.#database.run("DELETE FROM faults");
  }

  faults(): readonly Fault[] {
    return this.#database.query<Fault, []>("SELECT * FROM faults ORDER BY id").all();
  }

  /** Counts one more matching call; returns how many there were with this one. */
  countFault(id: number): number {
    const row = this.#database
      .query<{ seen: number }, [number]>("UPDATE faults SET seen = seen + 1 WHERE id = ? RETURNING seen")
      .get(id);
    return row?.seen ?? 0;
  }

  close(): void {
    this.#database.close();
  }

  #all<Entry>(table: string): readonly Entry[] {
    const rows = this.#database.query<{ json: string }, []>(`SELECT json FROM ${table} ORDER BY place`).all();
    return rows.map((row) => JSON.parse(row.json));
  }

  #save(table: string, key: string, value: unknown): void {
    this.#database
      .query(`INSERT INTO ${table} (key, json) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET json = excluded.json`)
      .run(key, JSON.stringify(value));
  }

  #initialise(): void {
    this.#database.run("PRAGMA journal_mode = WAL");
    this.transaction(() => {
      for (const table of ["containers", "networks", "volumes", "images", "controlplanes"]) {
        this.#database.run(
          `CREATE TABLE IF NOT EXISTS ${table} (place INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, json TEXT)`,
        );
      }
      this.#database.run("CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT)");
      this.#database.run(
        "CREATE TABLE IF NOT EXISTS faults (id INTEGER PRIMARY KEY AUTOINCREMENT, program TEXT, match TEXT, " +
          "effect TEXT, nth INTEGER, times INTEGER, seen INTEGER)",
      );
    });
  }
}
