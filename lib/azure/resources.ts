import { type AccountAccess, accountAccess } from "#lib/azure/account-access.ts";
import { aksCluster } from "#lib/azure/cluster.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { managementAccount } from "#lib/azure/management.ts";
import type { Parts } from "#lib/azure/names.ts";
import { clusterAccounts } from "#lib/cloud/cluster-accounts.ts";
import type { ProviderGraph } from "#lib/provider.ts";

/** What accounts share, and each cluster. Pure. */
export function azureGraph(parts: Parts): ProviderGraph<AksCluster> {
  const { fleet } = parts;
  const shared = managementAccount(parts);
  const all = new Map<string, AccountAccess>();
  const accessOf = (account: AzureAccount): AccountAccess => {
    const access = all.get(account.name) ?? accountAccess(parts, account, shared);
    all.set(account.name, access);
    return access;
  };
  return {
    accounts: [
      ...shared.resources,
      ...clusterAccounts(fleet, "azure").flatMap((account) => accessOf(account).resources),
    ],
    cluster(cluster) {
      const account = fleet.accounts.find(({ name }) => name === cluster.account);
      // The fleet was checked: an account that isn't there is a fault that is reported long before.
      if (account?.provider !== "azure") throw new Error(`${cluster.name} has no account`);
      return aksCluster(parts, cluster, account, accessOf(account), shared);
    },
  };
}
