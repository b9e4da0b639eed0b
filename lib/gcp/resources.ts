import { clusterAccounts } from "#lib/cloud/cluster-accounts.ts";
import { type AccountAccess, accountAccess } from "#lib/gcp/account-access.ts";
import { gkeResources } from "#lib/gcp/cluster.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";
import { managementAccount } from "#lib/gcp/management.ts";
import type { Parts } from "#lib/gcp/names.ts";
import type { ProviderGraph } from "#lib/provider.ts";

/** What accounts share, and each cluster. Pure. */
export function gcpGraph(parts: Parts): ProviderGraph<GkeCluster> {
  const { fleet } = parts;
  const shared = managementAccount(parts);
  const all = new Map<string, AccountAccess>();
  const accessOf = (account: GcpAccount): AccountAccess => {
    const access = all.get(account.name) ?? accountAccess(parts, account, shared);
    all.set(account.name, access);
    return access;
  };
  return {
    accounts: [...shared.resources, ...clusterAccounts(fleet, "gcp").flatMap((account) => accessOf(account).resources)],
    cluster(cluster) {
      const account = fleet.accounts.find(({ name }) => name === cluster.account);
      // The fleet was checked: an account that isn't there is a fault that is reported long before.
      if (account?.provider !== "gcp") throw new Error(`${cluster.name} has no account`);
      return gkeResources(parts, cluster, account, accessOf(account), shared);
    },
  };
}
