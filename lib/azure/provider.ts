import { checkAzure } from "#lib/azure/fleet/checks.ts";
import { isPlaceholder } from "#lib/azure/fleet/placeholder.ts";
import { azureRegions } from "#lib/azure/fleet/regions.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { cloudKubernetes } from "#lib/fleet/defaults.ts";
import { accountKeys, cloudClusterKeys } from "#lib/fleet/keys.ts";
import type { Provider } from "#lib/provider.ts";

/** Azure: declared in fleets; its clusters cannot be created yet. */
export const azure: Provider<AzureAccount, AksCluster> = {
  name: "azure",
  title: "Azure",
  product: "AKS",
  taskWord: "aks",
  place: "cloud",
  group: "azure",
  icon: "azure-icon",
  keys: {
    account: { ...accountKeys, subscriptionId: true, tenantId: true, operators: true, region: true },
    cluster: { ...cloudClusterKeys, publicAccessCidrs: true, mode: true, upgradeChannel: true, systemNodes: true },
    nested: { systemNodes: { vmSize: true, count: true } },
  },
  regions: azureRegions,
  // https://learn.microsoft.com/azure/aks/azure-cni-overlay
  ranges: { pods: "10.244.0.0/16", services: "10.0.0.0/16" },
  checks: [checkAzure],
  schema: () => import("#lib/azure/fleet/schema.ts"),
  accountId: ({ subscriptionId }) => subscriptionId,
  isPlaceholder,
  kubernetes: ({ kubernetes }) => kubernetes ?? cloudKubernetes,
};
