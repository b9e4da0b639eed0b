import type { AwsClients } from "#lib/aws/clients.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import type { AccountGraph } from "#lib/cloud/account-graph.ts";
import { clusterAccounts } from "#lib/cloud/accounts.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/**
 * Ids of resources shared by accounts, for the tasks that manage them.
 *
 * @param accounts names; those with administrators' credentials on this computer when none is given
 * @throws FleetError UnknownAccount, NothingSelected
 */
export async function awsTargets(
  what: "management" | "tenants",
  graph: Pick<AccountGraph<"aws", unknown>, "targets">,
  fleet: Fleet,
  accounts: readonly string[],
  aws: Pick<AwsClients, "findAdministrator">,
): Promise<readonly string[]> {
  if (what === "management" || accounts.length > 0) return graph.targets(what, accounts);
  const known = clusterAccounts(fleet, "aws");
  const administered = await administeredOf(known, aws);
  if (administered.length > 0) return graph.targets(what, administered);
  throw new FleetError(
    "NothingSelected",
    "there are no administrator's credentials of any account of the fleet on this computer",
    {
      hint: `log in to one, or give it a profile of its name in ~/.aws/config: ${known.map(({ name }) => name).join(", ")}`,
    },
  );
}

/** Names. */
async function administeredOf(
  accounts: readonly AwsAccount[],
  aws: Pick<AwsClients, "findAdministrator">,
): Promise<readonly string[]> {
  const owners = await Promise.all(accounts.map((account) => aws.findAdministrator(account)));
  return accounts.filter((_account, index) => owners[index] !== undefined).map(({ name }) => name);
}
