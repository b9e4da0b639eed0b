import type { GcpCall } from "#sandbox/gcp/api/behaviour.ts";
import { invalidArgument, unsupported } from "#sandbox/gcp/api/faults.ts";
import { readChannel, workloadIdentityOf } from "#sandbox/gcp/gke/cluster-body.ts";
import { readEndpoints } from "#sandbox/gcp/gke/endpoints.ts";
import { notFound } from "#sandbox/gcp/gke/faults.ts";
import type { NewOperation } from "#sandbox/gcp/gke/operations.ts";
import { isAutopilot, nameOf, poolsOf, type StoredCluster } from "#sandbox/gcp/gke/state.ts";
import { checkSkew, checkUpgrade, resolveVersion } from "#sandbox/gcp/gke/versions.ts";
import { createClusterPool } from "#sandbox/gcp/iam/federations.ts";
import { type JsonObject, objectAt, stringAt } from "#sandbox/json.ts";
import { mergePatch } from "#sandbox/kubernetes/patch.ts";

export type Update = Pick<NewOperation, "type"> & { readonly change: JsonObject };

/** Fields that only say what another one is about. */
const companions = ["etag"];
/** Fields that replace one of the cluster, by its name. */
const replacing: Readonly<Record<string, string>> = {
  desiredAddonsConfig: "addonsConfig",
  desiredBinaryAuthorization: "binaryAuthorization",
  desiredCostManagementConfig: "costManagementConfig",
  desiredFleet: "fleet",
  desiredLoggingConfig: "loggingConfig",
  desiredMonitoringConfig: "monitoringConfig",
  desiredNotificationConfig: "notificationConfig",
  desiredSecurityPostureConfig: "securityPostureConfig",
  desiredShieldedNodes: "shieldedNodes",
  desiredVerticalPodAutoscaling: "verticalPodAutoscaling",
};

/** What a ClusterUpdate changes: GKE takes one field with each request. @throws GcpFault 400, 404; 501 for a field that the sandbox does not know */
export function readUpdate({ cloud, body }: GcpCall, cluster: StoredCluster): Update {
  const update = objectAt(body, "update");
  const given = Object.keys(update).filter((field) => !companions.includes(field));
  const [field] = given;
  if (field === undefined) throw invalidArgument("Must specify a field to update.");
  if (given.length > 1) {
    throw invalidArgument(
      `At most one field can be updated with each request, and there are ${given.length}: ${given.join(", ")}.`,
    );
  }
  const { fields } = cluster;
  const changed = (change: JsonObject): Update => ({ type: "UPDATE_CLUSTER", change });
  const replaced = replacing[field];
  if (replaced !== undefined) return changed({ [replaced]: mergePatch(fields[replaced], objectAt(update, field)) });
  switch (field) {
    case "desiredMasterVersion":
      return upgradeMaster(cluster, stringAt(update, field));
    case "desiredReleaseChannel": {
      const releaseChannel = readChannel({ releaseChannel: update[field] }, isAutopilot(cluster));
      return changed({ releaseChannel });
    }
    case "desiredControlPlaneEndpointsConfig":
      return changed({
        controlPlaneEndpointsConfig: readEndpoints(
          objectAt(update, field),
          objectAt(fields, "controlPlaneEndpointsConfig"),
        ),
      });
    case "desiredDefaultEnablePrivateNodes":
      return changed({
        networkConfig: { ...objectAt(fields, "networkConfig"), defaultEnablePrivateNodes: update[field] === true },
      });
    case "desiredWorkloadIdentityConfig": {
      const given = { workloadIdentityConfig: update[field] };
      const change = workloadIdentityOf(cluster, given, isAutopilot(cluster));
      if (change.workloadIdentityConfig !== undefined) createClusterPool(cloud, cluster.projectId);
      return changed({ workloadIdentityConfig: {}, ...change });
    }
    default:
      throw unsupported(`update.${field} of clusters`);
  }
}

/** Fields of requests that say again what the path says. */
const placeFields = ["name", "clusterId", "nodePoolId", "projectId", "zone"];

/** Of one node pool: its version. @throws GcpFault 400, 404; 501 for fields that the sandbox does not know */
export function readPoolUpdate({ body, params }: GcpCall, cluster: StoredCluster): Update {
  const unknown = Object.keys(body).find((field) => field !== "nodeVersion" && !placeFields.includes(field));
  if (unknown !== undefined) {
    throw unsupported(`${unknown} in updates of node pools`);
  }
  return upgradeNodes(cluster, stringAt(body, "nodeVersion"), params.nodePoolsId ?? "");
}

/** Nodes that GKE upgrades follow at the end of it. */
function upgradeMaster(cluster: StoredCluster, asked: string): Update {
  const from = stringAt(cluster, "fields", "currentMasterVersion");
  const version = resolveVersion(stringAt(cluster, "fields", "releaseChannel", "channel"), asked);
  if (version === from) throw invalidArgument(`Master is already at version "${version}".`);
  checkUpgrade(from, version);
  const pools = poolsOf(cluster).map((pool) => {
    const isUpgraded = objectAt(pool, "management").autoUpgrade === true;
    if (!isUpgraded) checkSkew(stringAt(pool, "version"), version);
    return isUpgraded ? { ...pool, version } : pool;
  });
  return { type: "UPGRADE_MASTER", change: { currentMasterVersion: version, ...poolsChange(cluster, pools, version) } };
}

function upgradeNodes(cluster: StoredCluster, asked: string, pool: string): Update {
  const master = stringAt(cluster, "fields", "currentMasterVersion");
  const channel = stringAt(cluster, "fields", "releaseChannel", "channel");
  const version = asked === "-" || asked === "" ? master : resolveVersion(channel, asked);
  checkSkew(version, master);
  const pools = poolsOf(cluster);
  if (!pools.some(({ name }) => name === pool)) throw notFound(`${nameOf(cluster)}/nodePools/${pool}`);
  const changed = pools.map((one) => (one.name === pool ? { ...one, version } : one));
  return { type: "UPGRADE_NODES", change: poolsChange(cluster, changed, version) };
}

function poolsChange(cluster: StoredCluster, nodePools: readonly JsonObject[], version: string): JsonObject {
  const currentNodeVersion = isAutopilot(cluster) ? version : stringAt(nodePools[0], "version");
  return { currentNodeVersion, ...(isAutopilot(cluster) ? {} : { nodePools }) };
}
