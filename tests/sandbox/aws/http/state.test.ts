import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { type KeptCloud, openCloud } from "#sandbox/aws/state.ts";
import { paceOf } from "#sandbox/pace.ts";

interface Counter {
  count: number;
}
const initial = (): Counter => ({ count: 0 });

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "aws-state-"));
  path = join(folder, "aws.db");
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const open = (): KeptCloud => openCloud({ path, pace: paceOf(() => 1_000) });
const counter = (cloud: KeptCloud, account = "1") => cloud.slice("things", account, "us-east-1", initial);

describe("the state of the cloud", () => {
  test("is as it was when it is opened again", async () => {
    const cloud = open();
    counter(cloud).count = 3;
    cloud.save();
    cloud.flush();
    expect(counter(open()).count).toBe(3);
  });

  test("is kept by service, account and region, each for itself", () => {
    const cloud = open();
    counter(cloud, "1").count = 1;
    counter(cloud, "2").count = 2;
    cloud.slice("others", "1", "us-east-1", initial).count = 9;
    const all = cloud.slices<Counter>("things").map(({ account, region, state }) => [account, region, state.count]);
    expect(all).toEqual([
      ["1", "us-east-1", 1],
      ["2", "us-east-1", 2],
    ]);
    expect(cloud.slices("none")).toEqual([]);
    expect(counter(cloud, "1")).toBe(counter(cloud, "1"));
  });

  test("is readable by its owner alone", async () => {
    const cloud = open();
    counter(cloud);
    for (let index = 0; index < 20; index += 1) cloud.save();
    cloud.flush();
    const files = await readdir(folder);
    expect(files).toContain("aws.db");
    for (const file of files) expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
  });

  test("is written once for many changes of one tick", async () => {
    const cloud = open();
    counter(cloud);
    cloud.flush();
    const bytesOf = (changes: number): Promise<number> =>
      writtenBy(async () => {
        for (let index = 1; index <= changes; index += 1) {
          counter(cloud).count = index;
          cloud.save();
        }
        while (counter(open()).count !== changes) await Bun.sleep(1);
      });
    const [once, often] = [await bytesOf(1), await bytesOf(20)];
    expect(often).toBe(once);
  });

  test("has what is changed right after a write", async () => {
    const cloud = open();
    for (let count = 1; count <= 5; count += 1) {
      counter(cloud).count = count;
      cloud.save();
      await Bun.sleep(0);
    }
    while (counter(open()).count < 5) await Bun.sleep(1);
  });

  test("has its records in their order, without those that were removed", () => {
    const cloud = open();
    const notes = notesOf(cloud);
    notes.named = { b: { text: "1", lines: [] }, a: { text: "2", lines: ["x", "y"] }, c: { text: "3", lines: [] } };
    notes.listed = [{ text: "first" }, { text: "second" }, { text: "third" }];
    cloud.flush();
    delete notes.named.b;
    notes.named.d = { text: "4", lines: [] };
    notes.listed = notes.listed.slice(1);
    notes.named.a = { text: "2", lines: ["y"] };
    cloud.flush();
    const again = notesOf(open());
    expect(again).toEqual(notes);
    expect(Object.keys(again.named)).toEqual(["a", "c", "d"]);
  });

  test("has a record that was changed in place, once it is named", async () => {
    const cloud = open();
    const note = { text: "1", lines: ["a"] };
    notesOf(cloud).named = { a: note };
    cloud.flush();
    note.lines.push("b");
    note.text = "2";
    cloud.save(note);
    await Bun.sleep(0);
    expect(notesOf(open()).named).toEqual({ a: { text: "2", lines: ["a", "b"] } });
  });

  test("takes as many bytes for a change of one record as there were with few others", async () => {
    const bytesWith = async (others: number): Promise<number> => {
      path = join(folder, `with-${others}.db`);
      const cloud = open();
      const notes = notesOf(cloud);
      for (let index = 0; index < others; index += 1) {
        notes.named[`n${index}`] = { text: "a".repeat(1_000), lines: Array.from({ length: 50 }, () => "b".repeat(50)) };
      }
      cloud.flush();
      return await writtenBy(async () => {
        const { n3 } = notes.named;
        n3?.lines.push("one more");
        cloud.save(n3);
        // Many records take a rest between two writes.
        while ((await stat(`${path}-wal`)).size === 0) await Bun.sleep(1);
      });
    };
    const [few, many] = [await bytesWith(10), await bytesWith(500)];
    // The tree of the database gets deeper: some pages more.
    expect(many).toBeLessThan(few + 50_000);
  });

  test("takes few bytes for a change of one part of a large record", async () => {
    const cloud = open();
    const large = { text: "", lines: Array.from({ length: 2_000 }, (_, index) => `${index} ${"b".repeat(500)}`) };
    notesOf(cloud).named = { large };
    cloud.flush();
    const bytes = await writtenBy(async () => {
      large.lines.push("one more");
      cloud.save(large);
      while ((await stat(`${path}-wal`)).size === 0) await Bun.sleep(1);
    });
    // All of it is a megabyte.
    expect(bytes).toBeLessThan(200_000);
  });

  test("is whole after its process was killed while it wrote", async () => {
    const writer = join(folder, "writer.ts");
    await Bun.write(
      writer,
      `import { openCloud } from ${JSON.stringify(join(projectRoot, "sandbox/aws/state.ts"))};
       import { paceOf } from ${JSON.stringify(join(projectRoot, "sandbox/pace.ts"))};
       const cloud = openCloud({ path: ${JSON.stringify(path)}, pace: paceOf(() => 1) });
       const state = cloud.slice("pairs", "1", "us-east-1", () => ({ left: {}, right: {} }));
       for (let count = state.left.n0?.count ?? 0; ; count += 1) {
         for (let index = 0; index < 200; index += 1) {
           state.left["n" + index] = { count };
           state.right["n" + index] = { count, text: "x".repeat(count % 100) };
         }
         cloud.save();
         await Bun.sleep(0);
         if (count % 10 === 0) process.stdout.write(count + "\\n");
       }`,
    );
    let last = 0;
    for (const waitMs of [0, 3, 17]) {
      const child = Bun.spawn([process.execPath, writer], { cwd: projectRoot, stdout: "pipe", stderr: "inherit" });
      const reader = child.stdout.getReader();
      await reader.read();
      await Bun.sleep(waitMs);
      child.kill("SIGKILL");
      await child.exited;
      const state = open().slice("pairs", "1", "us-east-1", (): Pairs => ({ left: {}, right: {} }));
      const counts = new Set([...Object.values(state.left), ...Object.values(state.right)].map(({ count }) => count));
      expect(counts.size).toBe(1);
      const [count = -1] = counts;
      expect(count).toBeGreaterThanOrEqual(last);
      last = count;
    }
  }, 30_000);

  test("says when it can't be written", async () => {
    const cloud = openCloud({ path: join(folder, "file", "below"), pace: paceOf(() => 1) });
    await Bun.write(join(folder, "file"), "a file where a folder should be");
    counter(cloud);
    cloud.save();
    expect(() => cloud.flush()).toThrow();
  });

  test("of another format is refused, not guessed at", () => {
    const database = new Database(path, { create: true });
    database.run("PRAGMA user_version = 99");
    database.close();
    expect(open).toThrow(/format 99/);
  });
});

interface Pairs {
  readonly left: Readonly<Record<string, { readonly count: number }>>;
  readonly right: Readonly<Record<string, { readonly count: number }>>;
}

interface Notes {
  named: Record<string, { text: string; lines: string[] }>;
  listed: { text: string }[];
}

const notesOf = (cloud: KeptCloud): Notes =>
  cloud.slice("notes", "1", "us-east-1", (): Notes => ({ named: {}, listed: [] }));

/** Bytes that are added to the database's log. */
async function writtenBy(work: () => Promise<void>): Promise<number> {
  const database = new Database(path);
  database.run("PRAGMA wal_checkpoint(TRUNCATE)");
  await work();
  const { size } = await stat(`${path}-wal`);
  database.close();
  return size;
}
