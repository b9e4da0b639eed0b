import { FleetError } from "#lib/errors.ts";
import type { Exec, ExecOptions } from "#lib/exec.ts";
import type { World } from "#lib/graph/world.ts";
import { renderKindConfig } from "#lib/local/config.ts";
import { docker } from "#lib/local/docker.ts";
import { countRole, type LocalTool, parseKubeconfig } from "#lib/local/tool.ts";

const clusterLabel = "io.x-k8s.kind.cluster";
const roleLabel = "io.x-k8s.kind.role";

const providerVariable = "KIND_EXPERIMENTAL_PROVIDER";

/**
 * For commands of kind. Its provider is Docker, its network is `kind`: clusters are also listed, started and removed by docker.
 *
 * @throws FleetError KindProviderRefused
 */
function kindExec({ exec, signal, variables }: World, options: ExecOptions): Exec {
  const { [providerVariable]: provider = "" } = variables;
  if (provider !== "" && provider !== "docker") {
    throw new FleetError(
      "KindProviderRefused",
      `${providerVariable} is ${provider}: kind clusters are created with docker here`,
      {
        hint: `unset ${providerVariable}`,
      },
    );
  }
  const env = { [providerVariable]: "docker", KIND_EXPERIMENTAL_DOCKER_NETWORK: "kind" };
  return exec({ env, signal, ...options });
}

/** Building a node takes 20 s; a loaded machine has been seen to take twenty times that. */
const createTimeoutMs = 15 * 60_000;

/** kind's messages when kubeadm has not written a kubeconfig yet. */
const noKubeconfig = /could not locate any control plane nodes|admin\.conf: No such file or directory/i;

/** kind: Kubernetes nodes as Docker containers (https://kind.sigs.k8s.io/). */
export const kind: LocalTool = {
  name: "kind",
  clusterLabel,
  firstContainer: (cluster) => `${cluster}-control-plane`,
  render: (cluster, domain, image) => renderKindConfig({ ...cluster, provider: "kind" }, domain, image),
  describe(containers) {
    const control = containers.find((container) => container.labels[roleLabel] === "control-plane");
    return {
      image: control?.image ?? "",
      workers: countRole(containers, roleLabel, "worker"),
      api: control?.ports["6443/tcp"] ?? "",
      arguments: [],
    };
  },
  unfinished: (containers) =>
    countRole(containers, roleLabel, "control-plane") === 0 ? "it has no control plane" : undefined,
  // kind installs these itself, after kubeadm; a kind that was killed leaves a cluster without them.
  systemObjects: ["daemonsets/kindnet", "deployments/coredns"],

  async create(world, { cluster, configPath, image, kubeconfigPath }) {
    // --retain: we clean up ourselves, also after what kind does not see (an interrupt, a failed wait). No --wait: it reports
    // success when its time is over.
    const exec = kindExec(world, { timeout: createTimeoutMs, onLine: world.output });
    const options = ["--config", configPath, "--image", image, "--kubeconfig", kubeconfigPath];
    await exec`kind create cluster --name ${cluster.name} ${options} --retain`;
  },

  async start(world, _cluster, containers) {
    // The control plane first: Docker assigns addresses in order, so that each node gets its former one.
    const ordered = [...containers].sort((a, b) => Number(isWorker(a.labels)) - Number(isWorker(b.labels)));
    for (const container of ordered) await docker(world)`docker container start ${container.id}`;
  },

  async remove(world, cluster, kubeconfigPath) {
    const exec = kindExec(world, { onLine: world.output });
    await exec`kind delete cluster --name ${cluster} --kubeconfig ${kubeconfigPath}`;
  },

  kubeconfigCommand: "get kubeconfig --name",

  async kubeconfig(world, cluster) {
    const exec = kindExec(world, { nothrow: true });
    return parseKubeconfig(await exec`kind get kubeconfig --name ${cluster}`, noKubeconfig);
  },

  // ` • Starting control-plane 🕹️  ...` at the start of a step, ` ✓ …` at its end; words only, without the pictures.
  parseProgress(line) {
    const step = /^\s*•\s+(.*?)\s*\.\.\.\s*$/u.exec(line)?.[1];
    return step?.replaceAll(/[^\p{L}\p{N}\p{P} ]/gu, "").trim();
  },
};

function isWorker(labels: Readonly<Record<string, string>>): boolean {
  return labels[roleLabel] === "worker";
}
