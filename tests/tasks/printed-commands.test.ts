import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { RunOptions } from "#lib/commands/run-options.ts";
import { suggestNext } from "#lib/commands/suggest.ts";
import { isLocal } from "#lib/fleet/types.ts";
import { cautious } from "#lib/graph/world.ts";
import { kubeconfigPath, pathsBelow } from "#lib/paths.ts";
import { create } from "#lib/verbs/create.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { runScript, withFolder } from "#tests/support/processes.ts";

const name = fleet.clusters.find(isLocal)?.name ?? "";
const kubeconfig = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  "current-context": name,
  clusters: [{ name, cluster: { server: "https://127.0.0.1:6551" } }],
  users: [{ name, user: { token: "t" } }],
  contexts: [{ name, context: { cluster: name, user: name } }],
});

/** What a shell makes of a command: its words, one a line. */
const wordsOf = (command: string): readonly string[] =>
  Bun.spawnSync(["/bin/sh", "-c", `printf '%s\\n' ${command}`])
    .stdout.toString()
    .trim()
    .split("\n");

async function withKubeconfig(work: (state: string, path: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const state = join(folder, "it's a state");
    const paths = pathsBelow(folder, state);
    await mkdir(paths.kubeconfigs, { recursive: true, mode: 0o700 });
    const path = kubeconfigPath(paths, name);
    await Bun.write(path, kubeconfig);
    await work(state, path);
  });
}

test("the line for a shell is one that a shell takes, whatever is in the path", async () => {
  await withKubeconfig(async (state) => {
    const { stdout, stderr } = await runScript("tasks/kubeconfig.ts", [], { CLUSTERS_DIRECTORY: state });
    expect(stderr).toBe("");
    const [, assignment = "", ...more] = wordsOf(stdout.trim());
    expect([assignment.startsWith(`KUBECONFIG=${state}/`), more]).toEqual([true, []]);
  });
});

test("what is proposed next can be typed, whatever is in the path of the state and of the fleet", async () => {
  await withKubeconfig(async (state, path) => {
    const options: RunOptions = {
      ...cautious,
      selection: { clusters: [], accounts: [], providers: [], targets: [] },
      fleetFile: "my fleets/one.ts",
      json: false,
      verbose: false,
      sandbox: true,
      dryRun: false,
      yes: false,
      gitops: undefined,
    };
    const paths = pathsBelow("/", state);
    const next = suggestNext(create, {
      exitCode: 0,
      totals: {},
      clusters: fleet.clusters,
      paths,
      options,
      asked: ["gh variable set A"],
    });
    expect(next.map((command) => wordsOf(command).slice(-2))).toContainEqual(["export", `KUBECONFIG=${path}`]);
    expect(next[0]).toBe("gh variable set A");
    expect(next.length).toBe(3);
  });
});
