import type { Condition } from "#lib/gcp/policy.ts";

/** What a custom role allows: the permissions that the calls of lib/gcp ask for, and no others. */
export interface Permissions {
  readonly title: string;
  readonly permissions: readonly string[];
}

/** https://cloud.google.com/iam/docs/roles-permissions */
export const predefinedRoles = {
  /** Acts as a service account, for a job of GitHub or a pod. */
  workloadIdentityUser: "roles/iam.workloadIdentityUser",
  /** Acts as a service account, for people and other service accounts. */
  tokenCreator: "roles/iam.serviceAccountTokenCreator",
  /** Starts nodes with a service account. */
  serviceAccountUser: "roles/iam.serviceAccountUser",
  /** Everything in Kubernetes, roles included: Argo CD brings its own. */
  containerAdmin: "roles/container.admin",
  /** Logs and metrics of nodes. */
  nodes: "roles/container.defaultNodeServiceAccount",
  projectIamAdmin: "roles/resourcemanager.projectIamAdmin",
  dnsAdmin: "roles/dns.admin",
  dnsReader: "roles/dns.reader",
} as const;

/** What both service accounts of a project read before they compare. */
const reading = [
  "dns.managedZones.get",
  "dns.managedZones.getIamPolicy",
  "dns.managedZones.list",
  "dns.resourceRecordSets.list",
  "iam.roles.get",
  "iam.serviceAccounts.get",
  "iam.serviceAccounts.getIamPolicy",
  "resourcemanager.projects.get",
  "resourcemanager.projects.getIamPolicy",
  "serviceusage.services.list",
];

/** Of the management project. */
export const managementReading: Permissions = {
  title: "k8s-multicluster-gitops: read zones and access",
  permissions: [...reading, "iam.workloadIdentityPoolProviders.get", "iam.workloadIdentityPools.get"].toSorted(),
};

/** NS records below the clusters' zone, which alone has this role in its policy: the only change that clusters need in the management project. */
export const delegating: Permissions = {
  title: "k8s-multicluster-gitops: delegate clusters",
  permissions: [
    "dns.changes.create",
    "dns.changes.get",
    "dns.resourceRecordSets.create",
    "dns.resourceRecordSets.delete",
    "dns.resourceRecordSets.update",
  ],
};

const readingClusters = [
  ...reading,
  "compute.networks.get",
  "compute.routers.get",
  "compute.subnetworks.get",
  "container.clusters.get",
  "container.clusters.list",
];

/** Of a project with clusters. */
export const accountReading: Permissions = {
  title: "k8s-multicluster-gitops: read clusters, networks and zones",
  permissions: readingClusters.toSorted(),
};

/**
 * What creates, changes and deletes clusters with their networks and zones. GKE puts nodes into a subnetwork of the project as its own service
 * agent: who creates the cluster needs no `compute.subnetworks.use`. https://cloud.google.com/kubernetes-engine/docs/reference/api-permissions
 */
export const managingClusters: Permissions = {
  title: "k8s-multicluster-gitops: manage clusters, networks and zones",
  permissions: [
    ...readingClusters,
    "compute.firewalls.delete",
    "compute.firewalls.list",
    "compute.globalOperations.get",
    "compute.networks.create",
    "compute.networks.delete",
    // What is made in a network changes it.
    "compute.networks.updatePolicy",
    "compute.regionOperations.get",
    "compute.routers.create",
    "compute.routers.delete",
    "compute.routers.update",
    "compute.subnetworks.create",
    "compute.subnetworks.delete",
    "compute.subnetworks.setPrivateIpGoogleAccess",
    "container.clusters.connect",
    "container.clusters.create",
    "container.clusters.delete",
    "container.clusters.update",
    "container.operations.get",
    "container.operations.list",
    "dns.changes.create",
    "dns.changes.get",
    "dns.managedZones.create",
    "dns.managedZones.delete",
    "dns.managedZones.setIamPolicy",
    "dns.managedZones.update",
    "dns.resourceRecordSets.delete",
  ].toSorted(),
};

/**
 * Limits the role Project IAM Admin to one role that it may give and take: pods that write records list the zones of their project. The
 * administrator cannot give it to them, because GKE makes their pool with the first cluster.
 * https://cloud.google.com/iam/docs/setting-limits-on-granting-roles
 */
export const onlyDnsReader: Condition = {
  title: "k8s-multicluster-gitops: only roles/dns.reader",
  expression: `api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['${predefinedRoles.dnsReader}'])`,
};
