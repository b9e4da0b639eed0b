import { azureErrorCodes } from "#lib/azure/error-codes.ts";
import { checkAzure } from "#lib/azure/fleet/checks.ts";
import { aksRanges, kubernetesOfAks } from "#lib/azure/fleet/defaults.ts";
import { isPlaceholder } from "#lib/azure/fleet/placeholder.ts";
import { azureRegions } from "#lib/azure/fleet/regions.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { accountKeys, cloudClusterKeys } from "#lib/fleet/keys.ts";
import { accountTasks } from "#lib/fleet/provider.ts";
import type { Provider } from "#lib/provider.ts";

/** Azure: AKS clusters, zones in Azure DNS, identities and role assignments. */
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
  ranges: aksRanges,
  errorCodes: azureErrorCodes,
  checks: [checkAzure],
  accountTasks: [
    ...accountTasks(
      "management",
      "azure-mgmt",
      "zones, identities of GitHub's jobs and their roles, as an owner of the management subscription",
    ),
    ...accountTasks(
      "tenants",
      "azure-tenant",
      "the roles with which jobs and operators create clusters, as an owner of the subscription",
    ),
  ],
  lanes: { cluster: { limit: 32, jobs: true } },
  open: async (context) => (await import("#lib/azure/open.ts")).openAzure(context),
  schema: () => import("#lib/azure/fleet/schema.ts"),
  accountId: ({ subscriptionId }) => subscriptionId,
  isPlaceholder,
  kubernetes: kubernetesOfAks,
};
