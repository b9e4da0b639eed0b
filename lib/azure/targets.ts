import { accountAccess } from "#lib/azure/account-access.ts";
import { managementAccount } from "#lib/azure/management.ts";
import type { Parts } from "#lib/azure/names.ts";
import { chooseAccounts, clusterAccounts } from "#lib/cloud/cluster-accounts.ts";
import { FleetError } from "#lib/errors.ts";

/**
 * Ids of resources shared by accounts, for the tasks that manage them.
 *
 * @param accounts names; all accounts with clusters when none is given: the caller acts in each of them as the same identity
 * @throws FleetError UnknownAccount, NothingSelected
 */
export function azureTargets(
  what: "management" | "tenants",
  parts: Parts,
  accounts: readonly string[],
): readonly string[] {
  const shared = managementAccount(parts);
  if (what === "management") return shared.resources.map(({ id }) => id);
  const chosen = chooseAccounts(clusterAccounts(parts.fleet, "azure"), accounts);
  const ids = chosen.flatMap((account) => accountAccess(parts, account, shared).resources.map(({ id }) => id));
  if (ids.length > 0) return ids;
  throw new FleetError(
    "NothingSelected",
    "there are no roles to create: the fleet has neither operators nor jobs of GitHub",
    {
      hint: "set `operators` of the accounts in clusters/azure.ts, or `github` in clusters/fleet.ts",
    },
  );
}
