import { later } from "#sandbox/cloud/later.ts";
import { type Behaviours, type GcpCall, type Json, projectIdOf } from "#sandbox/gcp/api/behaviour.ts";
import type { Failure } from "#sandbox/gcp/api/failures.ts";
import { failedPrecondition } from "#sandbox/gcp/api/faults.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { notFound, placeOf } from "#sandbox/gcp/gke/faults.ts";
import {
  allOperations,
  type ClusterKey,
  gkeOf,
  idOf,
  locationOf,
  type OperationType,
  type StoredOperation,
} from "#sandbox/gcp/gke/state.ts";
import { tryFindProject } from "#sandbox/gcp/iam/state.ts";
import type { JsonObject } from "#sandbox/json.ts";

const minute = 60_000;

/** Durations of the real ones, and what GKE says of a cluster meanwhile. */
const kinds = {
  CREATE_CLUSTER: { durationMs: 6 * minute, doing: "creating cluster" },
  DELETE_CLUSTER: { durationMs: 4 * minute, doing: "deleting cluster" },
  UPDATE_CLUSTER: { durationMs: 2 * minute, doing: "updating cluster" },
  UPGRADE_MASTER: { durationMs: 5 * minute, doing: "upgrading cluster" },
  UPGRADE_NODES: { durationMs: 5 * minute, doing: "upgrading nodes of cluster" },
  SET_LABELS: { durationMs: minute / 6, doing: "updating cluster" },
  CREATE_NODE_POOL: { durationMs: 2 * minute, doing: "creating a node pool of cluster" },
  DELETE_NODE_POOL: { durationMs: 2 * minute, doing: "deleting a node pool of cluster" },
} as const satisfies Record<OperationType, object>;

/** What happens at the end of an operation. @returns why it failed */
export type Finish = (cloud: GcpCloud, operation: StoredOperation) => Promise<Failure | undefined>;

export type NewOperation = Pick<StoredOperation, "type" | "cluster" | "nodePool"> & { readonly change?: JsonObject };

export function beginOperation(call: GcpCall, finish: Finish, { change = {}, ...started }: NewOperation): Json {
  const { cloud } = call;
  const now = cloud.now();
  const name = `operation-${now.getTime()}-${crypto.randomUUID()}`;
  const operation: StoredOperation = { ...started, change, name, startTime: now.toISOString() };
  keep(cloud, operation);
  run(cloud, finish, operation);
  return formatOperation(call, operation);
}

/** Goes on with what a stopped sandbox left. */
export function resumeOperations(cloud: GcpCloud, finish: Finish): void {
  for (const operation of allOperations(cloud)) if (operation.endTime === undefined) run(cloud, finish, operation);
}

function keep(cloud: GcpCloud, operation: StoredOperation): void {
  gkeOf(cloud, operation.cluster.projectId).operations[operation.name] = operation;
  cloud.save();
}

function run(cloud: GcpCloud, finish: Finish, operation: StoredOperation): void {
  later(cloud, kinds[operation.type].durationMs, async () => {
    const current = gkeOf(cloud, operation.cluster.projectId).operations[operation.name] ?? operation;
    const failure = await finish(cloud, current);
    keep(cloud, { ...current, endTime: cloud.now().toISOString(), ...(failure === undefined ? {} : { failure }) });
  });
}

/** @throws GcpFault 400 while an operation changes the cluster */
export function refuseWhileBusy(cloud: GcpCloud, cluster: ClusterKey): void {
  const running = allOperations(cloud).find((one) => one.endTime === undefined && idOf(one.cluster) === idOf(cluster));
  if (running === undefined) return;
  throw failedPrecondition(
    `Operation ${running.name} is currently ${kinds[running.type].doing} ${cluster.name}. Please wait and try again once it is done.`,
  );
}

export const operationBehaviours: Behaviours = {
  "container.projects.locations.operations.cancel": (call) => {
    const operation = findOperation(call);
    if (operation.endTime !== undefined || operation.type === "DELETE_CLUSTER") {
      throw failedPrecondition(`Operation ${operation.name} can't be cancelled.`);
    }
    keep(call.cloud, { ...operation, isCancelled: true });
    return {};
  },
  "container.projects.locations.operations.get": (call) => formatOperation(call, findOperation(call)),
  "container.projects.locations.operations.list": (call) => {
    const all = Object.values(gkeOf(call.cloud, projectIdOf(call)).operations);
    const found = all.filter(({ cluster }) => ["-", cluster.location].includes(locationOf(call)));
    return found.length === 0 ? {} : { operations: found.map((one) => formatOperation(call, one)) };
  },
};

function findOperation(call: GcpCall): StoredOperation {
  const [projectId, location, name = ""] = [projectIdOf(call), locationOf(call), call.params.operationsId];
  const found = gkeOf(call.cloud, projectId).operations[name];
  if (found?.cluster.location === location) return found;
  throw notFound(`projects/${projectId}/${placeOf(location)}/operations/${name}`);
}

/** Links have the number of the project. */
function formatOperation({ cloud }: GcpCall, operation: StoredOperation): Json {
  const { name, type, cluster, nodePool, startTime, endTime, isCancelled, failure } = operation;
  const number = tryFindProject(cloud, cluster.projectId)?.number;
  const place = `https://container.googleapis.com/v1/projects/${number}/${placeOf(cluster.location)}`;
  const target = `${place}/clusters/${cluster.name}`;
  return {
    name,
    operationType: type,
    status: endTime === undefined ? (isCancelled ? "ABORTING" : "RUNNING") : "DONE",
    selfLink: `${place}/operations/${name}`,
    targetLink: nodePool === undefined ? target : `${target}/nodePools/${nodePool}`,
    startTime,
    ...(endTime === undefined ? {} : { endTime }),
    zone: cluster.location,
    ...(failure === undefined ? {} : formatFailure(failure)),
  };
}

/**
 * What a failure is for google.rpc, by the codes of conditions, with its number.
 * https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/StatusCondition
 */
const rpcCodes: Readonly<Record<string, readonly [number, string]>> = {
  CANCELLED: [1, "CANCELLED"],
  GCE_QUOTA_EXCEEDED: [8, "RESOURCE_EXHAUSTED"],
  GCE_STOCKOUT: [8, "RESOURCE_EXHAUSTED"],
};
const otherwise = [13, "INTERNAL"] as const;

function formatFailure(failure: Failure): Json {
  const { code, message } = failure;
  const [number] = rpcCodes[code] ?? otherwise;
  return { statusMessage: message, error: { code: number, message }, clusterConditions: [conditionOf(failure)] };
}

/** As clusters and operations show it. */
export function conditionOf({ code, message }: Failure): JsonObject {
  const [, canonicalCode] = rpcCodes[code] ?? otherwise;
  return { ...(code.startsWith("GCE_") ? { code } : {}), message, canonicalCode };
}
