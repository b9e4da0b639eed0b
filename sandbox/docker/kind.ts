import { DaemonRefusal } from "#sandbox/daemon-client.ts";
import { type ParsedArguments, parseArguments, UnknownUsage } from "#sandbox/docker/argv.ts";
import { ConfigError } from "#sandbox/docker/config-file.ts";
import { createContainer, createNetwork, DockerError, findImage } from "#sandbox/docker/engine.ts";
import { type KindConfig, nodeNames, readKindConfig } from "#sandbox/docker/kind-config.ts";
import {
  addToKubeconfig,
  type KubeconfigEntry,
  removeFromKubeconfig,
  renderKubeconfig,
} from "#sandbox/docker/kubeconfig.ts";
import type { Container } from "#sandbox/docker/model.ts";
import { Exit, type ProgramContext, removeContainers, runProgram } from "#sandbox/docker/program.ts";
import { pullFor } from "#sandbox/docker/pull.ts";

const CLUSTER_LABEL = "io.x-k8s.kind.cluster";
const ROLE_LABEL = "io.x-k8s.kind.role";
/** kind derives it from the network's name, so that parallel creations collide instead of making two. */
const IPV6_SUBNET = "fc00:f853:ccd:e793::/64";

/** What kind's steps take at speed 1, about two seconds in all; the real ones take ten times as long. */
const STEP_MS = {
  container: 150,
  configuration: 100,
  controlPlane: 900,
  network: 150,
  storage: 100,
  join: 400,
  deletion: 150,
} as const;

/** kind ends with this: `ERROR: <message>`, exit code 1. */
class KindError extends Error {}

async function main(context: ProgramContext): Promise<void> {
  const { argv } = context;
  const [first = "", second = ""] = argv;
  const rest = argv.slice(first === "version" ? 1 : 2);
  try {
    switch (first === "version" ? first : `${first} ${second}`) {
      case "version":
        plain(parseArguments(rest, { flags: {} }));
        context.out("kind v0.32.0 go1.26.0 linux/amd64");
        return;
      case "create cluster":
        await createCluster(
          context,
          parseArguments(rest, {
            flags: {
              name: "string",
              config: "string",
              kubeconfig: "string",
              image: "string",
              retain: "boolean",
              wait: "string",
            },
          }),
        );
        return;
      case "delete cluster":
        await deleteCluster(context, parseArguments(rest, { flags: { name: "string", kubeconfig: "string" } }));
        return;
      case "get clusters":
        getClusters(context, parseArguments(rest, { flags: {} }));
        return;
      case "get nodes":
        getNodes(context, parseArguments(rest, { flags: { name: "string" } }));
        return;
      case "get kubeconfig":
        getKubeconfig(context, parseArguments(rest, { flags: { name: "string" } }));
        return;
      default:
        throw new UnknownUsage(`the command "${first} ${second}"`);
    }
  } catch (error) {
    if (!(error instanceof KindError)) throw error;
    context.err(`ERROR: ${error.message}`);
    throw new Exit(1);
  }
}

async function createCluster(context: ProgramContext, args: ParsedArguments): Promise<void> {
  plain(args);
  try {
    await create(context, args);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof DockerError) {
      throw new KindError(`failed to create cluster: ${error.message}`);
    }
    throw error;
  }
}

