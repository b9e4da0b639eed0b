import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FleetError } from "#lib/errors.ts";
import type { LocalCluster } from "#lib/fleet/types.ts";
import type { AnyResource, Change, Health, Observed, Resource } from "#lib/graph/resource.ts";
import { endpointOf, type Kubeconfig, parseKubeconfig, readKubeconfigFile } from "#lib/kubernetes/kubeconfig.ts";
import { fleetLabel } from "#lib/local/config.ts";
import { findCreator } from "#lib/local/creator.ts";
import { type Container, docker, listContainers } from "#lib/local/docker.ts";
import { explainCreateError } from "#lib/local/explain.ts";
import { forgetBegun, isBegun, markBegun, markReady } from "#lib/local/finished.ts";
import { requireFreePort } from "#lib/local/ports.ts";
import { type ClusterNode, type Probe, probe, waitingFor } from "#lib/local/readiness.ts";
import type { Configuration, LocalTool } from "#lib/local/tool.ts";
import { kubeconfigPath } from "#lib/paths.ts";
import type { World } from "#lib/world.ts";

export interface LocalClusterState {
  /** `starting`: complete, but not ready yet, e.g. after a restart of Docker. `damaged`: it has lost a part. */
  readonly phase: "stopped" | "starting" | "ready" | "damaged";
  /** What it is still waiting for, or what it lacks; empty when ready. */
  readonly waitingFor: string;
  /** It says itself that it was ready once. False while it isn't asked. */
  readonly isMarked: boolean;
  readonly configuration: Configuration;
  readonly nodes: readonly ClusterNode[];
  /** The admin's kubeconfig; undefined while it is stopped. */
  readonly kubeconfig: Kubeconfig | undefined;
}

export interface LocalClusterOptions {
  readonly cluster: LocalCluster;
  readonly tool: LocalTool;
  /** Domain of the fleet: the owner that the nodes are labelled with. */
  readonly domain: string;
  readonly wanted: Configuration;
  readonly needs: readonly AnyResource[];
}

/** How long a complete cluster may take to become ready: images of its add-ons may have to be pulled over a slow line. */
const readyTimeoutMs = 10 * 60_000;
const pollMs = 300;
/** Removing half a cluster after an interrupt must end, even when Docker hangs. */
const cleanupTimeoutMs = 60_000;

type LocalObserved = Observed<LocalClusterState>;

/** A cluster of kind or k3d. Ready: the API answers, every node is Ready, CoreDNS is up. */
export function localCluster(options: LocalClusterOptions): Resource<LocalClusterState> {
  const { cluster, tool, wanted } = options;
  return {
    id: `local/${cluster.name}/cluster`,
    title: `${cluster.name}: ${tool.name} cluster`,
    label: tool.name,
    owner: { kind: "cluster", name: cluster.name, group: "local" },
    lane: "cluster",
    needs: options.needs,
    observe: (world) => observe(world, options),
    diff: (state) => compare(state, wanted),
    ensure: (world, observed) => ensure(world, observed, options),
    async remove(world, observed) {
      world.progress(observed.kind === "absent" ? "looking for leftovers" : `deleting the ${tool.name} cluster`);
      await removeCluster(world, options);
      return { kind: "removed" };
    },
    health,
  };
}

async function observe(world: World, options: LocalClusterOptions): Promise<LocalObserved> {
  const { cluster, tool } = options;
  const containers = await listContainers(world, [filterOf(options)]);
  if (containers.length === 0) return await observeNone(world, options);
  const seen = await observeContainers(world, options, containers);
  if (seen.kind === "present" && seen.state.phase === "ready") return seen;
  const creator = await findCreator(world, tool.name, cluster.name);
  return creator === undefined ? seen : { kind: "busy", why: creator };
}

async function observeNone(world: World, { cluster, tool }: LocalClusterOptions): Promise<LocalObserved> {
  const name = tool.firstContainer(cluster.name);
  const [sameName, creator] = await Promise.all([
    listContainers(world, [`name=^/?${name.replaceAll(".", "\\.")}$`]),
    findCreator(world, tool.name, cluster.name),
  ]);
  if (creator !== undefined) return { kind: "busy", why: creator };
  if (sameName.length === 0) return { kind: "absent" };
  return { kind: "foreign", why: `a container that ${tool.name} did not make has the name ${name}` };
}

