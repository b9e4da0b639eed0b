import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { FleetError } from "#lib/errors.ts";
import type { Change, ChangeValue, Health, Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { endpointOf } from "#lib/kubernetes/kubeconfig.ts";
import { countNodes, versionOf } from "#lib/kubernetes/nodes.ts";
import { fleetLabel } from "#lib/local/config.ts";
import { findCreateProcess } from "#lib/local/create-process.ts";
import { docker, listContainers } from "#lib/local/docker.ts";
import { explainCreateError, isNameTaken } from "#lib/local/explain.ts";
import {
  filterOf,
  getKubeconfig,
  type LocalClusterOptions,
  type LocalClusterState,
  type LocalObserved,
  observeApi,
  observeCluster,
  observeFully,
} from "#lib/local/observe-cluster.ts";
import { removeContainersCommand, requireFreePort } from "#lib/local/ports.ts";
import { probe } from "#lib/local/readiness.ts";
import { clearUnfinished, markReady, markUnfinished } from "#lib/local/ready-mark.ts";
import type { Configuration, LocalTool } from "#lib/local/tool.ts";

/** Includes pulling the images of add-ons over a slow connection. */
const readyTimeoutMs = 10 * 60_000;
const pollMs = 300;
/** kind can end before the kubelet of a worker has registered its node (seen with kind 0.32.0 and Kubernetes 1.36.1). */
const joinTimeoutMs = 60_000;
/** Removing half a cluster after an interrupt must end, even when Docker hangs. */
const cleanupTimeoutMs = 60_000;

/** A cluster of kind or k3d. Ready: the API answers, every node is Ready, CoreDNS is up. */
export function localCluster(options: LocalClusterOptions): Resource<LocalClusterState> {
  const { cluster, tool, wanted } = options;
  return {
    id: `local/${cluster.name}/cluster`,
    title: `${cluster.name}: ${tool.name} cluster`,
    label: tool.name,
    row: { kind: "cluster", name: cluster.name, group: "local" },
    lane: "cluster",
    onMachine: true,
    needs: options.needs,
    observe: (world) => observeCluster(world, options),
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

function compare(state: LocalClusterState, wanted: Configuration): readonly Change[] {
  const changes: Change[] = [];
  const replace = (field: string, from: ChangeValue, to: ChangeValue): void => {
    if (!isDeepStrictEqual(from, to)) changes.push({ field, from, to, effect: "replace" });
  };
  const { configuration: is } = state;
  replace("image", is.image, wanted.image);
  replace("workers", String(is.workers), String(wanted.workers));
  replace("api", is.api, wanted.api);
  replace("arguments", is.arguments, wanted.arguments);
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
      return await createNew(world, options);
    case "foreign":
      await adopt(world, options);
      return await waitAndFinish(world, options);
    case "present": {
      if (compare(observed.state, wanted).some((change) => change.effect === "replace")) {
        return await recreate(world, options, "deleting the cluster that differs");
      }
      if (observed.state.phase === "stopped") {
        world.progress("starting its containers");
        await tool.start(world, cluster.name, await listContainers(world, [filterOf(options)]));
      }
      const ended = await waitReady(world, options);
      if (ended.kind === "broken") return await recreate(world, options, `deleting it: ${ended.why}`);
      return await finish(world, options, ended.state);
    }
    case "broken":
      return await recreate(world, options, "deleting what is left of it");
    case "busy":
      throw new FleetError("StillBusy", observed.why);
    default:
      return observed satisfies never;
  }
}

async function recreate(world: World, options: LocalClusterOptions, why: string): Promise<LocalClusterState> {
  world.progress(why);
  await removeCluster(world, options);
  return await createNew(world, options);
}

async function createNew(world: World, options: LocalClusterOptions): Promise<LocalClusterState> {
  const { cluster, tool, wanted } = options;
  await requireFreePort(world, cluster.apiPort);
  await markUnfinished(world, cluster.name);
  await withTemporaryFolder(async (folder) => {
    const configPath = join(folder, `${cluster.name}.yaml`);
    await Bun.write(configPath, tool.render(cluster, options.domain, wanted.image));
    const request = { cluster, configPath, image: wanted.image, kubeconfigPath: join(folder, "kubeconfig") };
    world.progress(`creating the ${tool.name} cluster`);
    await createOrCleanUp(world, options, () => tool.create(withProgress(world, tool), request));
  });
  return await waitAndFinish(world, options);
}

/** A folder of mode 0700 for the files of one call; the tool never edits the user's own kubeconfig. */
async function withTemporaryFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "k8s-multicluster-gitops-"));
  try {
    // k3d warns when the kubeconfig that it edits does not exist.
    await Bun.write(join(folder, "kubeconfig"), "apiVersion: v1\nkind: Config\n");
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function removeCluster(world: World, options: LocalClusterOptions): Promise<void> {
  const { cluster, tool } = options;
  await withTemporaryFolder((folder) => tool.remove(world, cluster.name, join(folder, "kubeconfig")));
  const left = await listContainers(world, [filterOf(options)]);
  if (left.length > 0) {
    await docker(world)`docker container rm --force --volumes ${left.map((container) => container.id)}`;
  }
  await clearUnfinished(world, cluster.name);
}

/** After a failure or an interrupt everything is removed or, with --retain, everything is kept for debugging. */
async function createOrCleanUp(world: World, options: LocalClusterOptions, work: () => Promise<void>): Promise<void> {
  const { cluster } = options;
  try {
    await work();
  } catch (error) {
    if (isNameTaken(error)) {
      await clearUnfinished(world, cluster.name);
      const creator = await findCreateProcess(
        { ...world, signal: AbortSignal.timeout(cleanupTimeoutMs) },
        options.tool.name,
        cluster.name,
      );
      throw new FleetError(
        "StillBusy",
        `another program made it at the same time${creator === undefined ? "" : `: ${creator}`}`,
        {
          hint: "run the same command again: it waits for the other command and continues with its cluster",
          cause: error,
        },
      );
    }
    if (!world.options.retain) {
      world.progress("removing what was made");
      // The run's signal may be aborted already: the removal has a time limit of its own.
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

/** Waits for a cluster that its tool has just reported as complete. */
async function waitAndFinish(world: World, options: LocalClusterOptions): Promise<LocalClusterState> {
  const state = await waitReady(world, options, joinTimeoutMs);
  if (state.kind === "present") return await finish(world, options, state.state);
  throw new FleetError("ClusterNotReady", `${options.tool.name} ended well, but ${state.why}`, {
    hint: "run the same command again: it recreates what was never completed",
  });
}

async function finish(
  world: World,
  { cluster, tool }: LocalClusterOptions,
  state: LocalClusterState,
): Promise<LocalClusterState> {
  if (state.kubeconfig === undefined) return state;
  if (state.isMarked) await clearUnfinished(world, cluster.name);
  else
    await markReady(
      world,
      cluster.name,
      world.kubernetes(endpointOf(state.kubeconfig, `${tool.name} cluster ${cluster.name}`)),
    );
  return { ...state, isMarked: true };
}

/**
 * Polls until the cluster is ready, or until it is known that its creation was never finished.
 *
 * @param incompleteMs milliseconds for which a part may be missing
 * @throws FleetError ClusterNotReady
 */
async function waitReady(
  world: World,
  options: LocalClusterOptions,
  incompleteMs = 0,
): Promise<Extract<LocalObserved, { readonly kind: "present" | "broken" }>> {
  const { cluster, tool } = options;
  const begin = world.clock.now();
  const deadline = begin + readyTimeoutMs;
  let known: LocalClusterState | undefined;
  for (;;) {
    // While the API answers, it alone is queried; otherwise also Docker and the tool.
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
        if (world.clock.now() >= begin + incompleteMs) return observed;
        waiting = `what it lacks: ${observed.why}`;
        break;
      case "absent":
        throw new FleetError("ClusterNotReady", "its containers were removed during the wait", {
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
  return new FleetError("ClusterNotReady", `it was ready before, but a component is missing now: ${why}`, {
    hint: "restore what is missing, or run the same command with --allow-replacement to delete the cluster and create it again",
  });
}

/** Labels the nodes with this fleet: the label alone says whose cluster it is. */
async function adopt(world: World, options: LocalClusterOptions): Promise<void> {
  const { cluster, tool, domain } = options;
  const kubeconfig = await getKubeconfig(world, options);
  if (kubeconfig === undefined) {
    throw new FleetError(
      "ForeignResource",
      `${tool.firstContainer(cluster.name)} is no ${tool.name} cluster and can't be adopted`,
      {
        hint: [
          removeContainersCommand(world, [tool.firstContainer(cluster.name)]),
          ", or rename the cluster in clusters/",
        ],
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
  const { phase, nodes } = state;
  const cluster = nodes.length === 0 ? {} : { cluster: { kubernetes: versionOf(nodes), nodes: countNodes(nodes) } };
  if (phase !== "ready") return { kind: "degraded", summary: `${phase}: ${state.waitingFor}`, ...cluster };
  return { kind: "healthy", summary: `https://${state.configuration.api}`, ...cluster };
}