async function create(context: ProgramContext, args: ParsedArguments): Promise<void> {
  const { daemon, pace, err } = context;
  const config = readKindConfig(args.value("config"), { name: args.value("name"), image: args.value("image") });
  const kubeconfig = args.value("kubeconfig") ?? context.environment.kubeconfig;
  if (nodesOf(context, config.name).length > 0) {
    throw new DockerError(`node(s) already exist for a cluster with the name "${config.name}"`);
  }
  if (!/^[a-z0-9.-]+$/.test(config.name)) {
    throw new DockerError(`'${config.name}' is not a valid cluster name, cluster names must match \`^[a-z0-9.-]+$\``);
  }
  err(`Creating cluster "${config.name}" ...`);
  const step = async (title: string, work: () => Promise<void>) => {
    err(` • ${title}  ...`);
    try {
      await work();
    } catch (error) {
      err(` ✗ ${title}`);
      if (!args.is("retain")) await removeNodes(context, config.name, kubeconfig);
      throw error;
    }
    err(` ✓ ${title}`);
  };

  for (const image of new Set(config.nodes.map((node) => node.image))) {
    await step(`Ensuring node image (${image.replace(/@.*$/, "")}) 🖼`, () => ensureImage(context, image));
  }
  let containers: readonly Container[] = [];
  await step(`Preparing nodes ${"📦 ".repeat(config.nodes.length)}`, async () => {
    ensureNetwork(context);
    containers = await prepareNodes(context, config);
  });
  const controlPlane = containers.find((_, index) => config.nodes[index]?.role === "control-plane");
  if (controlPlane === undefined) throw new DockerError("no control plane");
  const join = (container: Container) => {
    const index = containers.indexOf(container);
    const node = config.nodes[index];
    return daemon.join({
      controlPlane: controlPlane.id,
      container: container.id,
      role: node?.role ?? "worker",
      labels: node?.labels ?? {},
      index,
      tainted: container === controlPlane && containers.length > 1,
    });
  };
  await step("Writing configuration 📜", () => pace.wait(STEP_MS.configuration));
  await step("Starting control-plane 🕹️", async () => {
    await pace.wait(STEP_MS.controlPlane);
    await orRefused(() =>
      daemon.initialise({
        container: controlPlane.id,
        publisher: controlPlane.id,
        name: config.name,
        distribution: "kind",
        version: versionOf(config.nodes[containers.indexOf(controlPlane)]?.image ?? ""),
        podSubnet: config.networking.podSubnet,
        serviceSubnet: config.networking.serviceSubnet,
        hostname: config.networking.apiServerAddress,
      }),
    );
    await orRefused(() => join(controlPlane));
  });
  await step("Installing CNI 🔌", async () => {
    await pace.wait(STEP_MS.network);
    await orRefused(() => daemon.install(controlPlane.id, "network"));
  });
  await step("Installing StorageClass 💾", async () => {
    await pace.wait(STEP_MS.storage);
    await orRefused(() => daemon.install(controlPlane.id, "storage"));
  });
  const workers = containers.filter((container) => container !== controlPlane);
  if (workers.length > 0) {
    await step("Joining worker nodes 🚜", async () => {
      await pace.wait(STEP_MS.join);
      for (const worker of workers) await orRefused(() => join(worker));
    });
  }
  const entry = kubeconfigOf(context, config.name);
  try {
    addToKubeconfig(kubeconfig, entry);
  } catch (error) {
    throw new DockerError(error instanceof Error ? error.message : String(error));
  }
  err(`Set kubectl context to "${entry.context}"`);
  const explicit = args.value("kubeconfig");
  err(
    `You can now use your cluster with:\n\nkubectl cluster-info --context ${entry.context}` +
      (explicit === undefined ? "" : ` --kubeconfig ${explicit}`),
  );
  err("");
  err("Have a nice day! 👋");
}

async function ensureImage(context: ProgramContext, image: string): Promise<void> {
  if (findImage(context.state, image) !== undefined) return;
  try {
    await pullFor(context, image);
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    throw new DockerError(
      `failed to pull image "${image}": command "docker pull ${image}" failed with error: exit status 1\n\n` +
        `Command Output: Error response from daemon: ${error.message}`,
    );
  }
}

function ensureNetwork({ state }: ProgramContext): void {
  if (state.network("kind") !== undefined) return;
  try {
    createNetwork(state, {
      name: "kind",
      labels: {},
      ipv6Subnet: IPV6_SUBNET,
      options: {
        "com.docker.network.bridge.enable_ip_masquerade": "true",
        "com.docker.network.driver.mtu": "1500",
      },
    });
  } catch (error) {
    // Another kind made it in the meantime.
    if (state.network("kind") === undefined) throw error;
  }
}

/** All nodes at once, as kind runs them. The first failure counts; the others are waited for. */
async function prepareNodes(context: ProgramContext, config: KindConfig): Promise<readonly Container[]> {
  const names = nodeNames(config);
  const containers = config.nodes.map((node, index) =>
    nodeContainer(context, config, names[index] ?? "", node.role, node.image),
  );
  await context.pace.wait(STEP_MS.container);
  const results = await Promise.allSettled(
    containers.map(async (container) => {
      try {
        await context.daemon.start(container.id);
      } catch (error) {
        if (!(error instanceof DaemonRefusal)) throw error;
        throw new DockerError(
          `command "docker run --name ${container.name} … ${container.image}" failed with error: exit status 125\n\n` +
            `Command Output: ${container.id}\ndocker: Error response from daemon: ${error.message}\n\n` +
            "Run 'docker run --help' for more information",
        );
      }
    }),
  );
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return containers.map((container) => context.state.container(container.id) ?? container);
}

function nodeContainer(
  context: ProgramContext,
  config: KindConfig,
  name: string,
  role: string,
  image: string,
): Container {
  const controlPlane = role === "control-plane";
  return createContainer(context.state, {
    name,
    image,
    labels: { [CLUSTER_LABEL]: config.name, [ROLE_LABEL]: role },
    network: "kind",
    networkMode: "kind",
    entrypoint: ["/usr/local/bin/entrypoint", "/sbin/init"],
    cmd: null,
    anonymousVolumes: 1,
    volumes: [],
    ...(controlPlane
      ? {
          port: {
            container: "6443/tcp",
            hostIp: config.networking.apiServerAddress,
            hostPort: config.networking.apiServerPort || freePort(),
          },
        }
      : {}),
    stopExitCode: 130,
  });
}

