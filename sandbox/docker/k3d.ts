import { existsSync } from "node:fs";
import { DaemonRefusal } from "#sandbox/daemon-client.ts";
import { type ParsedArguments, parseArguments, parsePairs, UnknownUsage } from "#sandbox/docker/argv.ts";
import { ConfigError } from "#sandbox/docker/config-file.ts";
import {
  createContainer,
  createNetwork,
  DockerError,
  findImage,
  removeNetwork,
  removeVolume,
} from "#sandbox/docker/engine.ts";
import { checkK3dConfig, type K3dConfig, readK3dConfig, valuesFor } from "#sandbox/docker/k3d-config.ts";
import {
  addToKubeconfig,
  type KubeconfigEntry,
  removeFromKubeconfig,
  renderKubeconfig,
} from "#sandbox/docker/kubeconfig.ts";
import type { Container, ControlPlane } from "#sandbox/docker/model.ts";
import { Exit, type ProgramContext, removeContainers, runProgram } from "#sandbox/docker/program.ts";
import { pullFor } from "#sandbox/docker/pull.ts";
import { formatTable } from "#sandbox/docker/view.ts";

const PROXY_IMAGE = "ghcr.io/k3d-io/k3d-proxy:5.9.0";

/** What k3d's steps take at speed 1, about two seconds in all. */
const STEP_MS = {
  network: 50,
  node: 100,
  server: 900,
  agent: 400,
  loadBalancer: 150,
  inject: 200,
  stop: 200,
  deletion: 150,
} as const;

type Level = "info" | "warning" | "error" | "fatal";
type Role = "server" | "agent" | "loadbalancer";

/** k3d ends with this: a fatal line and exit code 1. */
class Fatal extends Error {}

/** One node of a cluster that is being made. */
interface Planned {
  readonly container: Container;
  readonly role: Role;
  readonly index: number;
}

async function main(context: ProgramContext): Promise<void> {
  const { argv } = context;
  const [first = "", second = ""] = argv;
  const rest = argv.slice(first === "version" ? 1 : 2);
  const logger = loggerOf(context);
  try {
    switch (first === "version" ? first : `${first} ${second}`) {
      case "version":
        return showVersion(context, parseArguments(rest, { flags: { output: "string" }, short: { o: "output" } }));
      case "cluster create":
        return await createCluster(
          context,
          parseArguments(rest, {
            flags: {
              config: "string",
              image: "string",
              "no-rollback": "boolean",
              "kubeconfig-update-default": "boolean",
              "kubeconfig-switch-context": "boolean",
              wait: "boolean",
              timeout: "string",
            },
            short: { c: "config", i: "image" },
          }),
        );
      case "cluster delete":
        return await deleteCluster(context, oneName(parseArguments(rest, { flags: {} })));
      case "cluster start":
        return await startCluster(context, oneName(parseArguments(rest, { flags: {} })));
      case "cluster stop":
        return await stopCluster(context, oneName(parseArguments(rest, { flags: {} })));
      case "cluster list":
        return listClusters(context, parseArguments(rest, { flags: { output: "string" }, short: { o: "output" } }));
      case "kubeconfig get":
        return getKubeconfig(context, oneName(parseArguments(rest, { flags: {} })));
      default:
        throw new UnknownUsage(`the command "${first} ${second}"`);
    }
  } catch (error) {
    if (!(error instanceof Fatal || error instanceof ConfigError)) throw error;
    logger("fatal", error.message);
    throw new Exit(1);
  }
}

function showVersion({ out }: ProgramContext, args: ParsedArguments): void {
  const output = args.value("output");
  if (output === "json") out(JSON.stringify({ k3d: "v5.9.0", k3s: "v1.36.1-k3s1" }));
  else if (output === undefined) out("k3d version v5.9.0\nk3s version v1.36.1-k3s1 (default)");
  else throw new UnknownUsage(`the output ${output}`);
}

