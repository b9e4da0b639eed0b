/** The types of a fleet: plain data, written by hand in `clusters/`. check.ts has the rules that types can't express. */

/**
 * The entries of each provider, by its name. A provider's folder adds its own:
 * `declare module "#lib/fleet/types.ts" { interface ProviderEntries { azure: { account: AzureAccount; cluster: AksCluster } } }`
 */
// biome-ignore lint/suspicious/noEmptyInterface: each provider adds a member
export interface ProviderEntries {}

export type Account = ProviderEntries[keyof ProviderEntries]["account"];
export type Cluster = ProviderEntries[keyof ProviderEntries]["cluster"];
export type CloudCluster = Extract<Cluster, CloudClusterBase>;
export type LocalCluster = Extract<Cluster, LocalClusterBase>;
export type ProviderName = Cluster["provider"];
export type CloudProvider = Account["provider"];
export type LocalProvider = LocalCluster["provider"];

/** A fleet: accounts, their zones, and their clusters. */
export interface Fleet {
  /** The domain above all cloud zones, hosted elsewhere and delegated by hand, e.g. `mylabs.dev`. */
  readonly domain: string;
  /** Zones in the management accounts, one pair per cloud. */
  readonly zones: readonly CloudZones[];
  readonly accounts: readonly Account[];
  readonly clusters: readonly Cluster[];
  /** Argo CD's source, and where each application runs. @default none: clusters get no Argo CD */
  readonly gitops?: GitOps;
  /** The GitHub jobs that may access the clouds. @default none: people only */
  readonly github?: GitHubTrust;
}

/** GitHub Actions jobs that authenticate to clouds with their OIDC token, without keys. */
export interface GitHubTrust {
  /** `owner/name`. */
  readonly repository: string;
  /** Id of the repository, which stays the same if names are reused. `gh api repos/OWNER/NAME --jq .id` */
  readonly repositoryId: string;
  /** Id of the owner, part of the newer subject format. `gh api users/OWNER --jq .id` */
  readonly ownerId: string;
  /** Full subjects within the repository: `ref:refs/heads/main`, `environment:production`. No patterns, no pull requests. */
  readonly claims: readonly string[];
  /** Subjects of read-only jobs, e.g. `pull_request`. No patterns. @default none */
  readonly readClaims?: readonly string[];
}

/** The source of each cluster's Argo CD, and its applications. */
export interface GitOps {
  /** URL of the repository that holds `argocd/`: https, ssh or scp-like. Read by clusters in clouds. */
  readonly repository: string;
  /** Branch, tag or commit. @default "main" */
  readonly revision?: string;
  /** Folder of the root application in the repository. @default "argocd/apps" */
  readonly path?: string;
  /**
   * The source of local clusters: `checkout` is the commits of this checkout, served over HTTP by the running task or
   * by `mise run gitops:serve`; `repository` is the same repository as for cloud clusters.
   * @default "checkout"
   */
  readonly local?: "checkout" | "repository";
  /** Port of the checkout's server. @default 6580 */
  readonly port?: number;
  readonly applications: readonly ApplicationSwitch[];
}

/** Where one application runs. Applications without a switch run nowhere. */
export interface ApplicationSwitch {
  /** `argocd/apps/<name>.yaml`. */
  readonly name: string;
  /** Clusters that get it: those that match any of these. */
  readonly on: readonly Where[];
  /** Clusters that don't get it, regardless of `on`. @default none */
  readonly off?: readonly Where[];
}

/** Selects clusters that match every given field. `{}` selects all. */
export interface Where {
  readonly providers?: readonly ProviderName[];
  readonly environments?: readonly string[];
  /** Names of clusters. */
  readonly clusters?: readonly string[];
}

/** How Argo CD is installed: single replicas, or high availability, which requires three nodes. */
export type ArgocdVariant = "standard" | "high-availability";

/** The two zones of one cloud, both in its management account. */
export interface CloudZones {
  readonly provider: CloudProvider;
  /** Delegated from the fleet's domain by hand, e.g. `aws.mylabs.dev`. */
  readonly primary: string;
  /** Parent of every cluster's own zone, e.g. `k8s.aws.mylabs.dev`. */
  readonly clusters: string;
}

/** Fields of every account. */
export interface AccountBase {
  readonly provider: string;
  /** Unique in the fleet, e.g. `aws-mgmt`, `aws-01`. */
  readonly name: string;
  /** The management account holds the cloud's zones and grants access to its tenants. Exactly one per cloud. */
  readonly role: "management" | "tenant";
}

/** Fields of every cluster. */
export interface ClusterBase {
  readonly provider: string;
  /** FQDN. */
  readonly name: string;
  /** Kubernetes version, `major.minor`. @default the provider's pinned version */
  readonly kubernetes?: `${number}.${number}`;
  /** Selects the applications of the cluster. @default "dev" */
  readonly environment?: string;
  /** Clusters of one mesh route to each other's pods, so their pod ranges must not overlap. @default none */
  readonly mesh?: string;
  /** Range of pod addresses in CIDR form. @default the provider's own */
  readonly podCidr?: string;
  /** Range of service addresses in CIDR form. @default the provider's own */
  readonly serviceCidr?: string;
  /** How Argo CD runs in it, if the fleet has `gitops`. @default "standard" */
  readonly argocd?: ArgocdVariant | "none";
}

export interface CloudClusterBase extends ClusterBase {
  /** Name of the account that the cluster runs in. */
  readonly account: string;
  /** Region, as spelled by the cloud. */
  readonly region: string;
}

export interface LocalClusterBase extends ClusterBase {
  /** FQDN; also the cluster's name in kind and k3d. */
  readonly name: `${string}.internal`;
  /** Port of the API server on 127.0.0.1. Fixed, so that clusters created in parallel can't compete for one. */
  readonly apiPort: number;
  /** Worker nodes, in addition to the control plane. @default 1 */
  readonly workers?: number;
  /** Node image instead of the pinned one. @default the pin in clusters/images.ts */
  readonly image?: string;
}

export function isLocal(cluster: Cluster): cluster is LocalCluster {
  return "apiPort" in cluster;
}

export function isCloud(cluster: Cluster): cluster is CloudCluster {
  return !isLocal(cluster);
}