async function observeContainers(
  world: World,
  options: LocalClusterOptions,
  containers: readonly Container[],
): Promise<LocalObserved> {
  const { tool } = options;
  const configuration = tool.describe(containers);
  const lacking = (why: string): Promise<LocalObserved> => judge(world, options, { configuration, nodes: [] }, why);
  const unfinished = tool.unfinished(containers);
  if (unfinished !== undefined) return await lacking(unfinished);
  const unborn = containers.find((container) => container.status === "created" || container.status === "dead");
  if (unborn !== undefined) return await lacking(`container ${unborn.name} is ${unborn.status}`);

  const down = containers.filter((container) => container.status !== "running");
  if (down.length > 0) {
    const states = [...new Set(down.map((one) => one.status))].join(", ");
    const what = `${down.length} of ${containers.length} containers are ${states}`;
    return {
      kind: "present",
      state: { ...unasked, phase: "stopped", waitingFor: what, configuration },
    };
  }
  // The file that we wrote saves asking the tool, which takes longer than all the rest; that it is right is proved by using it.
  const own = await readOwnKubeconfig(world, options, configuration);
  if (own !== undefined) {
    const observed = await observeApi(world, options, configuration, own);
    if (observed.kind === "present" && observed.state.phase === "ready") return observed;
  }
  const kubeconfig = await askKubeconfig(world, options);
  if (kubeconfig === undefined) return await lacking("it has no kubeconfig");
  return await observeApi(world, options, configuration, kubeconfig);
}

/** Of a cluster whose API wasn't asked. */
const unasked = { nodes: [], kubeconfig: undefined, isMarked: false } as const;

/** What lacks a part was either never finished, and is what a run of ours left; or it is somebody's cluster, which has lost it. */
async function judge(
  world: World,
  { cluster }: LocalClusterOptions,
  seen: Pick<LocalClusterState, "configuration" | "nodes"> & {
    readonly kubeconfig?: Kubeconfig;
    readonly isMarked?: boolean;
  },
  why: string,
): Promise<LocalObserved> {
  if (seen.isMarked !== true && (await isBegun(world, cluster.name))) return { kind: "broken", why };
  return { kind: "present", state: { ...unasked, ...seen, phase: "damaged", waitingFor: why } };
}

async function askKubeconfig(world: World, { cluster, tool }: LocalClusterOptions): Promise<Kubeconfig | undefined> {
  const text = await tool.kubeconfig(world, cluster.name);
  return text === undefined ? undefined : parseKubeconfig(text, `${tool.name} cluster ${cluster.name}`);
}

/** Undefined when there is none, or one that isn't for this address. */
async function readOwnKubeconfig(
  world: World,
  { cluster }: LocalClusterOptions,
  configuration: Configuration,
): Promise<Kubeconfig | undefined> {
  const path = kubeconfigPath(world.paths, cluster.name);
  const file = await readKubeconfigFile(path);
  if (file === undefined) return undefined;
  try {
    const kubeconfig = parseKubeconfig(file.text, path);
    return endpointOf(kubeconfig, path).server === `https://${configuration.api}` ? kubeconfig : undefined;
  } catch (error) {
    if (error instanceof FleetError && error.code === "KubeconfigInvalid") return undefined;
    throw error;
  }
}

/** What the API says of a cluster whose containers all run. */
async function observeApi(
  world: World,
  options: LocalClusterOptions,
  configuration: Configuration,
  kubeconfig: Kubeconfig,
): Promise<LocalObserved> {
  const { cluster, tool, domain } = options;
  let seen: Probe;
  try {
    const api = world.kubernetes(endpointOf(kubeconfig, `${tool.name} cluster ${cluster.name}`));
    seen = await probe(api, tool.systemObjects, world.signal);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    if (error.code === "ClusterUnreachable" || error.code === "KubernetesError") {
      const waitingFor = "its API server";
      return { kind: "present", state: { ...unasked, phase: "starting", waitingFor, configuration, kubeconfig } };
    }
    throw error;
  }
  if (seen.nodes.length > 0 && seen.nodes.every((node) => node.labels[fleetLabel] !== domain)) {
    const owner = seen.nodes.map((node) => node.labels[fleetLabel]).find((label) => label !== undefined);
    const maker = owner === undefined ? "not made by this fleet" : `made by the fleet ${owner}`;
    return { kind: "foreign", why: `a ${tool.name} cluster ${cluster.name} exists that was ${maker}` };
  }
  const { nodes, wasReady: isMarked } = seen;
  const found = { configuration, nodes, kubeconfig, isMarked };
  if (seen.missing.length > 0)
    return await judge(world, options, found, `kube-system has no ${seen.missing.join(", ")}`);
  const expected = 1 + configuration.workers;
  if (nodes.length < expected) {
    const why = `${expected - nodes.length} of ${expected} nodes ${isMarked ? "are missing" : "never joined"}`;
    return await judge(world, options, found, why);
  }
  const waiting = waitingFor(seen);
  const phase = waiting === undefined ? "ready" : "starting";
  return { kind: "present", state: { ...found, phase, waitingFor: waiting ?? "" } };
}