async function createCluster(context: ProgramContext, args: ParsedArguments): Promise<void> {
  const log = loggerOf(context);
  const path = args.value("config");
  if (path === undefined) throw new UnknownUsage("cluster create without --config");
  if (args.isNot("wait")) throw new UnknownUsage("--wait=false");
  const config = readK3dConfig(path, { name: args.positional[0], image: args.value("image") });
  log("info", `Using config file ${path} (k3d.io/v1alpha5#simple)`);
  checkK3dConfig(config);
  refuseUnknownArguments(config);
  const { name } = config.metadata;
  if (nodesOf(context, name).length > 0) {
    throw new Fatal(`Failed to create cluster '${name}' because a cluster with that name already exists`);
  }
  try {
    await create(context, config);
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    log("error", error.message);
    if (args.is("no-rollback")) throw new Fatal("Cluster creation FAILED, rollback deactivated.");
    log("error", "Failed to create cluster >>> Rolling Back");
    await removeCluster(context, name);
    throw new Fatal("Cluster creation FAILED, all changes have been rolled back!");
  }
  log("info", `Cluster '${name}' created successfully!`);
  const updates = args.isNot("kubeconfig-update-default") ? false : config.options.kubeconfig.updateDefaultKubeconfig;
  if (updates) addToKubeconfig(context.environment.kubeconfig, kubeconfigOf(context, name));
  log("info", "You can now use it like this:");
  context.out(`${updates ? "" : `export KUBECONFIG=$(k3d kubeconfig write ${name})\n`}kubectl cluster-info`);
}

async function create(context: ProgramContext, config: K3dConfig): Promise<void> {
  const { state, pace } = context;
  const log = loggerOf(context);
  const { name } = config.metadata;
  const network = `k3d-${name}`;
  log("info", "Prep: Network");
  await pace.wait(STEP_MS.network);
  const external = state.network(network) !== undefined;
  if (external) log("info", `Re-using existing network '${network}' (${state.network(network)?.id})`);
  else {
    createNetwork(state, {
      name: network,
      labels: { app: "k3d" },
      options: { "com.docker.network.bridge.enable_ip_masquerade": "true" },
    });
    log("info", `Created network '${network}'`);
  }
  const labels = { app: "k3d", "k3d.cluster": name, "k3d.version": "v5.9.0" };
  const volume = `${network}-images`;
  state.transaction(() => state.saveVolume({ name: volume, labels }));
  log("info", `Created image volume ${volume}`);
  log("info", "Starting new tools node...");
  log("info", `Starting node '${network}-tools'`);
  const plan = [
    { role: "server", index: 0, name: `${network}-server-0` },
    ...Array.from(
      { length: config.agents },
      (_, index) => ({ role: "agent", index, name: `${network}-agent-${index}` }) as const,
    ),
    { role: "loadbalancer", index: 0, name: `${network}-serverlb` },
  ] as const;
  const nodes: Planned[] = [];
  for (const planned of plan) {
    const image = planned.role === "loadbalancer" ? PROXY_IMAGE : config.image;
    log(
      "info",
      planned.role === "loadbalancer" ? `Creating LoadBalancer '${planned.name}'` : `Creating node '${planned.name}'`,
    );
    await ensureImage(context, planned.name, image);
    await pace.wait(STEP_MS.node);
    const container = createContainer(state, nodeContainer(config, planned, { image, external }));
    nodes.push({ ...planned, container });
  }
  log("info", "Using the k3d-tools node to gather environment information");
  log("info", `HostIP: using network gateway ${state.network(network)?.gateway} address`);
  await startNodes(context, name, nodes, async ({ container, role, index }) => {
    const server = nodes.find((node) => node.role === "server")?.container;
    const publisher = nodes.find((node) => node.role === "loadbalancer")?.container;
    if (server === undefined || publisher === undefined || role === "loadbalancer") return;
    if (role === "server") {
      await context.daemon.initialise({
        container: server.id,
        publisher: publisher.id,
        name,
        distribution: "k3s",
        version: /:(v[\d.]+(?:-k3s\d+)?)/.exec(config.image)?.[1] ?? "v1.36.1-k3s1",
        podSubnet: "10.42.0.0/16",
        serviceSubnet: "10.43.0.0/16",
        hostname: config.kubeAPI.host,
      });
    }
    await context.daemon.join({
      controlPlane: server.id,
      container: container.id,
      role: role === "server" ? "control-plane" : "worker",
      labels: parsePairs(valuesFor(role, index, config.options.k3s.nodeLabels)),
      index: role === "server" ? 0 : index + 1,
      tainted: false,
    });
  });
}

