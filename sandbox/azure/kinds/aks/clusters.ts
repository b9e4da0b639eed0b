import { type ArmCall, ArmFault, type Json, type Kind, type StoredResource } from "#sandbox/azure/arm/kind.ts";
import { dropResource, findResource, resourcesBelow, storeResource } from "#sandbox/azure/arm/store.ts";
import { spellId } from "#sandbox/azure/arm/target.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { createPrincipal, removePrincipal, tenantOf } from "#sandbox/azure/entra/directory.ts";
import { openApiServer, refreshNodes, serverIdOf, versionOf } from "#sandbox/azure/kinds/aks/api-server.ts";
import { type ClusterBody, readCluster } from "#sandbox/azure/kinds/aks/cluster-body.ts";
import { listAdminCredential, listUserCredential } from "#sandbox/azure/kinds/aks/credentials.ts";
import { invalidParameter } from "#sandbox/azure/kinds/aks/faults.ts";
import { withdrawIssuer, withIssuer } from "#sandbox/azure/kinds/aks/issuer.ts";
import { failIfAsked } from "#sandbox/azure/kinds/aks/limits.ts";
import { checkPools, readPool } from "#sandbox/azure/kinds/aks/pools.ts";
import {
  type AgentPool,
  type AksHidden,
  apiVersions,
  changeHidden,
  changeProperties,
  clusterType,
  hiddenOf,
  newOperation,
  poolsOf,
  randomName,
  refuseWhileBusy,
  spelledEtag,
  storePool,
} from "#sandbox/azure/kinds/aks/state.ts";
import { patchOf } from "#sandbox/azure/kinds/aks/versions.ts";
import { controlPlanesOf } from "#sandbox/cloud/control-planes.ts";
import { isObject, type JsonObject, listAt, objectAt, stringAt } from "#sandbox/json.ts";

const minute = 60_000;

export const managedClusters: Kind = {
  type: clusterType,
  versions: apiVersions,
  shape: clusterType,
  spelling: { type: "Microsoft.ContainerService/ManagedClusters", group: "resourcegroups" },
  bareErrors: true,
  etags: "Resource",
  name: /^[a-zA-Z0-9](?:[\w-]{0,61}[a-zA-Z0-9])?$/,
  duration: { create: 5 * minute, update: 3 * minute, remove: 4 * minute },
  put(call, body, before) {
    if (before !== undefined) refuseWhileBusy(call.cloud, before);
    const cluster = readCluster(call, body as JsonObject, before);
    const facts = { ...cluster, id: call.at.id, name: call.at.name };
    const pools = readPools(call, facts, listAt(body, "properties", "agentPoolProfiles"));
    checkPools(call, facts, pools);
    if (before === undefined) storeNodeGroup(call, cluster);
    for (const pool of pools) storePool(call.cloud, spellId(managedClusters, call.at), pool);
    const identity = before?.identity ?? newIdentity(call, cluster.properties);
    const hidden = { ...(before === undefined ? newHidden() : hiddenOf(before)), operation: newOperation(call.cloud) };
    return { ...cluster, identity, hidden: { ...withIssuer(call.cloud, cluster.properties, hidden) } };
  },
  async finish(cloud, stored) {
    // Most failures are of machines: there is an API server.
    if (hiddenOf(stored).controlPlane === undefined) await openApiServer(cloud, stored);
    try {
      failIfAsked(cloud, stored);
    } catch (error) {
      if (error instanceof ArmFault) setFailed(cloud, stored.id, error);
      throw error;
    }
    finishVersions(cloud, stored);
    const cluster = findResource(cloud, stored.id);
    if (cluster === undefined) return;
    controlPlanesOf(cloud).setVersion(serverIdOf(cluster.id), versionOf(cluster));
    refreshNodes(cloud, cluster.id);
  },
  beforeRemove: (call, stored) => refuseWhileBusy(call.cloud, stored),
  async afterRemove(cloud, stored) {
    const group = nodeGroupIdOf(stored);
    for (const { id } of resourcesBelow(cloud, group)) dropResource(cloud, id);
    dropResource(cloud, group);
    for (const { id } of resourcesBelow(cloud, stored.id)) dropResource(cloud, id);
    const machines = stringAt(stored, "properties", "identityProfile", "kubeletidentity", "objectId");
    for (const principal of [stringAt(stored, "identity", "principalId"), machines]) {
      removePrincipal(cloud, stringAt(stored, "identity", "tenantId"), principal);
    }
    withdrawIssuer(cloud, stored);
    await controlPlanesOf(cloud).remove(serverIdOf(stored.id), hiddenOf(stored).controlPlane);
  },
  answer: (cloud, stored) => ({
    ...spelledEtag(stored),
    properties: { ...stored.properties, agentPoolProfiles: poolsOf(cloud, stored) },
  }),
  actions: { listclusterusercredential: listUserCredential, listclusteradmincredential: listAdminCredential },
};

