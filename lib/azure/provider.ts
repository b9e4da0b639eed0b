import { azureRegions } from "#lib/azure/fleet/regions.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { malformedAccountId } from "#lib/fleet/checks/accounts.ts";
import { cloudKubernetes } from "#lib/fleet/defaults.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import { accountKeys, cloudClusterKeys } from "#lib/fleet/keys.ts";
import { isRepeatedDigit } from "#lib/fleet/placeholders.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { Provider } from "#lib/provider.ts";

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What `az account show` calls them. */
const azName = { subscriptionId: "id", tenantId: "tenantId" } as const;

/** Azure: declared in fleets; its clusters cannot be created yet. */
export const azure: Provider<AzureAccount, AksCluster> = {
  name: "azure",
  title: "Azure",
  product: "AKS",
  taskWord: "aks",
  place: "cloud",
  group: "azure",
  icon: "azure-icon",
  keys: { account: { ...accountKeys, subscriptionId: true, tenantId: true }, cluster: cloudClusterKeys },
  regions: azureRegions,
  // https://learn.microsoft.com/azure/aks/azure-cni-overlay
  ranges: { pods: "10.244.0.0/16", services: "10.0.0.0/16" },
  checks: [checkAccountIds],
  schema: () => import("#lib/azure/fleet/schema.ts"),
  accountId: ({ subscriptionId }) => subscriptionId,
  isPlaceholder: ({ subscriptionId, tenantId }) => isRepeatedDigit(subscriptionId) || isRepeatedDigit(tenantId),
  kubernetes: () => cloudKubernetes,
};

function checkAccountIds({ accounts }: Fleet): readonly Fault[] {
  return accounts
    .filter((account) => account.provider === "azure")
    .flatMap((account) =>
      (["subscriptionId", "tenantId"] as const)
        .filter((field) => !uuid.test(account[field]))
        .map((field) =>
          malformedAccountId(
            account,
            field,
            account[field],
            `use the UUID that \`az account show\` shows as ${azName[field]}`,
          ),
        ),
    );
}