function filterOf({ cluster, tool }: LocalClusterOptions): string {
  return `label=${tool.clusterLabel}=${cluster.name}`;
}

function compare(state: LocalClusterState, wanted: Configuration): readonly Change[] {
  const changes: Change[] = [];
  const replace = (field: string, from: string, to: string): void => {
    if (from !== to) changes.push({ field, from, to, effect: "replace" });
  };
  const { configuration: is } = state;
  replace("image", is.image, wanted.image);
  replace("workers", String(is.workers), String(wanted.workers));
  replace("api", is.api, wanted.api);
  replace("arguments", is.arguments.join(" "), wanted.arguments.join(" "));
  if (state.phase === "damaged") replace("state", `damaged: ${state.waitingFor}`, "complete");
  else if (state.phase !== "ready")
    changes.push({ field: "state", from: state.phase, to: "ready", effect: "in-place" });
  else if (!state.isMarked) changes.push({ field: "mark", from: "absent", to: "ready once", effect: "in-place" });
  return changes;
}

async function ensure(world: World, observed: LocalObserved, options: LocalClusterOptions): Promise<LocalClusterState> {
  const { cluster, tool, wanted } = options;
  switch (observed.kind) {
    case "absent":
      return await make(world, options);
    case "foreign":
      await adopt(world, options);
      return await becomeReady(world, options);
    case "present": {
      if (compare(observed.state, wanted).some((change) => change.effect === "replace")) {
        return await remake(world, options, "deleting the cluster that differs");
      }
      if (observed.state.phase === "stopped") {
        world.progress("starting its containers");
        await tool.start(world, cluster.name, await listContainers(world, [filterOf(options)]));
      }
      const ended = await waitReady(world, options);
      if (ended.kind === "broken") return await remake(world, options, `deleting it: ${ended.why}`);
      return await finish(world, options, ended.state);
    }
    case "broken":
      return await remake(world, options, "deleting what is left of it");
    case "busy":
      throw new FleetError("StillBusy", observed.why);
    default:
      return observed satisfies never;
  }
}

async function remake(world: World, options: LocalClusterOptions, why: string): Promise<LocalClusterState> {
  world.progress(why);
  await removeCluster(world, options);
  return await make(world, options);
}

async function make(world: World, options: LocalClusterOptions): Promise<LocalClusterState> {
  const { cluster, tool, wanted } = options;
  await requireFreePort(world, cluster.apiPort);
  await markBegun(world, cluster.name);
  await withScratch(async (folder) => {
    const configPath = join(folder, `${cluster.name}.yaml`);
    await Bun.write(configPath, tool.render(cluster, options.domain, wanted.image));
    const request = { cluster, configPath, image: wanted.image, kubeconfigPath: join(folder, "kubeconfig") };
    world.progress(`creating the ${tool.name} cluster`);
    await createOrCleanUp(world, options, () => tool.create(withProgress(world, tool), request));
  });
  return await becomeReady(world, options);
}

