import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, exists, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fleet } from "#lib/fleet/types.ts";
import { type GeneratedFiles, generate } from "#lib/generate/files.ts";
import { writeFiles } from "#lib/generate/write.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { described } from "#tests/support/fleet.ts";

const everyPath = [
  "docs/diagrams.md",
  "k3d/k3d01.internal.yaml",
  "k3d/k3d02.internal.yaml",
  "kind/kind01.internal.yaml",
  "kind/kind02.internal.yaml",
];

const withoutKind02: Fleet = { ...fleet, clusters: fleet.clusters.filter(({ name }) => name !== "kind02.internal") };

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "generate-"));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

/** Those whose paths match. */
async function generated(of: Fleet, pattern: RegExp): Promise<GeneratedFiles> {
  const all = await generate(described(of), root);
  return { ...all, files: all.files.filter(({ path }) => pattern.test(path)) };
}

/** Only these: the list of generators grows, and this test is about writing. */
async function write(of: Fleet, check = false): Promise<readonly string[]> {
  return await writeFiles(root, await generated(of, /^(?:docs|k3d|kind)\//), { check });
}

describe("writing", () => {
  test("removes the tasks of a provider that is gone, and no task that is written by hand", async () => {
    const tasks = await generated(fleet, /^tasks\//);
    await Bun.write(join(root, "tasks/whoami.ts"), "#!/usr/bin/env bun\n");
    await writeFiles(root, tasks);
    const rest = { ...tasks, files: tasks.files.filter(({ path }) => !path.includes("k3d")) };
    expect(await writeFiles(root, rest)).toEqual([
      "tasks/create-k3d-all.ts",
      "tasks/create/k3d/k3d01-internal.ts",
      "tasks/create/k3d/k3d02-internal.ts",
      "tasks/delete-k3d-all.ts",
      "tasks/delete/k3d/k3d01-internal.ts",
      "tasks/delete/k3d/k3d02-internal.ts",
    ]);
    expect(await exists(join(root, "tasks/whoami.ts"))).toBe(true);
  });

  test("makes every file, and nothing the second time", async () => {
    expect(await write(fleet)).toEqual(everyPath);
    expect(await write(fleet)).toEqual([]);
    expect((await readdir(root, { recursive: true })).filter((path) => path.endsWith(".new"))).toEqual([]);
  });

  test("repairs a changed file and a changed mode", async () => {
    await write(fleet);
    await Bun.write(join(root, "docs/diagrams.md"), "mine now");
    await chmod(join(root, "kind/kind01.internal.yaml"), 0o755);
    expect(await write(fleet)).toEqual(["docs/diagrams.md", "kind/kind01.internal.yaml"]);
    expect(await write(fleet, true)).toEqual([]);
    expect((await stat(join(root, "kind/kind01.internal.yaml"))).mode & 0o777).toBe(0o644);
  });

  test("removes the file of a cluster that is gone", async () => {
    await write(fleet);
    expect(await write(withoutKind02)).toEqual(["kind/kind02.internal.yaml"]);
    expect(await exists(join(root, "kind/kind02.internal.yaml"))).toBe(false);
    expect(await write(withoutKind02, true)).toEqual([]);
  });

  test("leaves a file without the mark alone", async () => {
    await Bun.write(join(root, "kind/own.yaml"), "kind: Cluster\n");
    await write(fleet);
    expect(await exists(join(root, "kind/own.yaml"))).toBe(true);
  });
});

describe("checking", () => {
  test("tells what is stale or gone and writes nothing", async () => {
    expect(await write(fleet, true)).toEqual(everyPath);
    expect(await readdir(root)).toEqual([]);
    await write(fleet);
    expect(await write(withoutKind02, true)).toEqual(["kind/kind02.internal.yaml"]);
    expect(await exists(join(root, "kind/kind02.internal.yaml"))).toBe(true);
  });
});

describe("docs/fleet.md", () => {
  test("gets its table between the comments, and keeps the rest", async () => {
    await Bun.write(
      join(root, "docs/fleet.md"),
      "# Mine\n\n<!-- clusters:begin -->\nold\n<!-- clusters:end -->\n\nThe end\n",
    );
    expect(await write(fleet)).toContain("docs/fleet.md");
    const text = await Bun.file(join(root, "docs/fleet.md")).text();
    expect(text).toStartWith("# Mine\n\n<!-- clusters:begin -->\n\n| cluster | kind | account | region |\n");
    expect(text).toContain("| `k04.k8s.az.mylabs.dev` | AKS | `azure-02` | `westeurope` |\n");
    expect(text).toContain("| `k3d01.internal` | k3d | – | this computer |\n");
    expect(text).toEndWith("|\n\n<!-- clusters:end -->\n\nThe end\n");
    expect(text.match(/^\| `/gm)).toHaveLength(16);
    expect(await write(fleet)).toEqual([]);
  });

  test("without the comments is refused with the fix", async () => {
    await Bun.write(join(root, "docs/fleet.md"), "# Mine\n");
    await expect(write(fleet)).rejects.toThrow(
      'docs/fleet.md: no "<!-- clusters:begin -->" followed by "<!-- clusters:end -->"',
    );
  });
});
