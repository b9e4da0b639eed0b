import { expect, test } from "bun:test";
import { readdir, rm, stat } from "node:fs/promises";
import { parseKubeconfig, writeKubeconfigFile } from "#lib/kubernetes/kubeconfig.ts";
import {
  clustersWithKubeconfig,
  mergedPath,
  updateMergedKubeconfig,
  writeMergedKubeconfig,
} from "#lib/kubernetes/merged.ts";
import { kubeconfigPath, type Paths, pathsBelow } from "#lib/paths.ts";
import { failureOf } from "#tests/support/failure.ts";
import { kubeconfigOf } from "#tests/support/kubeconfigs.ts";
import { withFolder } from "#tests/support/processes.ts";

async function withClusters(names: readonly string[], work: (paths: Paths) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const paths = pathsBelow(folder, folder);
    for (const name of names) await writeKubeconfigFile(kubeconfigPath(paths, name), kubeconfigOf(name));
    await work(paths);
  });
}

async function contextsOf(paths: Paths): Promise<readonly string[]> {
  const path = mergedPath(paths);
  return parseKubeconfig(await Bun.file(path).text(), path).contexts.map((context) => context.name);
}

test("the clusters are those that have a file, in the order of their names", () =>
  withClusters(["b", "a"], async (paths) => {
    await Bun.write(`${paths.kubeconfigs}/kubeconfig_c.yml.lock`, "");
    await writeMergedKubeconfig(paths, ["a"]);
    expect(await clustersWithKubeconfig(paths)).toEqual(["a", "b"]);
  }));

test("without a folder there are no clusters, and nothing to bring up to date", () =>
  withClusters([], async (paths) => {
    expect(await clustersWithKubeconfig(paths)).toEqual([]);
    await updateMergedKubeconfig(paths);
    expect(await readdir(paths.root)).toEqual([]);
  }));

test("the merged file is private and holds the clusters that were named, in their order", () =>
  withClusters(["a", "b", "c"], async (paths) => {
    expect(await writeMergedKubeconfig(paths, ["c", "a"])).toBe(mergedPath(paths));
    expect(await contextsOf(paths)).toEqual(["c", "a"]);
    expect((await stat(mergedPath(paths))).mode & 0o777).toBe(0o600);
  }));

test("a cluster without a file is named", () =>
  withClusters(["a"], async (paths) => {
    const error = await failureOf(writeMergedKubeconfig(paths, ["a", "missing"]));
    expect(error.code).toBe("NothingSelected");
    expect(error.message).toContain("missing has no kubeconfig");
  }));

test("a cluster that went is taken out, others aren't put in, and the last one takes the file along", () =>
  withClusters(["a", "b", "c"], async (paths) => {
    await writeMergedKubeconfig(paths, ["a", "b"]);
    await rm(kubeconfigPath(paths, "a"));
    await updateMergedKubeconfig(paths);
    expect(await contextsOf(paths)).toEqual(["b"]);
    await rm(kubeconfigPath(paths, "b"));
    await updateMergedKubeconfig(paths);
    expect(await readdir(paths.kubeconfigs)).toEqual(["kubeconfig_c.yml"]);
  }));
