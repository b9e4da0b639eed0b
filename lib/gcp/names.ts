import type { Tags } from "#lib/cloud/ownership.ts";
import { type CloudParts, project, tagsOf } from "#lib/cloud/parts.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import type { CloudZones, Fleet } from "#lib/fleet/types.ts";
import type { GcpActor, GcpClients } from "#lib/gcp/clients.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";

/** Input of all GCP resources of a fleet. */
export type Parts = CloudParts<"gcp", { readonly gcp: GcpClients }>;

/** Service accounts of each project: for those who create clusters, for those who only look, and for the nodes of clusters. */
export const serviceAccountNames = { clusters: project, readOnly: `${project}-ro`, nodes: `${project}-nodes` } as const;

/** Ids of custom roles, which take no hyphens: two in projects with clusters, two in the management project. */
export const roleNames = {
  clusters: "k8sMulticlusterGitops",
  readOnly: "k8sMulticlusterGitopsReadOnly",
  delegations: "k8sMulticlusterGitopsDelegations",
  management: "k8sMulticlusterGitopsManagement",
} as const;

/** Workload identity pool of GitHub's jobs, and its provider. */
export const poolName = project;
export const providerName = "github";

export function emailOf({ projectId }: GcpAccount, name: string): string {
  return `${name}@${projectId}.iam.gserviceaccount.com`;
}

export function projectPath({ projectId }: GcpAccount): string {
  return `projects/${projectId}`;
}

/** An owner of the management project, or the service account that reads there. */
export function managementActor(account: GcpAccount): GcpActor {
  return { account, as: "administrator", otherwise: "management" };
}

/** An owner of the project, or the service account that creates clusters in it. */
export function accountActor(account: GcpAccount): GcpActor {
  return { account, as: "administrator", otherwise: "clusters" };
}

export function clustersActor(account: GcpAccount): GcpActor {
  return { account, as: "clusters" };
}

/** Labels take lower-case letters, digits, `-` and `_`: https://cloud.google.com/resource-manager/docs/labels-overview#requirements */
export function toLabel(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9_-]/g, "-");
}

/** `tagsOf` for GCP. */
export function labelsOf(fleet: Pick<Fleet, "domain">, more: Tags): Tags {
  return Object.fromEntries(Object.entries(tagsOf(fleet, more)).map(([key, value]) => [key, toLabel(value)]));
}

/** What has no labels is marked by its description. */
export function markOf({ domain }: Pick<Fleet, "domain">): string {
  return `${project}, fleet ${domain}`;
}

/** Name of a zone in Cloud DNS, which takes no dots. */
export function zoneNameOf(dnsName: string): string {
  return dnsName.replaceAll(".", "-");
}

/** Name of the cluster in GKE, which takes no dots. */
export function gkeNameOf(cluster: Pick<GkeCluster, "name">): string {
  return taskSuffix(cluster);
}

export function gkePath(account: GcpAccount, { name, region }: Pick<GkeCluster, "name" | "region">): string {
  return `${projectPath(account)}/locations/${region}/clusters/${gkeNameOf({ name })}`;
}

/** Ids of resources shared by accounts, used by their own tasks. */
export function managementIds(account: string, { primary, clusters }: CloudZones) {
  const prefix = `gcp/${account}`;
  return {
    services: `${prefix}/services`,
    primary: `${prefix}/zone/${primary}`,
    clusters: `${prefix}/zone/${clusters}`,
    delegation: `${prefix}/delegation/${clusters}`,
    registrar: `${prefix}/registrar/${primary}`,
    delegatedAccounts: `${prefix}/delegated-accounts`,
    pool: `${prefix}/pool`,
    provider: `${prefix}/provider`,
    delegationAccess: `${prefix}/access/delegations`,
    caller: `${prefix}/caller`,
    ...accessIds(prefix),
  };
}

/** Ids of what lets the management service accounts act in an account with clusters. */
export function accountIds(account: string) {
  const prefix = `gcp/${account}/clusters`;
  return { services: `${prefix}/services`, nodes: `${prefix}/service-account/nodes`, ...accessIds(prefix) };
}

function accessIds(prefix: string) {
  return {
    role: `${prefix}/role`,
    readOnlyRole: `${prefix}/role/read-only`,
    serviceAccount: `${prefix}/service-account`,
    readOnlyServiceAccount: `${prefix}/service-account/read-only`,
    access: `${prefix}/access`,
  };
}

export function clusterIds({ account, name }: Pick<GkeCluster, "account" | "name">) {
  const prefix = `gcp/${account}/${name}`;
  return {
    zone: `${prefix}/zone`,
    delegation: `${prefix}/delegation`,
    network: `${prefix}/network`,
    subnetwork: `${prefix}/subnetwork`,
    nat: `${prefix}/nat`,
    cluster: `${prefix}/cluster`,
    workloads: `${prefix}/workloads`,
  };
}
