import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { watch } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  path = join(folder, "aws.json");
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
    await cloud.flush();
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

  test("is readable by its owner alone, and leaves nothing beside it", async () => {
    const cloud = open();
    counter(cloud);
    for (let index = 0; index < 20; index += 1) cloud.save();
    await cloud.flush();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(["aws.json"]);
  });

  test("is written once for many changes of one tick", async () => {
    const cloud = open();
    let writes = 0;
    const watcher = watch(folder, (_, name) => {
      if (name === "aws.json") writes += 1;
    });
    counter(cloud);
    for (let index = 0; index < 20; index += 1) cloud.save();
    await cloud.flush();
    // What the file system tells comes a moment later.
    while (writes === 0) await Bun.sleep(1);
    watcher.close();
    expect(writes).toBe(1);
  });

  test("has what is changed while it is being written", async () => {
    const cloud = open();
    for (let count = 1; count <= 5; count += 1) {
      counter(cloud).count = count;
      cloud.save();
      await Bun.sleep(0);
    }
    await cloud.flush();
    expect(counter(open()).count).toBe(5);
  });

  test("says when it can't be written", async () => {
    const cloud = openCloud({ path: join(folder, "aws.json", "below"), pace: paceOf(() => 1) });
    await Bun.write(path, "a file where a folder should be");
    counter(cloud);
    cloud.save();
    expect(
      await cloud.flush().then(
        () => "written",
        () => "refused",
      ),
    ).toBe("refused");
  });

  test("of another format is refused, not guessed at", async () => {
    await Bun.write(path, JSON.stringify({ format: 99, slices: {} }));
    expect(open).toThrow(/format 99/);
  });
});