/** All pools of a cluster: those that the request has, and those that it leaves out. */
function readPools(
  { cloud, at }: ArmCall,
  cluster: Parameters<typeof readPool>[0],
  profiles: readonly unknown[],
): readonly AgentPool[] {
  const known = poolsOf(cloud, at);
  const given = profiles.filter(isObject).map((profile) => {
    const before = known.find(({ name }) => name === profile.name);
    const state = before === undefined ? "Creating" : "Updating";
    return { ...readPool(cluster, profile, before), provisioningState: state };
  });
  return [...known.filter(({ name }) => !given.some((one) => one.name === name)), ...given];
}

/** What was asked for has come: versions of the cluster and of its node pools. */
function finishVersions(cloud: AzureCloud, stored: StoredResource): void {
  const { id, properties } = stored;
  const version = patchOf(stringAt(properties, "kubernetesVersion")) ?? "";
  const hasNew = version !== stringAt(properties, "currentKubernetesVersion");
  changeProperties(cloud, id, { ...withMachines(cloud, stored), currentKubernetesVersion: version });
  setPools(cloud, id, ({ orchestratorVersion, currentOrchestratorVersion }) => ({
    currentOrchestratorVersion: patchOf(orchestratorVersion) ?? currentOrchestratorVersion,
    provisioningState: "Succeeded",
  }));
  const cluster = findResource(cloud, id);
  if (!hasNew || cluster === undefined) return;
  // Auto-provisioned machines are replaced by ones of the new version.
  const { autoNodes } = hiddenOf(cluster);
  const replaced = autoNodes.map((node) => ({ ...node, name: `aks-default-${randomName(5)}`, version }));
  changeHidden(cloud, id, { autoNodes: replaced });
}

/** What AKS makes in the node resource group: an identity of the machines, and the address that their traffic leaves by. */
function withMachines(cloud: AzureCloud, stored: StoredResource): JsonObject {
  const { properties, name, identity } = stored;
  if (properties?.identityProfile !== undefined) return {};
  const group = nodeGroupIdOf(stored);
  const machines = `${name}-agentpool`;
  const { objectId, clientId } = createPrincipal(cloud, stringAt(identity, "tenantId"), machines);
  const resourceId = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${machines}`;
  const address = `${group}/providers/Microsoft.Network/publicIPAddresses/${crypto.randomUUID()}`;
  const networkProfile = objectAt(properties, "networkProfile");
  const loadBalancerProfile = {
    ...objectAt(networkProfile, "loadBalancerProfile"),
    effectiveOutboundIPs: [{ id: address }],
  };
  return {
    identityProfile: { kubeletidentity: { resourceId, clientId, objectId } },
    networkProfile: { ...networkProfile, loadBalancerProfile },
  };
}

function setFailed(cloud: AzureCloud, id: string, { code, message }: ArmFault): void {
  setPools(cloud, id, () => ({ provisioningState: "Failed" }));
  changeProperties(cloud, id, { status: { provisioningError: { code, message } } });
}

function setPools(cloud: AzureCloud, id: string, change: (pool: AgentPool) => Partial<AgentPool>): void {
  for (const pool of poolsOf(cloud, { id })) storePool(cloud, id, { ...pool, ...change(pool) } as AgentPool);
}

function newHidden(): Omit<AksHidden, "operation"> {
  return { localToken: randomName(128), autoNodes: [], loadBalancers: {} };
}

/** A managed identity that Azure makes for the cluster alone. */
function newIdentity({ cloud, at }: ArmCall, properties: unknown): Json {
  const tenantId = tenantOf(cloud, at.subscription);
  const { objectId } = createPrincipal(cloud, tenantId, stringAt(properties, "fqdn"));
  return { type: "SystemAssigned", principalId: objectId, tenantId };
}

/** The resource group of the cluster's machines and addresses, which AKS makes and takes away. @throws ArmFault if it exists */
function storeNodeGroup({ cloud, at }: ArmCall, cluster: ClusterBody): void {
  const id = nodeGroupIdOf({ id: at.id, properties: cluster.properties });
  if (findResource(cloud, id) !== undefined) {
    throw invalidParameter("nodeResourceGroup", `The resource group '${id.split("/").at(-1)}' already exists.`);
  }
  storeResource(cloud, {
    id,
    name: id.split("/").at(-1) ?? "",
    type: "Microsoft.Resources/resourceGroups",
    location: cluster.location,
    managedBy: at.id,
    tags: { "aks-managed-cluster-name": at.name, "aks-managed-cluster-rg": at.group },
    properties: { provisioningState: "Succeeded" },
  });
}

function nodeGroupIdOf({ id, properties }: Pick<StoredResource, "id" | "properties">): string {
  return `/subscriptions/${id.split("/")[2]}/resourceGroups/${stringAt(properties, "nodeResourceGroup")}`;
}
