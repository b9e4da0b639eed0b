import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { FleetError } from "#lib/errors.ts";
import { isErrno, removeEmptyFolder } from "#lib/files.ts";
import {
  mergeKubeconfigs,
  parseKubeconfig,
  readKubeconfigFile,
  writeKubeconfigFile,
} from "#lib/kubernetes/kubeconfig.ts";
import { kubeconfigPath, type Paths } from "#lib/paths.ts";

/** The file that `mise run kubeconfig` writes. */
export function mergedPath(paths: Paths): string {
  return join(paths.kubeconfigs, "kubeconfig.yml");
}

/** Clusters that have a kubeconfig file, sorted by name. */
export async function clustersWithKubeconfig(paths: Paths): Promise<readonly string[]> {
  let names: string[];
  try {
    names = await readdir(paths.kubeconfigs);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
  return names.flatMap((name) => /^kubeconfig_(.+)\.yml$/.exec(name)?.[1] ?? []).sort();
}

/** Merges the kubeconfigs of the given clusters into one file; returns its path. @throws FleetError NothingSelected */
export async function writeMergedKubeconfig(paths: Paths, clusters: readonly string[]): Promise<string> {
  const kubeconfigs = [];
  for (const cluster of clusters) {
    const path = kubeconfigPath(paths, cluster);
    const file = await readKubeconfigFile(path);
    if (file === undefined) {
      throw new FleetError("NothingSelected", `${cluster} has no kubeconfig in ${paths.kubeconfigs}`, {
        hint: "create the cluster first",
      });
    }
    kubeconfigs.push(parseKubeconfig(file.text, path));
  }
  await writeKubeconfigFile(mergedPath(paths), mergeKubeconfigs(kubeconfigs));
  return mergedPath(paths);
}

/** Removes a deleted cluster from the merged file, and the file with its last cluster. */
export async function updateMergedKubeconfig(paths: Paths): Promise<void> {
  const path = mergedPath(paths);
  const file = await readKubeconfigFile(path);
  if (file === undefined) return;
  const contexts = parseKubeconfig(file.text, path).contexts.map((context) => context.name);
  const left = [];
  for (const cluster of await clustersWithKubeconfig(paths)) {
    const one = await readKubeconfigFile(kubeconfigPath(paths, cluster));
    if (one === undefined) continue;
    const kubeconfig = parseKubeconfig(one.text, kubeconfigPath(paths, cluster));
    if (kubeconfig.contexts.some((context) => contexts.includes(context.name))) left.push(kubeconfig);
  }
  if (left.length > 0) {
    await writeKubeconfigFile(path, mergeKubeconfigs(left));
  } else {
    await rm(path, { force: true });
    await removeEmptyFolder(paths.kubeconfigs);
  }
}
