import { type Failure, takeFailure } from "#sandbox/gcp/api/failures.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { openApiServer, refreshNodes, removeApiServer, resumeApiServers } from "#sandbox/gcp/gke/api-server.ts";
import { dropRules, makeRules } from "#sandbox/gcp/gke/network.ts";
import { conditionOf, type Finish, resumeOperations } from "#sandbox/gcp/gke/operations.ts";
import {
  changeCluster,
  changeFields,
  dropCluster,
  gkeOf,
  idOf,
  isAutopilot,
  poolsOf,
  type StoredCluster,
  tryFindCluster,
} from "#sandbox/gcp/gke/state.ts";
import { removePolicy } from "#sandbox/gcp/iam/policies.ts";
import { type JsonObject, stringAt } from "#sandbox/json.ts";

/** Does what an operation was for, unless it is to fail. */
export const finish: Finish = async (cloud, operation) => {
  const cluster = tryFindCluster(cloud, operation.cluster);
  if (cluster === undefined) return undefined;
  const failure = operation.isCancelled
    ? { code: "CANCELLED", message: "Operation was cancelled." }
    : takeFailure(cloud, gkeOf(cloud, cluster.projectId).failures);
  if (operation.type === "CREATE_CLUSTER") {
    // Most failures are of machines: there is an API server.
    if (cluster.controlPlane === undefined) await openApiServer(cloud, cluster);
    makeRules(cloud, cluster);
    settle(cloud, cluster, failure === undefined ? { status: "RUNNING" } : brokenBy(failure));
  } else if (failure !== undefined) {
    settle(cloud, cluster, { status: "RUNNING" });
  } else if (operation.type === "DELETE_CLUSTER") {
    dropCluster(cloud, cluster);
    dropRules(cloud, cluster);
    removePolicy(cloud, idOf(cluster));
    await removeApiServer(cloud, cluster);
  } else {
    settle(cloud, cluster, { ...operation.change, status: "RUNNING" });
  }
  return failure;
};

function brokenBy(failure: Failure): JsonObject {
  return { status: "ERROR", statusMessage: failure.message, conditions: [conditionOf(failure)] };
}

/** A cluster as it is after an operation: pools run, and Autopilot's machines have its version. */
function settle(cloud: GcpCloud, cluster: StoredCluster, change: JsonObject): void {
  changeFields(cloud, cluster, change);
  const changed = tryFindCluster(cloud, cluster);
  if (changed === undefined) return;
  const version = stringAt(changed, "fields", "currentNodeVersion");
  changeCluster(cloud, changed, { autoNodes: changed.autoNodes.map((node) => ({ ...node, version })) });
  if (!isAutopilot(changed)) {
    const status = change.status ?? "RUNNING";
    changeFields(cloud, changed, { nodePools: poolsOf(changed).map((pool) => ({ ...pool, status })) });
  }
  refreshNodes(cloud, changed);
}

/** What the daemon does when it starts. @param failed for clusters whose port another program has */
export async function resumeGke(cloud: GcpCloud, failed: (cluster: string, error: unknown) => void): Promise<void> {
  await resumeApiServers(cloud, failed);
  resumeOperations(cloud, finish);
}
