import { azureErrorCodes } from "#lib/azure/error-codes.ts";
import { checkAzure } from "#lib/azure/fleet/checks.ts";
import { aksRanges, kubernetesOfAks } from "#lib/azure/fleet/defaults.ts";
import { isPlaceholder } from "#lib/azure/fleet/placeholder.ts";
import { azureRegions } from "#lib/azure/fleet/regions.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { accountKeys, cloudClusterKeys } from "#lib/fleet/keys.ts";
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
    {
      path: "create/azure-mgmt",
      description:
        "Create zones, identities of GitHub's jobs and their roles, as an owner of the management subscription",
      verb: "create",
      of: "management",
    },
    {
      path: "delete/azure-mgmt",
      description:
        "Delete zones, identities of GitHub's jobs and their roles, as an owner of the management subscription",
      verb: "delete",
      of: "management",
    },
    {
      path: "create/azure-tenant",
      description: "Give jobs and operators the roles to create clusters, as an owner of the subscription",
      verb: "create",
      of: "tenants",
    },
    {
      path: "delete/azure-tenant",
      description: "Take the roles to create clusters from jobs and operators, as an owner of the subscription",
      verb: "delete",
      of: "tenants",
    },
  ],
  lanes: { cluster: { limit: 32, jobs: true } },
  open: async (context) => (await import("#lib/azure/open.ts")).openAzure(context),
  schema: () => import("#lib/azure/fleet/schema.ts"),
  accountId: ({ subscriptionId }) => subscriptionId,
  isPlaceholder,
  kubernetes: kubernetesOfAks,
};
