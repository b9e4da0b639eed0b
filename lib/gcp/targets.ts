import { chooseAccounts, clusterAccounts } from "#lib/cloud/cluster-accounts.ts";
import { accountAccess } from "#lib/gcp/account-access.ts";
import { managementAccount } from "#lib/gcp/management.ts";
import type { Parts } from "#lib/gcp/names.ts";

/**
 * Ids of resources shared by accounts, for the tasks that manage them.
 *
 * @param accounts names; all accounts with clusters when none is given: the caller acts in each of them as the same identity
 * @throws FleetError UnknownAccount
 */
export function gcpTargets(
  what: "management" | "tenants",
  parts: Parts,
  accounts: readonly string[],
): readonly string[] {
  const shared = managementAccount(parts);
  if (what === "management") return shared.resources.map(({ id }) => id);
  return chooseAccounts(clusterAccounts(parts.fleet, "gcp"), accounts).flatMap((account) =>
    accountAccess(parts, account, shared).resources.map(({ id }) => id),
  );
}