/** Clusters here have none of the parts of k3s that can be disabled. Any other argument would be ignored, and is refused. */
function refuseUnknownArguments({ options }: K3dConfig): void {
  const known = /^--disable=(traefik|servicelb|local-storage|metrics-server)$/;
  const unknown = options.k3s.extraArgs.find(({ value }) => !known.test(value));
  if (unknown !== undefined) throw new UnknownUsage(`the k3s argument ${unknown.value}`);
}

function nodeContainer(
  config: K3dConfig,
  { role, index, name }: { readonly role: Role; readonly index: number; readonly name: string },
  { image, external }: { readonly image: string; readonly external: boolean },
): Parameters<typeof createContainer>[1] {
  const cluster = `k3d-${config.metadata.name}`;
  const isNode = role !== "loadbalancer";
  const { host, hostIP: hostIp, hostPort } = config.kubeAPI;
  const nodeLabels = isNode
    ? valuesFor(role, index, config.options.k3s.nodeLabels).flatMap((label) => ["--node-label", label])
    : [];
  const extraArgs = isNode ? valuesFor(role, index, config.options.k3s.extraArgs) : [];
  const sans = role === "server" ? ["--tls-san", host, "--tls-san", `${cluster}-serverlb`] : [];
  return {
    name,
    image,
    labels: {
      app: "k3d",
      "k3d.cluster": config.metadata.name,
      "k3d.cluster.network.external": String(external),
      "k3d.role": role,
      ...(role === "server"
        ? { "k3d.server.api.host": host, "k3d.server.api.hostIP": hostIp, "k3d.server.api.port": String(hostPort) }
        : {}),
      "k3d.version": "v5.9.0",
      ...parsePairs(valuesFor(role, index, config.options.runtime.labels)),
    },
    network: cluster,
    networkMode: "bridge",
    entrypoint: isNode ? ["/bin/k3d-entrypoint.sh"] : ["/bin/sh", "-c", "nginx-proxy"],
    cmd: isNode ? [role, ...extraArgs, ...nodeLabels, ...sans] : null,
    // /var/lib/kubelet, /var/lib/rancher/k3s, /var/lib/cni, /var/log
    anonymousVolumes: isNode ? 4 : 0,
    volumes: [`${cluster}-images`],
    ...(role === "loadbalancer" ? { port: { container: "6443", hostIp, hostPort } } : {}),
    stopExitCode: 143,
  };
}

async function ensureImage(context: ProgramContext, node: string, image: string): Promise<void> {
  if (findImage(context.state, image) !== undefined) return;
  try {
    await pullFor(context, image);
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    throw new DockerError(
      `failed Cluster Creation: failed setup of server/agent node ${node}: failed to create node: runtime failed to create ` +
        `node '${node}': failed to create container for node '${node}': docker failed to pull image '${image}': docker ` +
        `failed to pull the image '${image}': Error response from daemon: ${error.message}`,
    );
  }
}

/** Servers, then agents, then the load balancer; `up` is called for each one that has come up. */
async function startNodes(
  context: ProgramContext,
  cluster: string,
  nodes: readonly Pick<Planned, "container" | "role" | "index">[],
  up: (node: Pick<Planned, "container" | "role" | "index">) => Promise<void>,
): Promise<void> {
  const log = loggerOf(context);
  log("info", `Starting cluster '${cluster}'`);
  for (const [role, title, ms] of [
    ["server", "servers", STEP_MS.server],
    ["agent", "agents", STEP_MS.agent],
    ["loadbalancer", "helpers", STEP_MS.loadBalancer],
  ] as const) {
    const group = nodes.filter((node) => node.role === role);
    if (role === "agent" && group.length === 0) {
      log("info", "All agents already running.");
      continue;
    }
    log("info", `Starting ${title}...`);
    for (const node of group) {
      log("info", `Starting node '${node.container.name}'`);
      try {
        await context.daemon.start(node.container.id);
        await context.pace.wait(ms);
        await up(node);
      } catch (error) {
        if (!(error instanceof DaemonRefusal)) throw error;
        throw new DockerError(
          `Failed Cluster Start: Failed to add one or more ${role === "loadbalancer" ? "helper" : role} nodes: runtime ` +
            `failed to start node '${node.container.name}': docker failed to start container for node ` +
            `'${node.container.name}': Error response from daemon: ${error.message}`,
        );
      }
    }
  }
  await context.pace.wait(STEP_MS.inject);
  log(
    "info",
    `Injecting records for hostAliases (incl. host.k3d.internal) and for ${nodes.length} network members into CoreDNS configmap...`,
  );
}

