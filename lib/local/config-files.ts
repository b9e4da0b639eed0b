import { renderK3dConfig, renderKindConfig } from "#lib/local/config.ts";
import type { Generator } from "#lib/render/generator.ts";

/** kind/kind01.internal.yaml and the like. */
const kindConfigs: Generator = {
  folders: ["kind"],
  files: ({ fleet: { clusters, domain } }) =>
    clusters
      .filter((cluster) => cluster.provider === "kind")
      .map((cluster) => ({
        path: `kind/${cluster.name}.yaml`,
        content: renderKindConfig(cluster, domain),
        mode: 0o644,
      })),
};

/** k3d/k3d01.internal.yaml and the like. */
const k3dConfigs: Generator = {
  folders: ["k3d"],
  files: ({ fleet: { clusters, domain } }) =>
    clusters
      .filter((cluster) => cluster.provider === "k3d")
      .map((cluster) => ({ path: `k3d/${cluster.name}.yaml`, content: renderK3dConfig(cluster, domain), mode: 0o644 })),
};

export const localConfigs: readonly Generator[] = [kindConfigs, k3dConfigs];
