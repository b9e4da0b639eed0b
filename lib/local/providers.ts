import { localClusterKeys } from "#lib/fleet/keys.ts";
import type { LocalCluster } from "#lib/fleet/types.ts";
import { checkLocal } from "#lib/local/fleet/check.ts";
import { imageOf, tryImageKubernetes } from "#lib/local/fleet/defaults.ts";
import type { K3dCluster, KindCluster } from "#lib/local/fleet/types.ts";
import type { OpenProvider, Provider, ProviderContext } from "#lib/provider.ts";

const common = {
  place: "computer",
  group: "local",
  emulated: "Docker, kind, k3d",
  keys: { cluster: localClusterKeys },
  lanes: { docker: { limit: 8 }, pull: { limit: 3 }, cluster: { limit: 8, jobs: true } },
  checks: [checkLocal],
  generate: async () => ({ generators: (await import("#lib/local/config-files.ts")).localConfigs }),
  kubernetes: (cluster: LocalCluster) => tryImageKubernetes(imageOf(cluster)),
} as const;

export const kind: Provider<never, KindCluster> = {
  ...common,
  name: "kind",
  title: "kind",
  product: "kind",
  taskWord: "kind",
  // https://kind.sigs.k8s.io/docs/user/configuration/#pod-subnet
  ranges: { pods: "10.244.0.0/16", services: "10.96.0.0/16" },
  schema: async () => ({ cluster: (await import("#lib/local/fleet/schema.ts")).kindCluster }),
  open: async (context) => await open("kind", context),
};

export const k3d: Provider<never, K3dCluster> = {
  ...common,
  name: "k3d",
  title: "k3d",
  product: "k3d",
  taskWord: "k3d",
  // https://docs.k3s.io/cli/server#networking
  ranges: { pods: "10.42.0.0/16", services: "10.43.0.0/16" },
  schema: async () => ({ cluster: (await import("#lib/local/fleet/schema.ts")).k3dCluster }),
  open: async (context) => await open("k3d", context),
};

async function open<C extends LocalCluster>(name: C["provider"], context: ProviderContext): Promise<OpenProvider<C>> {
  const [{ openLocal }, tools] = await Promise.all([
    import("#lib/local/open.ts"),
    Promise.all([import("#lib/local/kind.ts"), import("#lib/local/k3d.ts")]),
  ]);
  const [{ kind: kindTool }, { k3d: k3dTool }] = tools;
  return name === "kind" ? openLocal(kindTool, k3dTool, context) : openLocal(k3dTool, kindTool, context);
}