async function startCluster(context: ProgramContext, name: string): Promise<void> {
  const log = loggerOf(context);
  const nodes = someNodes(context, name);
  log("info", "Using the k3d-tools node to gather environment information");
  log("info", "Starting new tools node...");
  log("info", `Starting node 'k3d-${name}-tools'`);
  log("info", `HostIP: using network gateway ${context.state.network(`k3d-${name}`)?.gateway} address`);
  try {
    const planned = nodes.map((container) => ({ container, role: roleOf(container), index: 0 }));
    await startNodes(context, name, planned, async () => {});
  } catch (error) {
    if (error instanceof DockerError) throw new Fatal(error.message);
    throw error;
  }
  log("info", `Started cluster '${name}'`);
}

async function stopCluster(context: ProgramContext, name: string): Promise<void> {
  const log = loggerOf(context);
  const nodes = someNodes(context, name);
  log("info", `Stopping cluster '${name}'`);
  await context.pace.wait(STEP_MS.stop);
  for (const node of nodes) await context.daemon.stop(node.id);
  log("info", `Stopped cluster '${name}'`);
}

async function deleteCluster(context: ProgramContext, name: string): Promise<void> {
  const log = loggerOf(context);
  if (nodesOf(context, name).length === 0) {
    log("info", `No nodes found for cluster '${name}', nothing to delete.`);
    log("info", "No clusters found");
    return;
  }
  await removeCluster(context, name);
  log("info", "Removing cluster details from default kubeconfig...");
  const { kubeconfig } = context.environment;
  if (existsSync(kubeconfig)) removeFromKubeconfig(kubeconfig, kubeconfigNames(name));
  else {
    log("warning", "Failed to remove cluster details from default kubeconfig");
    log("warning", `failed to get default kubeconfig file: open ${kubeconfig}: no such file or directory`);
  }
  log("info", "Removing standalone kubeconfig file (if there is one)...");
  log("info", `Successfully deleted cluster ${name}!`);
}

/** Nodes, then the network if k3d made it, then the image volume. */
async function removeCluster(context: ProgramContext, name: string): Promise<void> {
  const { state } = context;
  const log = loggerOf(context);
  log("info", `Deleting cluster '${name}'`);
  const nodes = nodesOf(context, name);
  const external = nodes.some(({ labels }) => labels["k3d.cluster.network.external"] === "true");
  await context.pace.wait(STEP_MS.deletion);
  await removeContainers(context, nodes);
  const network = `k3d-${name}`;
  if (!external && state.network(network) !== undefined) {
    log("info", `Deleting cluster network '${network}'`);
    removeNetwork(state, network);
  }
  const volume = `${network}-images`;
  if (state.volumes().some((one) => one.name === volume)) {
    log("info", "Deleting 1 attached volumes...");
    removeVolume(state, volume);
  }
}

function listClusters(context: ProgramContext, args: ParsedArguments): void {
  const output = args.value("output");
  if (output !== undefined && output !== "json") throw new UnknownUsage(`the output ${output}`);
  const all = context.state.containers().flatMap(({ labels }) => labels["k3d.cluster"] ?? []);
  const names = [...new Set(all)]
    .filter((name) => args.positional.length === 0 || args.positional.includes(name))
    .sort();
  if (names.length === 0 && args.positional.length > 0) throw new Fatal("No nodes found for given cluster");
  const clusters = names.map((name) => describeCluster(name, nodesOf(context, name).toReversed()));
  if (output === "json") {
    context.out(JSON.stringify(clusters));
    return;
  }
  const rows = clusters.map((one) => [
    one.name,
    `${one.serversRunning}/${one.serversCount}`,
    `${one.agentsRunning}/${one.agentsCount}`,
    String(one.hasLoadbalancer),
  ]);
  for (const line of formatTable(["NAME", "SERVERS", "AGENTS", "LOADBALANCER"], rows)) context.out(line);
}

