import { newIssuerKey } from "#sandbox/cloud/cluster-issuer.ts";
import { type Behaviours, type GcpCall, type Json, projectIdOf } from "#sandbox/gcp/api/behaviour.ts";
import { failedPrecondition, invalidArgument } from "#sandbox/gcp/api/faults.ts";
import { isAuthorized } from "#sandbox/gcp/authorization/authorize.ts";
import { formatCluster, labelsOf, readCluster } from "#sandbox/gcp/gke/cluster-body.ts";
import { refuseIfAsked } from "#sandbox/gcp/gke/failures.ts";
import { alreadyExists, notFound } from "#sandbox/gcp/gke/faults.ts";
import { finish } from "#sandbox/gcp/gke/finish.ts";
import { checkRanges, findClusterNetwork } from "#sandbox/gcp/gke/network.ts";
import { readPool } from "#sandbox/gcp/gke/node-pools.ts";
import {
  beginOperation,
  type NewOperation,
  operationBehaviours,
  refuseWhileBusy,
} from "#sandbox/gcp/gke/operations.ts";
import {
  changeFields,
  findCluster,
  gkeOf,
  isAutopilot,
  locationOf,
  nameOf,
  poolsOf,
  type StoredCluster,
  storeCluster,
  tryFindCluster,
} from "#sandbox/gcp/gke/state.ts";
import { readPoolUpdate, readUpdate } from "#sandbox/gcp/gke/updates.ts";
import { serverConfig } from "#sandbox/gcp/gke/versions.ts";
import { createClusterPool } from "#sandbox/gcp/iam/federations.ts";
import { accountResource } from "#sandbox/gcp/iam/service-accounts.ts";
import { newEtag, tryFindServiceAccount } from "#sandbox/gcp/iam/state.ts";
import { type JsonObject, objectAt, stringAt, stringsAt } from "#sandbox/json.ts";

const methods = "container.projects.locations";

export const gkeBehaviours: Behaviours = {
  ...operationBehaviours,
  [`${methods}.getServerConfig`]: serverConfig,
  [`${methods}.clusters.create`]: createCluster,
  [`${methods}.clusters.get`]: (call) => formatCluster(findCluster(call)),
  [`${methods}.clusters.list`]: (call) => {
    const all = Object.values(gkeOf(call.cloud, projectIdOf(call)).clusters);
    const found = all.filter(({ location }) => ["-", location].includes(locationOf(call)));
    return found.length === 0 ? {} : { clusters: found.map(formatCluster) };
  },
  [`${methods}.clusters.delete`]: (call) => change(call, () => ({ type: "DELETE_CLUSTER" })),
  [`${methods}.clusters.update`]: (call) => change(call, (cluster) => readUpdate(call, cluster)),
  [`${methods}.clusters.setResourceLabels`]: (call) => change(call, (cluster) => readLabels(call, cluster)),
  [`${methods}.clusters.nodePools.create`]: (call) => change(call, (cluster) => createPool(call, cluster)),
  [`${methods}.clusters.nodePools.get`]: (call) => findPool(call, findCluster(call)) as Json,
  [`${methods}.clusters.nodePools.list`]: (call) => {
    const nodePools = poolsOf(findCluster(call));
    return nodePools.length === 0 ? {} : { nodePools };
  },
  [`${methods}.clusters.nodePools.update`]: (call) => change(call, (cluster) => readPoolUpdate(call, cluster)),
  [`${methods}.clusters.nodePools.delete`]: (call) => change(call, (cluster) => deletePool(call, cluster)),
};