/** A folder of mode 0700 for what a tool reads and writes during one call; the user's own kubeconfig is never touched. */
async function withScratch(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "k8s-multicluster-gitops-"));
  try {
    // k3d warns when the kubeconfig that it is to edit isn't there.
    await Bun.write(join(folder, "kubeconfig"), "apiVersion: v1\nkind: Config\n");
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function removeCluster(world: World, options: LocalClusterOptions): Promise<void> {
  const { cluster, tool } = options;
  await withScratch((folder) => tool.remove(world, cluster.name, join(folder, "kubeconfig")));
  const left = await listContainers(world, [filterOf(options)]);
  if (left.length > 0) {
    await docker(world, ["container", "rm", "--force", "--volumes", ...left.map((container) => container.id)]);
  }
  await forgetBegun(world, cluster.name);
}

/** After a failure or an interrupt either everything is gone or, with --retain, everything is left for a look. */
async function createOrCleanUp(world: World, options: LocalClusterOptions, work: () => Promise<void>): Promise<void> {
  const { cluster } = options;
  try {
    await work();
  } catch (error) {
    if (!world.options.retain) {
      world.progress("removing what was made");
      // The run's signal may be what ended the work: the removal has a limit of its own.
      const signal = AbortSignal.timeout(cleanupTimeoutMs);
      await removeCluster({ ...world, signal }, options);
    }
    throw await explainCreateError(error, world, cluster);
  }
}

function withProgress(world: World, tool: LocalTool): World {
  return {
    ...world,
    output(line) {
      world.output(line);
      const step = tool.parseProgress(line);
      if (step !== undefined && step !== "") world.progress(step);
    },
  };
}

/** Waits for a cluster that should be complete. */
async function becomeReady(world: World, options: LocalClusterOptions): Promise<LocalClusterState> {
  const state = await waitReady(world, options);
  if (state.kind === "present") return await finish(world, options, state.state);
  throw new FleetError("ClusterNotReady", `${options.tool.name} ended well, but ${state.why}`, {
    hint: "run the same command again: what was never finished is made anew",
  });
}

async function finish(
  world: World,
  { cluster, tool }: LocalClusterOptions,
  state: LocalClusterState,
): Promise<LocalClusterState> {
  if (state.kubeconfig === undefined) return state;
  if (state.isMarked) await forgetBegun(world, cluster.name);
  else
    await markReady(
      world,
      cluster.name,
      world.kubernetes(endpointOf(state.kubeconfig, `${tool.name} cluster ${cluster.name}`)),
    );
  return { ...state, isMarked: true };
}

/** Polls until the cluster is ready or turns out to have never been finished. @throws FleetError ClusterNotReady */
async function waitReady(
  world: World,
  options: LocalClusterOptions,
): Promise<Extract<LocalObserved, { readonly kind: "present" | "broken" }>> {
  const { cluster, tool } = options;
  const deadline = world.clock.now() + readyTimeoutMs;
  let known: LocalClusterState | undefined;
  for (;;) {
    // While the API answers, asking it alone is enough; Docker and the tool are asked again when it doesn't.
    const observed: LocalObserved =
      known?.kubeconfig !== undefined && known.nodes.length > 0
        ? await observeApi(world, options, known.configuration, known.kubeconfig)
        : await observeFully(world, options);
    let waiting: string;
    switch (observed.kind) {
      case "present":
        if (observed.state.phase === "ready") return observed;
        if (observed.state.phase === "damaged") throw damaged(observed.state);
        known = observed.state;
        waiting = observed.state.waitingFor;
        break;
      case "broken":
        return observed;
      case "absent":
        throw new FleetError("ClusterNotReady", "its containers went away while it was being waited for", {
          hint: "something else removed them; run the same command again",
        });
      case "foreign":
      case "busy":
        waiting = observed.why;
        break;
      default:
        return observed satisfies never;
    }
    if (world.clock.now() >= deadline) {
      throw new FleetError(
        "ClusterNotReady",
        `not ready after ${readyTimeoutMs / 60_000} minutes: still waiting for ${waiting}`,
        {
          hint: `look at it with kubectl --kubeconfig <(${tool.name} ${tool.kubeconfigCommand} ${cluster.name}) get pods -A, or delete and create it`,
        },
      );
    }
    world.progress(`waiting for ${waiting}`);
    await world.clock.sleep(pollMs, world.signal);
  }
}

function damaged({ waitingFor: why }: LocalClusterState): FleetError {
  return new FleetError("ClusterNotReady", `it was ready before, and has lost a part since: ${why}`, {
    hint: "restore what is missing, or run the same command with --allow-replacement to delete the cluster and create it again",
  });
}

async function observeFully(world: World, options: LocalClusterOptions): Promise<LocalObserved> {
  const containers = await listContainers(world, [filterOf(options)]);
  return containers.length === 0 ? { kind: "absent" } : await observeContainers(world, options, containers);
}

/** Labels the nodes as this fleet's, which is all that makes a cluster ours. */
async function adopt(world: World, options: LocalClusterOptions): Promise<void> {
  const { cluster, tool, domain } = options;
  const kubeconfig = await askKubeconfig(world, options);
  if (kubeconfig === undefined) {
    throw new FleetError(
      "ForeignResource",
      `${tool.firstContainer(cluster.name)} is no ${tool.name} cluster and can't be adopted`,
      {
        hint: `docker rm --force ${tool.firstContainer(cluster.name)}, or rename the cluster in clusters/`,
      },
    );
  }
  const api = world.kubernetes(endpointOf(kubeconfig, `${tool.name} cluster ${cluster.name}`));
  const seen = await probe(api, tool.systemObjects, world.signal);
  await Promise.all(
    seen.nodes.map((node) =>
      api.patch(
        `/api/v1/nodes/${node.name}`,
        { metadata: { labels: { [fleetLabel]: domain } } },
        { signal: world.signal },
      ),
    ),
  );
}

function health(state: LocalClusterState): Health {
  if (state.phase !== "ready") return { kind: "degraded", summary: `${state.phase}: ${state.waitingFor}` };
  const count = state.nodes.length;
  return {
    kind: "healthy",
    summary: `${count} ${count === 1 ? "node" : "nodes"} ready · https://${state.configuration.api}`,
  };
}
