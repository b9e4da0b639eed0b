import { FleetError } from "#lib/errors.ts";
import type { LocalCluster } from "#lib/fleet/types.ts";
import type { AnyResource, Observed } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { endpointOf, type Kubeconfig, parseKubeconfig, readKubeconfigFile } from "#lib/kubernetes/kubeconfig.ts";
import type { ClusterNode } from "#lib/kubernetes/nodes.ts";
import { fleetLabel } from "#lib/local/config.ts";
import { findCreateProcess } from "#lib/local/create-process.ts";
import { type Container, listContainers } from "#lib/local/docker.ts";
import { type Probe, probe, waitingFor } from "#lib/local/readiness.ts";
import { isUnfinished } from "#lib/local/ready-mark.ts";
import type { Configuration, LocalTool } from "#lib/local/tool.ts";
import { kubeconfigPath } from "#lib/paths.ts";

export interface LocalClusterState {
  /** `starting`: complete, but not ready yet, e.g. after a restart of Docker. `damaged`: a part is missing. */
  readonly phase: "stopped" | "starting" | "ready" | "damaged";
  /** What it waits for, or which part is missing; empty when ready. */
  readonly waitingFor: string;
  /** The cluster has the mark of having been ready. False where its API was not queried. */
  readonly isMarked: boolean;
  readonly configuration: Configuration;
  readonly nodes: readonly ClusterNode[];
  /** The admin's kubeconfig; undefined while it is stopped. */
  readonly kubeconfig: Kubeconfig | undefined;
}

export interface LocalClusterOptions {
  readonly cluster: LocalCluster;
  readonly tool: LocalTool;
  /** Domain of the fleet; value of the label on the nodes. */
  readonly domain: string;
  readonly wanted: Configuration;
  readonly needs: readonly AnyResource[];
}

export type LocalObserved = Observed<LocalClusterState>;

/** Reads the state of a local cluster from its containers, then from its API. */
export async function observeCluster(world: World, options: LocalClusterOptions): Promise<LocalObserved> {
  const { cluster, tool } = options;
  const seen = await observeStable(world, options);
  if (seen.kind === "present" && seen.state.phase === "ready") return seen;
  const creator = await findCreateProcess(world, tool.name, cluster.name);
  return creator === undefined ? seen : { kind: "busy", why: creator };
}

/** Retries a failed read while another command changes the containers: the cause of the failure may be gone. */
async function observeStable(world: World, options: LocalClusterOptions): Promise<LocalObserved> {
  let containers = await listContainers(world, [filterOf(options)]);
  for (;;) {
    if (containers.length === 0) return await observeNone(world, options);
    try {
      return await observeContainers(world, options, containers);
    } catch (error) {
      world.signal.throwIfAborted();
      const now = await listContainers(world, [filterOf(options)]);
      if (Bun.deepEquals(idsOf(now), idsOf(containers))) throw error;
      containers = now;
    }
  }
}

function idsOf(containers: readonly Container[]): readonly string[] {
  return containers.map(({ id }) => id).sort();
}

async function observeNone(world: World, { cluster, tool }: LocalClusterOptions): Promise<LocalObserved> {
  const name = tool.firstContainer(cluster.name);
  const [sameName, creator] = await Promise.all([
    listContainers(world, [`name=^/?${name.replaceAll(".", "\\.")}$`]),
    findCreateProcess(world, tool.name, cluster.name),
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
  const lacks = (why: string): Promise<LocalObserved> => incomplete(world, options, { configuration, nodes: [] }, why);
  const unfinished = tool.unfinished(containers);
  if (unfinished !== undefined) return await lacks(unfinished);
  const notStarted = containers.find((container) => container.status === "created" || container.status === "dead");
  if (notStarted !== undefined) return await lacks(`container ${notStarted.name} is ${notStarted.status}`);

  const down = containers.filter((container) => container.status !== "running");
  if (down.length > 0) {
    const states = [...new Set(down.map((one) => one.status))].join(", ");
    const what = `${down.length} of ${containers.length} containers are ${states}`;
    return {
      kind: "present",
      state: { ...noApiState, phase: "stopped", waitingFor: what, configuration },
    };
  }
  // Our own kubeconfig file saves a slow call of the tool; the request below proves that it is still valid.
  const own = await readOwnKubeconfig(world, options, configuration);
  if (own !== undefined) {
    const observed = await observeApi(world, options, configuration, own);
    if (observed.kind === "present" && observed.state.phase === "ready") return observed;
  }
  const kubeconfig = await getKubeconfig(world, options);
  if (kubeconfig === undefined) return await lacks("it has no kubeconfig");
  return await observeApi(world, options, configuration, kubeconfig);
}

/** State of a cluster whose API was not queried. */
const noApiState = { nodes: [], kubeconfig: undefined, isMarked: false } as const;

/** A part is missing: either a run of ours was killed before the end (broken), or a finished cluster lost it later (damaged). */
async function incomplete(
  world: World,
  { cluster }: LocalClusterOptions,
  seen: Pick<LocalClusterState, "configuration" | "nodes"> & {
    readonly kubeconfig?: Kubeconfig;
    readonly isMarked?: boolean;
  },
  why: string,
): Promise<LocalObserved> {
  if (seen.isMarked !== true && (await isUnfinished(world, cluster.name))) return { kind: "broken", why };
  return { kind: "present", state: { ...noApiState, ...seen, phase: "damaged", waitingFor: why } };
}

/** The kubeconfig from the tool; undefined where the cluster has none. */
export async function getKubeconfig(
  world: World,
  { cluster, tool }: LocalClusterOptions,
): Promise<Kubeconfig | undefined> {
  const text = await tool.kubeconfig(world, cluster.name);
  return text === undefined ? undefined : parseKubeconfig(text, `${tool.name} cluster ${cluster.name}`);
}

/** Undefined where the file is missing or has another address. */
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

/** Reads the state from the API of a cluster whose containers all run. */
export async function observeApi(
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
      const waitingFor = `its API server: ${error.message}`;
      return { kind: "present", state: { ...noApiState, phase: "starting", waitingFor, configuration, kubeconfig } };
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
    return await incomplete(world, options, found, `kube-system has no ${seen.missing.join(", ")}`);
  const expected = 1 + configuration.workers;
  if (nodes.length < expected) {
    const why = `${expected - nodes.length} of ${expected} nodes ${isMarked ? "are missing" : "never joined"}`;
    return await incomplete(world, options, found, why);
  }
  const waiting = waitingFor(seen);
  const phase = waiting === undefined ? "ready" : "starting";
  return { kind: "present", state: { ...found, phase, waitingFor: waiting ?? "" } };
}

/** Docker's filter for the containers of a cluster. */
export function filterOf({ cluster, tool }: LocalClusterOptions): string {
  return `label=${tool.clusterLabel}=${cluster.name}`;
}

/** As observeCluster, for a cluster that this run is creating: the process that creates it is our own. */
export async function observeFully(world: World, options: LocalClusterOptions): Promise<LocalObserved> {
  const containers = await listContainers(world, [filterOf(options)]);
  return containers.length === 0 ? { kind: "absent" } : await observeContainers(world, options, containers);
}
