import type { StoredResource } from "#sandbox/azure/arm/kind.ts";
import { findResource, resourcesBelow, storeResource } from "#sandbox/azure/arm/store.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { aksFault } from "#sandbox/azure/kinds/aks/faults.ts";
import type { ControlPlane } from "#sandbox/cloud/control-planes.ts";
import { type JsonObject, objectAt, stringAt } from "#sandbox/json.ts";

export const clusterType = "Microsoft.ContainerService/managedClusters";
export const poolType = `${clusterType}/agentPools`;
export const apiVersions = ["2025-10-01", "2026-03-01", "2026-05-01", "2026-06-01", "2026-04-02-preview"];

/** What the sandbox keeps of a cluster, and Azure does not show. */
export interface AksHidden {
  /** Who runs now, or ran last. */
  readonly operation: { readonly id: string; readonly started: string };
  /** What answers at the endpoint; there once the cluster is. */
  readonly controlPlane?: ControlPlane;
  /** Of the local accounts. */
  readonly localToken: string;
  /** Signs tokens of service accounts: PEM; undefined without an OIDC issuer. */
  readonly issuerKey?: string;
  /** Machines that node auto-provisioning has started. */
  readonly autoNodes: readonly AutoNode[];
  /** Public addresses of load balancers, by the uid of their Service. */
  readonly loadBalancers: Readonly<Record<string, string>>;
}

export interface AutoNode {
  readonly name: string;
  readonly zone: string;
  readonly address: string;
  readonly version: string;
}

/** Properties of a node pool that the sandbox reads; the others are kept as they are. */
export interface AgentPool extends JsonObject {
  name: string;
  count: number;
  vmSize: string;
  mode: string;
  orchestratorVersion: string;
  currentOrchestratorVersion: string;
  provisioningState: string;
}

export function hiddenOf({ hidden }: StoredResource): AksHidden {
  // Each cluster is stored with it.
  return hidden as unknown as AksHidden;
}

/** Replaces parts of what is kept of a cluster; one that is gone is left alone. */
export function changeHidden(cloud: AzureCloud, id: string, change: Partial<AksHidden>): void {
  const stored = findResource(cloud, id);
  if (stored !== undefined) storeResource(cloud, { ...stored, hidden: { ...stored.hidden, ...change } });
}

export function changeProperties(cloud: AzureCloud, id: string, change: JsonObject): void {
  const stored = findResource(cloud, id);
  if (stored !== undefined) storeResource(cloud, { ...stored, properties: { ...stored.properties, ...change } });
}

/** The node pools of a cluster, the oldest first. They are resources of their own, and profiles of their cluster. */
export function poolsOf(cloud: AzureCloud, cluster: Pick<StoredResource, "id">): readonly AgentPool[] {
  return poolResources(cloud, cluster).map((one) => ({ ...objectAt(one, "properties"), name: one.name }) as AgentPool);
}

function poolResources(cloud: AzureCloud, { id }: Pick<StoredResource, "id">): readonly StoredResource[] {
  return resourcesBelow(cloud, id).filter(({ type }) => type.toLowerCase() === poolType.toLowerCase());
}

/** @throws ArmFault 409 while an operation changes a cluster or one of its node pools */
export function refuseWhileBusy(cloud: AzureCloud, cluster: StoredResource): void {
  refuseBusy(cluster, "managed cluster");
  for (const pool of poolResources(cloud, cluster)) refuseBusy(pool, "agent pool");
}

function refuseBusy(stored: StoredResource, what: string): void {
  const state = stringAt(stored, "properties", "provisioningState");
  if (!["Creating", "Updating", "Upgrading", "Deleting"].includes(state)) return;
  const verb = { Creating: "create", Deleting: "delete" }[state] ?? "update";
  const id = stringAt(stored, "hidden", "operation", "id");
  const started = stringAt(stored, "hidden", "operation", "started").replace("T", " ").slice(0, 19);
  throw aksFault(
    409,
    "OperationNotAllowed",
    `Operation is not allowed because there's an in progress ${verb} ${what} operation (operation ID: ${id}) on the ${what} started on ${started} +0000 UTC. Please wait for it to finish before starting a new operation. See https://aka.ms/aks-pending-operation for more details`,
  );
}

/** One that begins now. */
export function newOperation(cloud: AzureCloud): AksHidden["operation"] {
  return { id: crypto.randomUUID(), started: cloud.now().toISOString() };
}

export function poolIdOf(clusterId: string, name: string): string {
  return `${clusterId}/agentPools/${name}`;
}

export function storePool(cloud: AzureCloud, clusterId: string, { name, ...properties }: AgentPool): void {
  const id = poolIdOf(clusterId, name);
  storeResource(cloud, { ...findResource(cloud, id), id, name, type: poolType, properties });
}

/** AKS has another spelling than other types, and shows it once the resource is there. */
export function spelledEtag({ etag, properties }: StoredResource): {
  readonly etag: undefined;
  readonly eTag?: string;
} {
  const isShown = etag !== undefined && properties?.provisioningState !== "Creating";
  return { etag: undefined, ...(isShown ? { eTag: etag } : {}) };
}

/** AKS Automatic runs the system's workloads on machines of its own. */
export function isHosted(cluster: Pick<StoredResource, "properties">): boolean {
  return objectAt(cluster, "properties", "hostedSystemProfile").enabled === true;
}

/** Random letters and digits as in Azure's generated names. */
export function randomName(length: number): string {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  return [...crypto.getRandomValues(new Uint8Array(length))].map((byte) => letters[byte % 36]).join("");
}
