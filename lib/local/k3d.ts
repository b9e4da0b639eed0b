import type { Exec } from "#lib/exec.ts";
import type { World } from "#lib/graph/world.ts";
import { renderK3dConfig } from "#lib/local/config.ts";
import { removeObject } from "#lib/local/docker.ts";
import { countRole, type LocalTool, parseKubeconfig } from "#lib/local/tool.ts";

const clusterLabel = "k3d.cluster";
const roleLabel = "k3d.role";

const createTimeoutMs = 15 * 60_000;

/** Every call: no colour codes in what we parse. */
const env = { LOG_COLORS: "false" };

/** k3d's messages when k3s has not written a kubeconfig yet, or was never started. */
const noKubeconfig =
  /no nodes found for given cluster|could not find the file|no such file or directory|no server nodes found/i;

/** k3d: k3s nodes as Docker containers, behind a load balancer (https://k3d.io/). */
export const k3d: LocalTool = {
  name: "k3d",
  clusterLabel,
  firstContainer: (cluster) => `k3d-${cluster}-server-0`,
  render: (cluster, domain, image) => renderK3dConfig({ ...cluster, provider: "k3d" }, domain, image),
  describe(containers) {
    const server = containers.find((container) => container.labels[roleLabel] === "server");
    const balancer = containers.find((container) => container.labels[roleLabel] === "loadbalancer");
    return {
      image: server?.image ?? "",
      workers: countRole(containers, roleLabel, "agent"),
      api: balancer?.ports["6443/tcp"] ?? server?.ports["6443/tcp"] ?? "",
      arguments: (server?.command ?? [])
        .filter((argument) => /^--(disable|cluster-cidr|service-cidr)=/.test(argument))
        .sort(),
    };
  },
  unfinished(containers) {
    if (countRole(containers, roleLabel, "server") === 0) return "it has no server";
    // k3d makes the load balancer last, so that a cluster without one was never finished.
    return countRole(containers, roleLabel, "loadbalancer") === 0 ? "it has no load balancer" : undefined;
  },
  systemObjects: ["deployments/coredns"],

  async create(world, { configPath, image, kubeconfigPath }) {
    const exec = k3dExec(world, kubeconfigPath)({ timeout: createTimeoutMs });
    // --no-rollback: we clean up ourselves, also after an interrupt, which k3d doesn't handle.
    const flags = ["--kubeconfig-update-default=false", "--kubeconfig-switch-context=false", "--no-rollback"];
    await exec`k3d cluster create --config ${configPath} --image ${image} ${flags}`;
  },

  async start(world, cluster) {
    await k3dExec(world)`k3d cluster start ${cluster}`;
  },

  async remove(world, cluster, kubeconfigPath) {
    await k3dExec(world, kubeconfigPath)`k3d cluster delete ${cluster}`;
    // k3d never removes a network that it did not create itself, such as the one left by a killed k3d.
    await removeObject(world, "network", `k3d-${cluster}`);
    await removeObject(world, "volume", `k3d-${cluster}-images`);
  },

  kubeconfigCommand: "kubeconfig get",

  async kubeconfig(world, cluster) {
    const exec = world.exec({ env, signal: world.signal, nothrow: true });
    return parseKubeconfig(await exec`k3d kubeconfig get ${cluster}`, noKubeconfig);
  },

  // `INFO[0003] Creating node 'x'` on a terminal, `time="…" level=info msg="Creating node 'x'"` in a pipe.
  parseProgress: (line) =>
    (/^INFO\[\d+\] (.+)$/.exec(line) ?? /^time="[^"]*" level=info msg="(.+)"$/.exec(line))?.[1]
      ?.replaceAll(/['\\"]/g, "")
      .trim(),
};

/** @param kubeconfigPath file that k3d edits instead of the user's own */
function k3dExec({ exec, signal, output: onLine }: World, kubeconfigPath?: string): Exec {
  const kubeconfig = kubeconfigPath === undefined ? {} : { KUBECONFIG: kubeconfigPath };
  return exec({ env: { ...env, ...kubeconfig }, signal, onLine });
}
