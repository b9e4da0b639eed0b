import type { AzureClients } from "#lib/azure/clients.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { type CloudParts, project } from "#lib/cloud/parts.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import type { CloudZones } from "#lib/fleet/types.ts";

/** Input of all Azure resources of a fleet. */
export type Parts = CloudParts<"azure", { readonly azure: AzureClients }>;

/** Region of what has to have one but could be anywhere. */
export function homeRegionOf({ region = "eastus2" }: AzureAccount): string {
  return region;
}

/** Resource group of the zones and identities, in the management account. */
export const managementGroup = project;

/** Identities that GitHub's jobs act as. */
export const identityNames = { clusters: project, readOnly: `${project}-read-only` } as const;

/** Resource group of a cluster and its zone. Argo CD's applications expect the cluster's name. */
export function groupOf({ name }: Pick<AksCluster, "name">): string {
  return name;
}

/** Name of the cluster in AKS, which takes no dots. */
export function aksNameOf(cluster: Pick<AksCluster, "name">): string {
  return taskSuffix(cluster);
}

/** Resource group of the nodes: AKS creates and deletes it. */
export function nodeGroupOf(cluster: AksCluster): string {
  return `${aksNameOf(cluster)}-nodes`;
}

/** Identity of the workloads that write records into the cluster's zone. */
export function workloadIdentityOf(cluster: AksCluster): string {
  return `${aksNameOf(cluster)}-dns`;
}

export function subscriptionId({ subscriptionId: id }: AzureAccount): string {
  return `/subscriptions/${id}`;
}

export function groupId(account: AzureAccount, group: string): string {
  return `${subscriptionId(account)}/resourceGroups/${group}`;
}

/** Azure's id of a resource in a group. @param type `Microsoft.ContainerService/managedClusters` */
export function azureId(account: AzureAccount, group: string, type: string, name: string): string {
  return `${groupId(account, group)}/providers/${type}/${name}`;
}

/** Ids of resources shared by accounts, used by their own tasks. */
export function managementIds(account: string, { primary, clusters }: CloudZones) {
  const prefix = `azure/${account}`;
  return {
    group: `${prefix}/group`,
    primary: `${prefix}/zone/${primary}`,
    clusters: `${prefix}/zone/${clusters}`,
    delegation: `${prefix}/delegation/${clusters}`,
    registrar: `${prefix}/registrar/${primary}`,
    identity: `${prefix}/identity`,
    readOnlyIdentity: `${prefix}/identity/read-only`,
    role: `${prefix}/role/delegations`,
    access: `${prefix}/access`,
    delegatedAccounts: `${prefix}/delegated-accounts`,
  };
}

/** Ids of what lets the management identity and the operators act in an account with clusters. */
export function accountIds(account: string) {
  const prefix = `azure/${account}`;
  return { caller: `${prefix}/caller`, role: `${prefix}/role/clusters`, access: `${prefix}/access/clusters` };
}

export function clusterIds({ account, name }: Pick<AksCluster, "account" | "name">) {
  const prefix = `azure/${account}/${name}`;
  return {
    group: `${prefix}/group`,
    zone: `${prefix}/zone`,
    delegation: `${prefix}/delegation`,
    cluster: `${prefix}/cluster`,
    identity: `${prefix}/identity`,
    administrators: `${prefix}/administrators`,
  };
}
