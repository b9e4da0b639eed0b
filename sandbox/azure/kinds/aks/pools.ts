import type { ArmCall, Kind, StoredResource } from "#sandbox/azure/arm/kind.ts";
import { findResource } from "#sandbox/azure/arm/store.ts";
import { refreshNodes } from "#sandbox/azure/kinds/aks/api-server.ts";
import { aksFault, invalidParameter, refuseChange } from "#sandbox/azure/kinds/aks/faults.ts";
import { checkMachines, failIfAsked } from "#sandbox/azure/kinds/aks/limits.ts";
import {
  type AgentPool,
  apiVersions,
  changeProperties,
  isHosted,
  newOperation,
  poolsOf,
  poolType,
  refuseWhileBusy,
  spelledEtag,
} from "#sandbox/azure/kinds/aks/state.ts";
import { checkSkew, checkUpgrade, checkVersion, patchOf } from "#sandbox/azure/kinds/aks/versions.ts";
import { isObject, type JsonObject, objectAt, stringAt } from "#sandbox/json.ts";
import { mergePatch } from "#sandbox/kubernetes/patch.ts";

const minute = 60_000;
const poolName = /^[a-z][a-z0-9]{0,11}$/;
const mostNodes = 1_000;
/** What a node pool keeps for its whole life. */
const fixed = ["vmSize", "osType", "osDiskSizeGB", "maxPods", "type"];

/** As AKS answers them for a pool of Linux machines that says no more than it must. */
const defaults: JsonObject = {
  osDiskSizeGB: 128,
  osDiskType: "Managed",
  kubeletDiskType: "OS",
  maxPods: 250,
  type: "VirtualMachineScaleSets",
  scaleDownMode: "Delete",
  powerState: { code: "Running" },
  enableNodePublicIP: false,
  mode: "User",
  osType: "Linux",
  osSKU: "Ubuntu",
  nodeImageVersion: "AKSUbuntu-2404gen2containerd-202609.03.1",
  upgradeSettings: { maxSurge: "10%", maxUnavailable: "0" },
  enableFIPS: false,
  securityProfile: { sshAccess: "LocalUser", enableVTPM: false, enableSecureBoot: false },
};

export const agentPools: Kind = {
  type: poolType,
  versions: apiVersions,
  shape: poolType,
  spelling: { group: "resourcegroups" },
  bareErrors: true,
  etags: "Resource",
  name: poolName,
  duration: { create: 2.5 * minute, update: 2 * minute, remove: 2 * minute },
  answer(_, stored) {
    const { etag, ...more } = spelledEtag(stored);
    return { etag, properties: { ...stored.properties, ...more } };
  },
  put(call, body, before) {
    const cluster = parentOf(call);
    refuseWhileBusy(call.cloud, cluster);
    const given = { ...objectAt(body, "properties"), name: call.at.name };
    const others = poolsOf(call.cloud, cluster).filter(({ name }) => name !== call.at.name);
    const { name: _, ...properties } = readPool(cluster, given, before && objectAt(before, "properties"));
    checkPools(call, cluster, [...others, { ...properties, name: call.at.name } as AgentPool]);
    return { properties, hidden: { operation: newOperation(call.cloud) } };
  },
  finish(cloud, stored) {
    failIfAsked(cloud, stored);
    const version = patchOf(stringAt(stored, "properties", "orchestratorVersion"));
    changeProperties(cloud, stored.id, { currentOrchestratorVersion: version });
    refreshNodes(cloud, clusterIdOf(stored.id));
  },
  beforeRemove(call, stored) {
    const cluster = parentOf(call);
    refuseWhileBusy(call.cloud, cluster);
    const left = poolsOf(call.cloud, cluster).filter(({ name }) => name !== stored.name);
    if (!isHosted(cluster)) checkSystemPool(left);
  },
  afterRemove: (cloud, stored) => refreshNodes(cloud, clusterIdOf(stored.id)),
};

/** What a pool has to know of its cluster. */
export type ClusterFacts = Pick<StoredResource, "id" | "name" | "location" | "properties">;

/** The whole pool from what a request says of it. @throws ArmFault 400 */
export function readPool(cluster: ClusterFacts, given: JsonObject, before: JsonObject | undefined): AgentPool {
  const name = stringAt(given, "name");
  if (!poolName.test(name)) {
    throw invalidParameter(
      "agentPoolProfile.name",
      "The field AgentPoolProfile.Name must match the regular expression '^[a-z][a-z0-9]{0,11}$'.",
    );
  }
  const version = stringAt(cluster, "properties", "kubernetesVersion");
  const merged = mergePatch(before ?? { ...defaults, orchestratorVersion: version, count: 1 }, given);
  const pool = (isObject(merged) ? merged : {}) as AgentPool;
  for (const field of fixed) refuseChange(`properties.${field}`, before?.[field], pool[field]);
  const lowest = pool.mode === "System" ? 1 : 0;
  if (!Number.isInteger(pool.count) || pool.count < lowest || pool.count > mostNodes) {
    throw invalidParameter(
      "agentPoolProfile.count",
      `The value must be between ${lowest} and ${mostNodes}, it is ${pool.count}.`,
    );
  }
  const hasLongTermSupport = stringAt(cluster, "properties", "supportPlan") === "AKSLongTermSupport";
  const patch = checkVersion(cluster.name, pool.orchestratorVersion, hasLongTermSupport);
  const current = stringAt(before, "currentOrchestratorVersion");
  if (current !== "") checkUpgrade(current, patch);
  return { ...pool, currentOrchestratorVersion: current === "" ? patch : current };
}

/** @param pools all of a cluster as they are to be @throws ArmFault 400 */
export function checkPools(call: ArmCall, cluster: ClusterFacts, pools: readonly AgentPool[]): void {
  const current = patchOf(stringAt(cluster, "properties", "kubernetesVersion")) ?? "";
  for (const pool of pools) checkSkew(patchOf(pool.orchestratorVersion) ?? pool.orchestratorVersion, current);
  if (!isHosted(cluster)) checkSystemPool(pools);
  checkMachines(call.cloud, cluster.id, cluster.location ?? "", pools);
}

function checkSystemPool(pools: readonly AgentPool[]): void {
  if (pools.some(({ mode }) => mode === "System")) return;
  throw aksFault(400, "MustDefineAtLeastOneSystemPool", "Must define at least one system pool.");
}

function parentOf({ cloud, at }: ArmCall): StoredResource {
  const cluster = at.parent === undefined ? undefined : findResource(cloud, at.parent);
  if (cluster === undefined) throw new Error(`${at.id} has no cluster`);
  return cluster;
}

function clusterIdOf(poolId: string): string {
  return poolId.split("/").slice(0, -2).join("/");
}
