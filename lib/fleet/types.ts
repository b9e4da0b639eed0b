/** The types of a fleet: plain data, written by hand in `clusters/`. The checks that types can't make are in check.ts. */

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

/** A fleet: accounts, the zones that they hold, and the clusters in them. */
export interface Fleet {
  /** The domain above every cloud zone, hosted elsewhere and delegated by hand, e.g. `mylabs.dev`. */
  readonly domain: string;
  /** Zones that the management accounts hold, one pair per cloud. */
  readonly zones: readonly CloudZones[];
  readonly accounts: readonly Account[];
  readonly clusters: readonly Cluster[];
  /** What Argo CD reads, and which applications run where. @default none: clusters get no Argo CD */
  readonly gitops?: GitOps;
  /** Whose jobs may act on the fleet. @default none: people only */
  readonly github?: GitHubTrust;
}

/** Jobs of GitHub Actions that clouds let in by the token of the job, without any key. */
export interface GitHubTrust {
  /** `owner/name`. */
  readonly repository: string;
  /** Number of the repository: it stays when names are given away. `gh api repos/OWNER/NAME --jq .id` */
  readonly repositoryId: string;
  /** Number of the owner, part of the newer form of subjects. `gh api users/OWNER --jq .id` */
  readonly ownerId: string;
  /** What of the repository: `ref:refs/heads/main`, `environment:production`. Whole, never a pattern, and no pull requests. */
  readonly claims: readonly string[];
  /** Whose jobs may read and change nothing, e.g. `pull_request`. Whole, too. @default none */
  readonly readClaims?: readonly string[];
}

/** Where the Argo CD of each cluster reads from, and which applications it runs. */
export interface GitOps {
  /** URL of the repository that holds `argocd/`: https, ssh or scp-like. Read by clusters in clouds. */
  readonly repository: string;
  /** Branch, tag or commit. @default "main" */
  readonly revision?: string;
  /** Folder of the root application in the repository. @default "argocd/apps" */
  readonly path?: string;
  /**
   * What clusters on this computer read: `checkout` is the commits of this checkout, served over HTTP by the running task or
   * by `mise run gitops:serve`; `repository` is what clusters in clouds read.
   * @default "checkout"
   */
  readonly local?: "checkout" | "repository";
  /** Port on which this checkout is served. @default 6580 */
  readonly port?: number;
  readonly applications: readonly ApplicationSwitch[];
}

/** Where one application runs. What no switch names runs nowhere. */
export interface ApplicationSwitch {
  /** `argocd/apps/<name>.yaml`. */
  readonly name: string;
  /** Clusters that get it: any of these. */
  readonly on: readonly Where[];
  /** Clusters that don't, whatever `on` says: any of these. @default none */
  readonly off?: readonly Where[];
}

/** Some clusters of the fleet: those that fit everything that is given. `{}` is all of them. */
export interface Where {
  readonly providers?: readonly ProviderName[];
  readonly environments?: readonly string[];
  /** Names of clusters. */
  readonly clusters?: readonly string[];
}

/** How Argo CD is installed: once, or with several replicas of everything, which needs three nodes. */
export type ArgocdVariant = "standard" | "high-availability";

/** The two zones of one cloud, both in its management account. */
export interface CloudZones {
  readonly provider: CloudProvider;
  /** Delegated from the fleet's domain by hand, e.g. `aws.mylabs.dev`. */
  readonly primary: string;
  /** Parent of every cluster's own zone, e.g. `k8s.aws.mylabs.dev`. */
  readonly clusters: string;
}

/** What an account of any cloud has. */
export interface AccountBase {
  readonly provider: string;
  /** Unique in the fleet, e.g. `aws-mgmt`, `aws-01`. */
  readonly name: string;
  /** The management account holds the cloud's zones and grants access to its tenants. Exactly one per cloud. */
  readonly role: "management" | "tenant";
}

/** What a cluster of any provider has. */
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
  /** Region as the cloud spells it. */
  readonly region: string;
}

export interface LocalClusterBase extends ClusterBase {
  /** FQDN; also the name that kind and k3d know it by. */
  readonly name: `${string}.internal`;
  /** Port of the API server on 127.0.0.1. Fixed, so that clusters created side by side cannot race for one. */
  readonly apiPort: number;
  /** Nodes beside the one control plane. @default 1 */
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