function describeCluster(name: string, nodes: readonly Container[]) {
  const of = (role: Role) => nodes.filter((node) => roleOf(node) === role);
  const running = (role: Role) => of(role).filter(({ state }) => state.status === "running").length;
  return {
    name,
    nodes: nodes.map((node) => ({
      name: node.name,
      role: roleOf(node),
      State: { Running: node.state.status === "running", Status: node.state.status },
    })),
    imageVolume: `k3d-${name}-images`,
    serversRunning: running("server"),
    serversCount: of("server").length,
    agentsRunning: running("agent"),
    agentsCount: of("agent").length,
    hasLoadbalancer: of("loadbalancer").length > 0,
  };
}

function getKubeconfig(context: ProgramContext, name: string): void {
  const nodes = someNodes(context, name);
  const log = loggerOf(context);
  if (controlPlaneOf(context, name) === undefined) {
    const server = nodes.find((node) => roleOf(node) === "server");
    const path = "/output/kubeconfig.yaml";
    log(
      "error",
      `failed to get kubeconfig for cluster '${name}': runtime failed to pull kubeconfig from node '${server?.name}': docker ` +
        `failed to copy path '${path}' from container '${server?.id}': Error response from daemon: Could not find the file ` +
        `${path} in container ${server?.id}`,
    );
    context.out("---");
    throw new Exit(1);
  }
  context.out(`---\n${renderKubeconfig(kubeconfigOf(context, name)).trimEnd()}`);
}

function kubeconfigOf(context: ProgramContext, name: string): KubeconfigEntry {
  const controlPlane = controlPlaneOf(context, name);
  const server = nodesOf(context, name).find((node) => roleOf(node) === "server");
  return {
    ...kubeconfigNames(name),
    server: `https://${server?.labels["k3d.server.api.host"]}:${server?.labels["k3d.server.api.port"]}`,
    authority: controlPlane?.authority ?? "",
    token: controlPlane?.token ?? "",
  };
}

function kubeconfigNames(name: string) {
  return { context: `k3d-${name}`, cluster: `k3d-${name}`, user: `admin@k3d-${name}` };
}

function controlPlaneOf(context: ProgramContext, name: string): ControlPlane | undefined {
  const server = nodesOf(context, name).find((node) => roleOf(node) === "server");
  return context.state.controlPlanes().find(({ container }) => container === server?.id);
}

function nodesOf({ state }: ProgramContext, name: string): readonly Container[] {
  return state.containers().filter(({ labels }) => labels["k3d.cluster"] === name);
}

function someNodes(context: ProgramContext, name: string): readonly Container[] {
  const nodes = nodesOf(context, name);
  if (nodes.length === 0) throw new Fatal("No nodes found for given cluster");
  return nodes;
}

function roleOf({ labels }: Container): Role {
  const role = labels["k3d.role"];
  return role === "server" || role === "loadbalancer" ? role : "agent";
}

function oneName(args: ParsedArguments): string {
  const [name, ...more] = args.positional;
  if (name === undefined || more.length > 0) throw new UnknownUsage("other than one cluster name");
  return name;
}

/** logrus without colours and terminal, as with LOG_COLORS=false. Info to stdout, the rest to stderr. */
function loggerOf({ out, err }: Pick<ProgramContext, "out" | "err">): (level: Level, message: string) => void {
  return (level, message) => {
    const say = level === "info" ? out : err;
    say(`time="${new Date().toISOString().slice(0, 19)}Z" level=${level} msg=${JSON.stringify(message)}`);
  };
}

if (import.meta.main) {
  process.exitCode = await runProgram("k3d", main, ({ err }, socket) => {
    const text = `Cannot connect to the Docker daemon at unix://${socket}. Is the docker daemon running?`;
    const log = loggerOf({ out: err, err });
    log("fatal", `runtime failed to list nodes: docker failed to get containers: ${text}`);
    return 1;
  });
}
