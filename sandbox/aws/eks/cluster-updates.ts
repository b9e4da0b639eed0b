import { isDeepStrictEqual } from "node:util";
import { bootstrapEntries } from "#sandbox/aws/eks/access-entries.ts";
import { refreshNodes } from "#sandbox/aws/eks/api-servers.ts";
import {
  readAuthenticationMode,
  readAutoMode,
  readCompute,
  readEndpoints,
  readLogging,
  readSupport,
} from "#sandbox/aws/eks/cluster-input.ts";
import { durations } from "#sandbox/aws/eks/durations.ts";
import { autoMachines, startMachines } from "#sandbox/aws/eks/nodes.ts";
import { checkClusterRole, checkNodeRole } from "#sandbox/aws/eks/principals.ts";
import {
  type Cluster,
  type ClusterRecord,
  changeRecord,
  inUse,
  invalidParameter,
  type Location,
  type Place,
  placeOf,
  recordOf,
} from "#sandbox/aws/eks/state.ts";
import { checkUpgrade, gitVersionOf, platformOf } from "#sandbox/aws/eks/versions.ts";
import { controlPlanesOf } from "#sandbox/cloud/control-planes.ts";
import { later } from "#sandbox/cloud/later.ts";
import { type JsonObject, stringAt, textsAt } from "#sandbox/json.ts";

/**
 * Begins to bring a cluster to the next minor version.
 *
 * @throws AwsFault InvalidParameterException, ResourceInUseException, ResourceNotFoundException
 */
export function updateClusterVersion(at: Location, name: string, body: JsonObject): void {
  const place = placeOf(at);
  const { cluster, nodeGroups } = recordOf(place, name);
  const version = checkUpgrade(cluster.version, stringAt(body, "version"));
  const behind = Object.values(nodeGroups).filter((group) => group.version !== cluster.version);
  if (behind.length > 0) {
    const names = behind.map(({ nodegroupName }) => nodegroupName).join(", ");
    throw invalidParameter(
      `Nodegroups [${names}] must be updated to match cluster version ${cluster.version} before updating cluster version`,
    );
  }
  begin(place, cluster, { version, platformVersion: platformOf(version) });
}

/**
 * Begins a change of a cluster's configuration: access to its endpoint, logging, support or Auto Mode.
 *
 * @throws AwsFault InvalidParameterException, ResourceInUseException, ResourceNotFoundException
 */
export function updateClusterConfig(at: Location, name: string, body: JsonObject): void {
  const place = placeOf(at);
  const { cluster } = recordOf(place, name);
  const subnets = textsAt(body, "resourcesVpcConfig", "subnetIds");
  if (subnets.length > 0 && !isDeepStrictEqual(subnets, cluster.resourcesVpcConfig.subnetIds)) {
    throw invalidParameter("the sandbox does not know other subnets of a running cluster");
  }
  if (body.accessConfig !== undefined) readAuthenticationMode(body);
  const now = cluster.resourcesVpcConfig;
  const change: Partial<Cluster> = {
    ...(body.resourcesVpcConfig === undefined ? {} : { resourcesVpcConfig: { ...now, ...readEndpoints(body, now) } }),
    ...(body.logging === undefined ? {} : { logging: { clusterLogging: readLogging(body) } }),
    ...(body.upgradePolicy === undefined ? {} : { upgradePolicy: { supportType: readSupport(body) } }),
    ...readAutoModeChange(place, cluster, body),
  };
  begin(place, cluster, change);
}

/** Resumes an update that was in progress when the daemon ended. */
export function resumeClusterUpdate(place: Place, { cluster: { name, status }, pending = {} }: ClusterRecord): void {
  if (status !== "UPDATING") return;
  const ms = pending.version === undefined ? durations.configUpdate : durations.versionUpdate;
  later(place.cloud, ms, () => {
    const record = place.state.clusters[name];
    if (record?.cluster.status === "UPDATING" && (record.pending ?? pending) === pending) finish(place, name, pending);
  });
}

function begin(place: Place, { name, status }: Cluster, pending: Partial<Cluster>): void {
  if (status !== "ACTIVE") throw inUse(`Cluster ${name} is ${status}: it can be updated when it is ACTIVE`);
  const started = changeRecord(place, name, ({ cluster }) => ({
    cluster: { ...cluster, status: "UPDATING" },
    pending,
  }));
  resumeClusterUpdate(place, started);
}

function finish(place: Place, name: string, change: Partial<Cluster>): void {
  const { pending: _, ...record } = recordOf(place, name);
  const cluster: Cluster = { ...record.cluster, ...change, status: "ACTIVE" };
  place.state.clusters[name] = { ...record, cluster };
  place.cloud.save();
  if (change.computeConfig !== undefined) {
    changeRecord(place, name, ({ accessEntries }) => ({
      accessEntries: { ...bootstrapEntries(place, cluster, undefined), ...accessEntries },
    }));
  }
  if (change.version === undefined) return;
  controlPlanesOf(place.cloud).setVersion(record.cluster.arn, gitVersionOf(change.version));
  replaceAutoNodes(place, name);
}

/** Auto Mode replaces its machines by ones of the new version. */
function replaceAutoNodes(place: Place, name: string): void {
  const { nodes } = recordOf(place, name);
  const auto = nodes.filter(({ group }) => group === undefined);
  if (auto.length === 0) return;
  changeRecord(place, name, () => ({ nodes: nodes.filter(({ group }) => group !== undefined) }));
  startMachines(place, name, autoMachines(recordOf(place, name), auto.length));
  refreshNodes(place, name);
}

function readAutoModeChange(place: Place, cluster: Cluster, body: JsonObject): Partial<Cluster> {
  const parts = [body.computeConfig, body.storageConfig, body.kubernetesNetworkConfig];
  if (parts.every((part) => part === undefined)) return {};
  const enabled = readAutoMode(body);
  const computeConfig = readCompute(body, enabled);
  const { nodeRoleArn } = computeConfig;
  const fixed = cluster.computeConfig?.nodeRoleArn;
  if (fixed !== undefined && nodeRoleArn !== undefined && nodeRoleArn !== fixed) {
    throw invalidParameter("nodeRoleArn can't be changed once compute is enabled");
  }
  if (enabled) checkClusterRole(place, cluster.roleArn, cluster.arn, true);
  if (nodeRoleArn !== undefined) checkNodeRole(place, nodeRoleArn);
  return {
    computeConfig,
    storageConfig: { blockStorage: { enabled } },
    kubernetesNetworkConfig: { ...cluster.kubernetesNetworkConfig, elasticLoadBalancing: { enabled } },
  };
}
