import type { AccountBase, CloudClusterBase } from "#lib/fleet/types.ts";

declare module "#lib/fleet/types.ts" {
  interface ProviderEntries {
    readonly azure: { readonly account: AzureAccount; readonly cluster: AksCluster };
  }
}

export interface AzureAccount extends AccountBase {
  readonly provider: "azure";
  /** UUID of the subscription. */
  readonly subscriptionId: string;
  /** UUID of the Entra tenant that the subscription trusts. */
  readonly tenantId: string;
  /** Object id of the Entra group of those who manage the account's clusters. @default none: only owners of the subscription */
  readonly operators?: string;
  /** Region of what clusters share, in the management account: identities and the resource group of the zones. @default "eastus2" */
  readonly region?: string;
}

export interface AksCluster extends CloudClusterBase {
  readonly provider: "azure";
  readonly name: `${string}.k8s.az.${string}`;
  /** Ranges in CIDR form from which the API server's public address may be reached: those of your people and of CI. */
  readonly publicAccessCidrs: readonly string[];
  /**
   * `standard`: a system node pool, and nodes for workloads by node auto-provisioning. `automatic`: AKS Automatic, which also manages the
   * system nodes. A change replaces the cluster. @default "standard"
   */
  readonly mode?: AksMode;
  /** Upgrades that AKS installs by itself. The fleet's version stays the lower bound. @default "none": only the nodes' image */
  readonly upgradeChannel?: AksUpgradeChannel;
  /** System nodes of a `standard` cluster. @default { vmSize: "Standard_D4ds_v5", count: 2 } */
  readonly systemNodes?: AksNodes;
}

export type AksMode = "standard" | "automatic";

/** https://learn.microsoft.com/azure/aks/auto-upgrade-cluster */
export type AksUpgradeChannel = "none" | "patch" | "stable" | "rapid";

/** Nodes of one size. */
export interface AksNodes {
  /** As Azure spells it, e.g. `Standard_D4ds_v5`. */
  readonly vmSize: string;
  readonly count: number;
}
