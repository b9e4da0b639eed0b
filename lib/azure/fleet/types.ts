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
}

export interface AksCluster extends CloudClusterBase {
  readonly provider: "azure";
  readonly name: `${string}.k8s.az.${string}`;
}
