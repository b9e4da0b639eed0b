import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkFleet } from "#lib/fleet/check.ts";
import { loadFleet } from "#lib/fleet/load.ts";
import { readFleet } from "#lib/fleet/schema.ts";
import { generate } from "#lib/generate/files.ts";
import type { FleetEvent } from "#lib/graph/events.ts";
import { projectRoot } from "#lib/paths.ts";
import { builtInProviders } from "#lib/providers.ts";

// A provider in one folder, tests/fixtures/toy, and a fleet file that brings it: everything works with it, and nothing else knows it.

const file = "tests/fixtures/toy/fleet.ts";
const k01 = "k01.k8s.toy.mylabs.dev";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "toy-"));
});
afterEach(async () => await rm(root, { recursive: true }));

/** A task by its path, or inline code that runs one, about the toy fleet. */
async function run(args: readonly string[]) {
  const child = Bun.spawn([process.execPath, ...args], {
    cwd: projectRoot,
    env: { PATH: Bun.env.PATH ?? "", TOYLAND: join(root, "toyland"), CLUSTERS_DIRECTORY: join(root, "state") },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { exitCode: await child.exited, out, error };
}

const task = (path: string, ...args: readonly string[]) => run([`tasks/${path}.ts`, "--fleet", file, ...args]);

async function outcomes(path: string, ...args: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const { out } = await task(path, "--json", ...args);
  const events = out
    .trim()
    .split("\n")
    .map((line): FleetEvent => JSON.parse(line));
  return Object.fromEntries(events.flatMap((event) => (event.kind === "finished" ? [[event.id, event.outcome]] : [])));
}

const boxes = { "toy/toy-mgmt/box": "made", "toy/toy-01/box": "made" };
const ids = [`toy/toy-01/${k01}/blocks`, "toy/toy-01/k02.k8s.toy.mylabs.dev/blocks"];

describe("a provider in a folder of its own", () => {
  test("has clusters and accounts that are created, left alone, changed by their entries, and deleted", async () => {
    const provider = ["--provider", "toy"];
    expect(await outcomes("plan", ...provider)).toEqual({
      "toy/toy-mgmt/box": "to make",
      "toy/toy-01/box": "to make",
      ...Object.fromEntries(ids.map((id) => [id, "to make"])),
    });
    expect(await outcomes("create-all", ...provider)).toEqual({
      ...boxes,
      ...Object.fromEntries(ids.map((id) => [id, "made"])),
    });
    expect(new Set(Object.values(await outcomes("create-all", ...provider)))).toEqual(new Set(["unchanged"]));
    await Bun.write(join(root, "toyland/a02", `${k01}.json`), "9");
    expect(await outcomes("create-all", k01)).toMatchObject({ [ids[0] ?? ""]: "updated" });
    expect(await outcomes("delete-all", "--yes", ...provider)).toMatchObject(
      Object.fromEntries(ids.map((id) => [id, "removed"])),
    );
    expect(await readdir(join(root, "toyland/a02"))).toEqual(["box"]);
  }, 60_000);

  test("has rows of its own in views, in its place, and is named in questions and refusals", async () => {
    const { out } = await task("create-all", "--provider", "toy");
    const { out: status, exitCode } = await task("status", "--provider", "toy");
    expect(out).toContain(k01);
    expect(status).toMatch(/k02\.k8s\.toy\.mylabs\.dev +healthy/);
    expect(exitCode).toBe(0);
    const { error } = await task("delete-all", "--provider", "toy");
    expect(error).toContain(`delete ${k01}, k02.k8s.toy.mylabs.dev of mylabs.dev`);
    expect((await task("create-all", "--provider", "tow")).error).toContain('did you mean "toy"?');
  }, 60_000);

  test("answers whoami, is in the fleet's tables, and has tasks for its accounts", async () => {
    const { out: hops } = await task("whoami");
    expect(hops).toContain("toy:a01:child");
    const { out: table } = await task("fleet");
    expect(table).toMatch(/toy-01 +toy +tenant +a02/);
    const inline = `
      process.argv = ["bun", "toy.ts", "--fleet", "${file}", "--yes"];
      const { runTask } = await import("#lib/task.ts");
      const { remove } = await import("#lib/verbs/delete.ts");
      await runTask(remove, { accounts: { provider: "toy", of: "management" }, place: "cloud" });`;
    await task("create-all", "--provider", "toy");
    const { exitCode, error } = await run(["-e", inline]);
    expect([exitCode, error]).toEqual([0, ""]);
    expect(await readdir(join(root, "toyland/a01"))).toEqual([]);
  }, 60_000);

  test("has generated files: tasks, what it writes itself, the table of clusters and the diagrams", async () => {
    const loaded = await loadFleet(builtInProviders, join(projectRoot, file));
    const { files, folders } = await generate(loaded);
    const paths = files.map(({ path }) => path);
    expect(folders).toContain("toys");
    for (const path of [
      "tasks/create-blocks-all.ts",
      "tasks/create/blocks/k01-k8s-toy-mylabs-dev.ts",
      "tasks/delete/toy-mgmt/box.ts",
      `toys/${k01}.txt`,
    ]) {
      expect(paths).toContain(path);
    }
    const text = files.map(({ content }) => content).join("\n");
    expect(text).toContain(`| \`${k01}\` | Blocks | \`toy-01\` | \`nursery\` |`);
    expect(text).toContain("Create all Blocks clusters in Toyland");
    expect(text).toContain("## Toyland\n\nBoxes hold blocks.");
  });

  test("has its entries checked: shape, keys, regions and what it checks itself", async () => {
    const { fleet, providers } = await loadFleet(builtInProviders, join(projectRoot, file));
    const faults = (change: Partial<typeof fleet>) =>
      checkFleet({ ...fleet, ...change }, providers).map(({ code }) => code);
    const [first, ...others] = fleet.clusters;
    if (first?.provider !== "toy") throw new Error("the first cluster is a toy");
    expect(faults({})).toEqual([]);
    expect(faults({ clusters: [{ ...first, region: "garden" }, ...others] })).toEqual(["UnknownRegion"]);
    expect(faults({ clusters: [{ ...first, account: "toy-1" }, ...others] })).toEqual(["UnknownAccount"]);
    expect(
      faults({ accounts: fleet.accounts.map((one) => (one.provider === "toy" ? { ...one, box: "A1" } : one)) }),
    ).toContain("MalformedAccountId");
    const reading = await readFleet({ ...fleet, clusters: [{ ...first, sise: 1 }] }, providers);
    expect(reading.kind === "faults" && reading.faults[0]?.hint).toContain('did you mean "size"?');
  });
});