function createCluster(call: GcpCall): Json {
  const { cloud, body } = call;
  const given = objectAt(body, "cluster");
  const key = { projectId: projectIdOf(call), location: locationOf(call), name: stringAt(given, "name") };
  const fields = readCluster(key, given, findClusterNetwork(call, key, given), cloud.now());
  checkRanges(call, key, fields);
  if (tryFindCluster(cloud, key) !== undefined) throw alreadyExists(nameOf(key));
  const automatic = stringAt(fields, "autoscaling", "autoprovisioningNodePoolDefaults", "serviceAccount");
  refuseIfAsked(cloud, key.projectId);
  const accounts = poolsOf({ fields }).map((pool) => stringAt(pool, "config", "serviceAccount"));
  for (const account of new Set(isAutopilot({ fields }) ? [automatic] : accounts)) requireAccount(call, account);
  if (objectAt(fields, "workloadIdentityConfig").workloadPool !== undefined) createClusterPool(cloud, key.projectId);
  storeCluster(cloud, { ...key, fields, issuerKey: newIssuerKey(), autoNodes: [], loadBalancers: {} });
  return beginOperation(call, finish, { type: "CREATE_CLUSTER", cluster: key });
}

/** The nodes' account has to exist, and the caller to be allowed to act as it. @param account its email, or `default` @throws GcpFault 400 */
function requireAccount({ cloud, caller, project }: GcpCall, account: string): void {
  const isDefault = account === "default" || account === `${project?.number}-compute@developer.gserviceaccount.com`;
  if (!isDefault && tryFindServiceAccount(cloud, account) === undefined) {
    throw invalidArgument(`Service account "${account}" does not exist.`);
  }
  const resource = isDefault ? `projects/${project?.projectId}` : accountResource(account);
  if (isAuthorized(cloud, caller, "iam.serviceAccounts.actAs", resource)) return;
  throw invalidArgument(
    `The user does not have access to service account "${account}". Ask a project owner to grant you the iam.serviceAccountUser role on the service account.`,
  );
}

/** Begins an operation on a cluster that has none. */
function change(call: GcpCall, read: (cluster: StoredCluster) => Omit<NewOperation, "cluster">): Json {
  const cluster = findCluster(call);
  const { projectId, location, name, fields } = cluster;
  refuseWhileBusy(call.cloud, cluster);
  const operation = read(cluster);
  const isDelete = operation.type === "DELETE_CLUSTER";
  if (fields.status === "ERROR" && !isDelete) {
    throw failedPrecondition(`Cluster ${name} is in ERROR state: it can only be deleted.`);
  }
  changeFields(call.cloud, cluster, { status: isDelete ? "STOPPING" : "RECONCILING", etag: newEtag() });
  return beginOperation(call, finish, { ...operation, cluster: { projectId, location, name } });
}

function readLabels({ body }: GcpCall, { fields }: StoredCluster): Omit<NewOperation, "cluster"> {
  if (stringAt(body, "labelFingerprint") !== fields.labelFingerprint) {
    throw failedPrecondition("Labels could not be set due to fingerprint mismatch.");
  }
  return { type: "SET_LABELS", change: labelsOf(stringsAt(body, "resourceLabels")) };
}

function createPool(call: GcpCall, cluster: StoredCluster): Omit<NewOperation, "cluster"> {
  if (isAutopilot(cluster)) throw invalidArgument("Autopilot clusters do not support node pools.");
  const pool = readPool(cluster, objectAt(call.body, "nodePool"));
  const name = stringAt(pool, "name");
  if (poolsOf(cluster).some((one) => one.name === name)) throw alreadyExists(`${nameOf(cluster)}/nodePools/${name}`);
  requireAccount(call, stringAt(pool, "config", "serviceAccount"));
  return { type: "CREATE_NODE_POOL", nodePool: name, change: { nodePools: [...poolsOf(cluster), pool] } };
}

function deletePool(call: GcpCall, cluster: StoredCluster): Omit<NewOperation, "cluster"> {
  const { name } = findPool(call, cluster);
  const nodePools = poolsOf(cluster).filter((one) => one.name !== name);
  return { type: "DELETE_NODE_POOL", nodePool: String(name), change: { nodePools } };
}

function findPool({ params }: GcpCall, cluster: StoredCluster): JsonObject {
  const found = poolsOf(cluster).find(({ name }) => name === params.nodePoolsId);
  if (found === undefined) throw notFound(`${nameOf(cluster)}/nodePools/${params.nodePoolsId}`);
  return found;
}
