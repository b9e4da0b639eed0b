import { isDeepStrictEqual } from "node:util";
import {
  compareMode,
  type KubeconfigState,
  observeKubeconfig,
  removeKubeconfig,
  writeKubeconfig,
} from "#lib/cloud/kubeconfig-file.ts";
import type { LocalCluster } from "#lib/fleet/types.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { LocalClusterState } from "#lib/local/observe-cluster.ts";

/** The kubeconfig file of one local cluster: what kind or k3d says, in a file of its own that only its owner can read. */
export function localKubeconfig(
  cluster: LocalCluster,
  running: Resource<LocalClusterState>,
): Resource<KubeconfigState> {
  return {
    id: `local/${cluster.name}/kubeconfig`,
    title: `${cluster.name}: kubeconfig`,
    label: "kubeconfig",
    row: running.row,
    lane: "file",
    needs: [running],
    async observe(world) {
      const state = await observeKubeconfig(world, cluster.name);
      return state === undefined ? { kind: "absent" } : { kind: "present", state };
    },
    diff(state, outputs) {
      const wanted = outputs.find(running)?.kubeconfig;
      if (wanted === undefined || isDeepStrictEqual(state.content, wanted)) return compareMode(state);
      const from = "of another cluster or time";
      return [{ field: "content", from, to: "of this cluster", effect: "in-place" }, ...compareMode(state)];
    },
    async ensure(world, _observed, outputs) {
      const content = outputs.of(running).kubeconfig;
      if (content === undefined) throw new Error(`${cluster.name} is ready but has no kubeconfig`);
      return await writeKubeconfig(world, cluster.name, content);
    },
    remove: (world) => removeKubeconfig(world, cluster.name),
    health: (state) =>
      state.content === undefined
        ? { kind: "degraded", summary: `${state.path} is not a kubeconfig` }
        : { kind: "healthy", summary: state.path },
  };
}
