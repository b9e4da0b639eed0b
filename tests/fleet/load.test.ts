import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fleet as defaultFleet } from "#clusters/fleet.ts";
import { asFleetError, type FleetError } from "#lib/errors.ts";
import { loadFleet } from "#lib/fleet/load.ts";
import { builtInProviders } from "#lib/providers.ts";
import { codeOf, fixturePath, fixtures, readFixture } from "./fixtures.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fleet-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function write(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await Bun.write(path, text);
  return path;
}

async function failure(file: string): Promise<FleetError> {
  try {
    await loadFleet(builtInProviders, file);
  } catch (error) {
    return asFleetError(error);
  }
  throw new Error(`${file} was read`);
}

describe("a fleet", () => {
  test("is the one of clusters/fleet.ts by default", async () => {
    expect((await loadFleet(builtInProviders)).fleet).toBe(defaultFleet);
  });

  test.each(fixtures("valid"))("is read from %s", async (file) => {
    expect((await loadFleet(builtInProviders, fixturePath("valid", file))).fleet).toEqual(
      (await readFixture("valid", file)) as typeof defaultFleet,
    );
  });

  test("is read from JSON", async () => {
    const path = await write("fleet.json", JSON.stringify(defaultFleet));
    expect((await loadFleet(builtInProviders, path)).fleet).toEqual(defaultFleet);
  });
});

describe("an unreadable fleet", () => {
  test("may be missing", async () => {
    const error = await failure("/nowhere/fleet.ts");
    expect([error.code, error.message]).toEqual(["FleetUnreadable", "/nowhere/fleet.ts: no such file"]);
  });

  test("may be of another kind", async () => {
    const path = await write("fleet.toml", "domain = 1");
    expect((await failure(path)).message).toBe(`${path}: not a .ts, .js, .yaml or .json file`);
  });

  test("may export something else", async () => {
    const path = await write("other.ts", "export const clusters = [];");
    expect((await failure(path)).message).toBe(`${path}: no export named "fleet"`);
  });

  test("may not be TypeScript: the place is named", async () => {
    const path = await write("broken.ts", "export const fleet = {\n  domain: ,\n};\n");
    const error = await failure(path);
    expect(error.code).toBe("FleetUnreadable");
    expect(error.message).toStartWith(`${path}:2:11: `);
    expect(error.hint).toBe(`fix ${path}:2:11`);
  });

  test("may not be YAML: the place is named", async () => {
    const path = await write("broken.yaml", "domain: x\nzones: [1, 2\nclusters: 3\n");
    expect((await failure(path)).message).toStartWith(`${path}:3:`);
  });

  test.each([
    ["twice.yaml", "domain: a.dev\nzones: []\ndomain: b.dev\n", "3:1"],
    ["twice.json", '{\n "clusters": [{ "name": "a",\n "name": "b" }] }', "3:2"],
  ])("may have a key twice: %s", async (name, text, place) => {
    const path = await write(name, text);
    const error = await failure(path);
    expect([error.code, error.message]).toEqual(["FleetUnreadable", `${path}:${place}: a key is given twice`]);
  });

  test("may throw while it is read", async () => {
    const path = await write("throws.ts", 'throw new Error("Not today");');
    const error = await failure(path);
    expect([error.code, error.message]).toEqual(["FleetUnreadable", `${path}: not today`]);
  });
});

describe("an invalid fleet", () => {
  test.each(fixtures("invalid"))("%s is refused with its place and rule", async (file) => {
    const path = fixturePath("invalid", file);
    const error = await failure(path);
    expect(error.code).toBe("InvalidFleet");
    expect(error.message).toStartWith(`${path}: `);
    expect(error.message).toEndWith(` (${codeOf(file)})`);
    expect(error.details).toEqual([`${error.message}: ${error.hint}`]);
  });
});

test("zod isn't loaded for the default fleet", async () => {
  const script = `
    const { loadFleet } = await import("#lib/fleet/load.ts");
    const { builtInProviders } = await import("#lib/providers.ts");
    await loadFleet(builtInProviders);
    process.stdout.write(String(Object.keys(require.cache).filter((path) => path.includes("/zod/")).length));
  `;
  const run = Bun.spawn([process.execPath, "-e", script], {
    cwd: join(import.meta.dir, "../.."),
    stdout: "pipe",
    stderr: "inherit",
  });
  expect(await run.stdout.text()).toBe("0");
});
