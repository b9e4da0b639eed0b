import { accountAccess } from "#lib/azure/account-access.ts";
import { clusterAccounts } from "#lib/azure/fleet/accounts.ts";
import { managementAccount } from "#lib/azure/management.ts";
import type { Parts } from "#lib/azure/names.ts";
import { FleetError } from "#lib/errors.ts";
import { suggest } from "#lib/nearest.ts";

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
  const known = clusterAccounts(parts.fleet);
  for (const name of accounts) {
    if (known.some((account) => account.name === name)) continue;
    const names = known.map((account) => account.name);
    throw new FleetError("UnknownAccount", `unknown account "${name}"`, { hint: suggest(name, names) });
  }
  const chosen = known.filter(({ name }) => accounts.length === 0 || accounts.includes(name));
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
