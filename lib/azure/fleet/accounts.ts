import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/** Accounts in which clusters are created: every tenant, and the management account if it has clusters. */
export function clusterAccounts({ accounts, clusters }: Pick<Fleet, "accounts" | "clusters">): readonly AzureAccount[] {
  return accounts
    .filter((account) => account.provider === "azure")
    .filter(
      ({ name, role }) =>
        role === "tenant" || clusters.some((cluster) => "account" in cluster && cluster.account === name),
    );
}
