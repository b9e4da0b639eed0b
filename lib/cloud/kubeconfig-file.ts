import type { Change, Removal } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import {
  type Kubeconfig,
  parseKubeconfig,
  readKubeconfigFile,
  removeKubeconfigFile,
  writeKubeconfigFile,
} from "#lib/kubernetes/kubeconfig.ts";
import { updateMergedKubeconfig } from "#lib/kubernetes/merged.ts";
import { kubeconfigPath } from "#lib/paths.ts";

/** The kubeconfig file of one cluster: the code shared by all providers. */

export interface KubeconfigState {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Undefined if the file is not a valid kubeconfig. */
  readonly content: Kubeconfig | undefined;
}

/** Undefined if the file does not exist. */
export async function observeKubeconfig(world: World, cluster: string): Promise<KubeconfigState | undefined> {
  const path = kubeconfigPath(world.paths, cluster);
  const file = await readKubeconfigFile(path);
  return file === undefined ? undefined : { path, mode: file.mode, content: tryParse(file.text, path) };
}

export function compareMode({ mode }: KubeconfigState): readonly Change[] {
  if (mode === 0o600) return [];
  return [{ field: "mode", from: `0${mode.toString(8)}`, to: "0600", effect: "in-place" }];
}

/** Writes a separate file that only its owner can read. */
export async function writeKubeconfig(world: World, cluster: string, content: Kubeconfig): Promise<KubeconfigState> {
  const path = kubeconfigPath(world.paths, cluster);
  await writeKubeconfigFile(path, content);
  return { path, mode: 0o600, content };
}

/** Removes the file, and the cluster from the merged one. */
export async function removeKubeconfig(world: World, cluster: string): Promise<Removal> {
  await removeKubeconfigFile(kubeconfigPath(world.paths, cluster), world.paths.kubeconfigs);
  // Clusters are deleted in parallel, and each delete rewrites the merged file.
  await world.locks.hold("local/kubeconfig", { timeoutMs: 30_000, ...world }, () =>
    updateMergedKubeconfig(world.paths),
  );
  return { kind: "removed" };
}

function tryParse(text: string, path: string): Kubeconfig | undefined {
  try {
    return parseKubeconfig(text, path);
  } catch {
    return undefined;
  }
}
