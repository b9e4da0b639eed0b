import { isDeepStrictEqual } from "node:util";
import type { LocalCluster } from "#lib/fleet/types.ts";
import type { Change, Resource } from "#lib/graph/resource.ts";
import {
  type Kubeconfig,
  parseKubeconfig,
  readKubeconfigFile,
  removeKubeconfigFile,
  writeKubeconfigFile,
} from "#lib/kubernetes/kubeconfig.ts";
import { updateMergedKubeconfig } from "#lib/kubernetes/merged.ts";
import type { LocalClusterState } from "#lib/local/cluster.ts";
import { kubeconfigPath } from "#lib/paths.ts";

export interface KubeconfigState {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Undefined when the file can't be read as a kubeconfig. */
  readonly content: Kubeconfig | undefined;
}

/** The kubeconfig file of one local cluster: what kind or k3d says, in a file of its own that only its owner can read. */
export function localKubeconfig(
  cluster: LocalCluster,
  running: Resource<LocalClusterState>,
): Resource<KubeconfigState> {
  return {
    id: `local/${cluster.name}/kubeconfig`,
    title: `${cluster.name}: kubeconfig`,
    label: "kubeconfig",
    owner: running.owner,
    lane: "file",
    needs: [running],
    async observe(world) {
      const path = kubeconfigPath(world.paths, cluster.name);
      const file = await readKubeconfigFile(path);
      if (file === undefined) return { kind: "absent" };
      return { kind: "present", state: { path, mode: file.mode, content: tryParse(file.text, path) } };
    },
    diff(state, outputs) {
      const changes: Change[] = [];
      const wanted = outputs.find(running)?.kubeconfig;
      if (wanted !== undefined && !isDeepStrictEqual(state.content, wanted)) {
        changes.push({
          field: "content",
          from: "of another cluster or time",
          to: "of this cluster",
          effect: "in-place",
        });
      }
      if (state.mode !== 0o600) {
        changes.push({ field: "mode", from: `0${state.mode.toString(8)}`, to: "0600", effect: "in-place" });
      }
      return changes;
    },
    async ensure(world, _observed, outputs) {
      const path = kubeconfigPath(world.paths, cluster.name);
      const content = outputs.of(running).kubeconfig;
      if (content === undefined) throw new Error(`${cluster.name} is ready but has no kubeconfig`);
      await writeKubeconfigFile(path, content);
      return { path, mode: 0o600, content };
    },
    async remove(world) {
      const path = kubeconfigPath(world.paths, cluster.name);
      await removeKubeconfigFile(path, world.paths.kubeconfigs);
      // Several clusters go at once, and each rewrites the one merged file.
      await world.locks.hold("local/kubeconfig", { timeoutMs: 30_000, ...world }, () =>
        updateMergedKubeconfig(world.paths),
      );
      return { kind: "removed" };
    },
    health: (state) =>
      state.content === undefined
        ? { kind: "degraded", summary: `${state.path} is not a kubeconfig` }
        : { kind: "healthy", summary: state.path },
  };
}

function tryParse(text: string, path: string): Kubeconfig | undefined {
  try {
    return parseKubeconfig(text, path);
  } catch {
    return undefined;
  }
}
