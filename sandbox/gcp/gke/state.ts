import type { ControlPlane } from "#sandbox/cloud/control-planes.ts";
import type { PublicAddresses } from "#sandbox/cloud/public-addresses.ts";
import { type GcpCall, projectIdOf } from "#sandbox/gcp/api/behaviour.ts";
import type { Failure, Failures } from "#sandbox/gcp/api/failures.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { notFound, placeOf } from "#sandbox/gcp/gke/faults.ts";
import { type JsonObject, listAt, objectAt } from "#sandbox/json.ts";

export interface StoredCluster {
  readonly projectId: string;
  /** Region or zone. */
  readonly location: string;
  readonly name: string;
  /** As answers show it, but for what depends on its API server. */
  readonly fields: JsonObject;
  /** What answers at the endpoint; there once the cluster is. */
  readonly controlPlane?: ControlPlane;
  /** Signs tokens of service accounts: PEM. */
  readonly issuerKey: string;
  /** Machines of Autopilot. */
  readonly autoNodes: readonly AutoNode[];
  readonly loadBalancers: PublicAddresses;
}

/** A machine that Autopilot has started. */
export interface AutoNode {
  readonly number: number;
  readonly version: string;
}

export type OperationType =
  | "CREATE_CLUSTER"
  | "CREATE_NODE_POOL"
  | "DELETE_CLUSTER"
  | "DELETE_NODE_POOL"
  | "SET_LABELS"
  | "UPDATE_CLUSTER"
  | "UPGRADE_MASTER"
  | "UPGRADE_NODES";

/** Work that goes on after the answer. It is kept on disk, and goes on after a restart of the sandbox. */
export interface StoredOperation {
  /** `operation-MILLISECONDS-UUID`. */
  readonly name: string;
  readonly type: OperationType;
  readonly cluster: ClusterKey;
  readonly nodePool?: string;
  /** Fields that the cluster has at its end. */
  readonly change: JsonObject;
  readonly startTime: string;
  /** Undefined while it runs. */
  readonly endTime?: string;
  readonly isCancelled?: true;
  readonly failure?: Failure;
}

interface GkeState {
  /** By location and name. */
  readonly clusters: Record<string, StoredCluster>;
  /** By name. */
  readonly operations: Record<string, StoredOperation>;
  /** Of the next operations, in their order. */
  readonly failures: Failures;
  /** Of the next calls that create a cluster. */
  readonly refusals: Failures;
}

/** What tells a cluster from all others. */
export type ClusterKey = Pick<StoredCluster, "projectId" | "location" | "name">;

export function gkeOf(cloud: GcpCloud, projectId: string): GkeState {
  return cloud.slice(
    "gke",
    projectId,
    "global",
    (): GkeState => ({ clusters: {}, operations: {}, failures: {}, refusals: {} }),
  );
}

export function allClusters(cloud: GcpCloud): readonly StoredCluster[] {
  return cloud.slices<GkeState>("gke").flatMap(({ state }) => Object.values(state.clusters));
}

export function allOperations(cloud: GcpCloud): readonly StoredOperation[] {
  return cloud.slices<GkeState>("gke").flatMap(({ state }) => Object.values(state.operations));
}

/** As policies and control planes name it. */
export function idOf({ projectId, location, name }: ClusterKey): string {
  return `projects/${projectId}/locations/${location}/clusters/${name}`;
}

/** As GKE's errors and links name it. */
export function nameOf({ projectId, location, name }: ClusterKey): string {
  return `projects/${projectId}/${placeOf(location)}/clusters/${name}`;
}

export function tryFindCluster(cloud: GcpCloud, key: ClusterKey): StoredCluster | undefined {
  return gkeOf(cloud, key.projectId).clusters[`${key.location}/${key.name}`];
}

/** The cluster that a call names. @throws GcpFault 404 */
export function findCluster(call: GcpCall): StoredCluster {
  const key = { projectId: projectIdOf(call), location: locationOf(call), name: call.params.clustersId ?? "" };
  const found = tryFindCluster(call.cloud, key);
  if (found === undefined) throw notFound(nameOf(key));
  return found;
}

export function locationOf({ params }: GcpCall): string {
  return params.locationsId ?? "";
}

export function storeCluster(cloud: GcpCloud, cluster: StoredCluster): void {
  gkeOf(cloud, cluster.projectId).clusters[`${cluster.location}/${cluster.name}`] = cluster;
  cloud.save();
}

/** Replaces parts of what is kept of a cluster; one that is gone is left alone. */
export function changeCluster(cloud: GcpCloud, key: ClusterKey, change: Partial<StoredCluster>): void {
  const found = tryFindCluster(cloud, key);
  if (found !== undefined) storeCluster(cloud, { ...found, ...change });
}

export function changeFields(cloud: GcpCloud, key: ClusterKey, change: JsonObject): void {
  const found = tryFindCluster(cloud, key);
  if (found !== undefined) storeCluster(cloud, { ...found, fields: { ...found.fields, ...change } });
}

export function dropCluster(cloud: GcpCloud, { projectId, location, name }: ClusterKey): void {
  delete gkeOf(cloud, projectId).clusters[`${location}/${name}`];
  cloud.save();
}

export function isAutopilot({ fields }: Pick<StoredCluster, "fields">): boolean {
  return objectAt(fields, "autopilot").enabled === true;
}

/** As answers show them. */
export function poolsOf({ fields }: Pick<StoredCluster, "fields">): readonly JsonObject[] {
  return listAt(fields, "nodePools") as readonly JsonObject[];
}