/** kind's own way: listen on port 0, close, and hope. */
function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

async function deleteCluster(context: ProgramContext, args: ParsedArguments): Promise<void> {
  plain(args);
  const name = args.value("name") ?? "kind";
  context.err(`Deleting cluster "${name}" ...`);
  await removeNodes(context, name, args.value("kubeconfig") ?? context.environment.kubeconfig);
}

async function removeNodes(context: ProgramContext, name: string, kubeconfig: string): Promise<void> {
  const nodes = nodesOf(context, name);
  let lockProblem: string | undefined;
  try {
    removeFromKubeconfig(kubeconfig, kubeconfigNames(name));
  } catch (error) {
    lockProblem = error instanceof Error ? error.message : String(error);
    context.err(`ERROR: failed to update kubeconfig: ${lockProblem}`);
  }
  if (nodes.length > 0) {
    await context.pace.wait(STEP_MS.deletion);
    await removeContainers(context, nodes);
    context.err(`Deleted nodes: [${nodes.map((node) => JSON.stringify(node.name)).join(" ")}]`);
  }
  if (lockProblem !== undefined) throw new KindError(`failed to delete cluster "${name}": ${lockProblem}`);
}

function getClusters(context: ProgramContext, args: ParsedArguments): void {
  plain(args);
  const names = context.state.containers().flatMap(({ labels }) => labels[CLUSTER_LABEL] ?? []);
  if (names.length === 0) context.err("No kind clusters found.");
  for (const name of [...new Set(names)].sort()) context.out(name);
}

function getNodes(context: ProgramContext, args: ParsedArguments): void {
  plain(args);
  const name = args.value("name") ?? "kind";
  const nodes = nodesOf(context, name);
  if (nodes.length === 0) context.err(`No kind nodes found for cluster "${name}".`);
  for (const node of nodes) context.out(node.name);
}

function getKubeconfig(context: ProgramContext, args: ParsedArguments): void {
  plain(args);
  // kind prints the file and one more line break.
  context.out(renderKubeconfig(kubeconfigOf(context, args.value("name") ?? "kind")));
}

/** What `docker exec … cat /etc/kubernetes/admin.conf` gives: nothing before kubeadm has run or while it is stopped. */
function kubeconfigOf(context: ProgramContext, name: string): KubeconfigEntry {
  const node = nodesOf(context, name).find(({ labels }) => labels[ROLE_LABEL] === "control-plane");
  if (node === undefined) {
    throw new KindError(
      `could not locate any control plane nodes for cluster named '${name}'. ` +
        "Use the --name option to select a different cluster",
    );
  }
  const fail = (output: string) =>
    new KindError(
      "failed to get cluster internal kubeconfig: command " +
        `"docker exec --privileged ${node.name} cat /etc/kubernetes/admin.conf" failed with error: exit status 1\n\n` +
        `Command Output: ${output}`,
    );
  if (node.state.status !== "running") {
    throw fail(`Error response from daemon: Container ${node.id} is not running`);
  }
  const controlPlane = context.state.controlPlanes().find(({ container }) => container === node.id);
  if (controlPlane === undefined) throw fail("cat: /etc/kubernetes/admin.conf: No such file or directory");
  return {
    ...kubeconfigNames(name),
    server: `https://${node.port?.hostIp}:${node.port?.hostPort}`,
    authority: controlPlane.authority,
    token: controlPlane.token,
  };
}

function kubeconfigNames(name: string) {
  return { context: `kind-${name}`, cluster: `kind-${name}`, user: `kind-${name}` };
}

/** Newest first, as `docker ps` lists them. */
function nodesOf({ state }: ProgramContext, name: string): readonly Container[] {
  return state
    .containers()
    .filter(({ labels }) => labels[CLUSTER_LABEL] === name)
    .toReversed();
}

function versionOf(image: string): string {
  return /:(v[\d.]+)/.exec(image)?.[1] ?? "v1.36.1";
}

async function orRefused(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof DaemonRefusal) throw new DockerError(error.message);
    throw error;
  }
}

function plain(args: ParsedArguments): void {
  if (args.positional.length > 0) throw new UnknownUsage(`the argument ${args.positional[0]}`);
}

if (import.meta.main) {
  process.exitCode = await runProgram("kind", main, ({ err, argv }, socket) => {
    if (argv[0] === "version") {
      process.stdout.write("kind v0.32.0 go1.26.0 linux/amd64\n");
      return 0;
    }
    const what = argv[0] === "create" ? "failed to create cluster: failed to list nodes" : "failed to list clusters";
    err(
      `ERROR: ${what}: command "docker ps -a" failed with error: exit status 1\n\n` +
        `Command Output: Cannot connect to the Docker daemon at unix://${socket}. Is the docker daemon running?`,
    );
    return 1;
  });
}
