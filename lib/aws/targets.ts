import type { AwsClients } from "#lib/aws/clients.ts";
import { awsAccountRoles } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { managementStackId, oidcProviderId, registrarId, roleStackId } from "#lib/aws/names.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { suggest } from "#lib/nearest.ts";

/**
 * Ids of resources shared by accounts, for the tasks that manage them.
 *
 * @param accounts names; those with administrators' credentials on this computer when none is given
 * @throws FleetError UnknownAccount, NothingSelected
 */
export async function awsTargets(
  what: "management" | "tenants",
  fleet: Fleet,
  accounts: readonly string[],
  aws: Pick<AwsClients, "findAdministrator">,
): Promise<readonly string[]> {
  if (what === "management") return managementTargets(fleet);
  const known = awsAccountRoles(fleet).map(({ account }) => account);
  for (const name of accounts) {
    if (known.some((account) => account.name === name)) continue;
    const names = known.map((account) => account.name);
    throw new FleetError("UnknownAccount", `unknown account "${name}"`, { hint: suggest(name, names) });
  }
  const chosen =
    accounts.length > 0 ? known.filter(({ name }) => accounts.includes(name)) : await administeredOf(known, aws);
  if (chosen.length > 0) return chosen.map(({ name }) => roleStackId(name));
  throw new FleetError(
    "NothingSelected",
    "there are no administrator's credentials of any account of the fleet on this computer",
    {
      hint: `log in to one, or give it a profile of its name in ~/.aws/config: ${known.map(({ name }) => name).join(", ")}`,
    },
  );
}

function managementTargets(fleet: Fleet): readonly string[] {
  const management = fleet.accounts.find(({ provider, role }) => provider === "aws" && role === "management");
  const zones = fleet.zones.find(({ provider }) => provider === "aws");
  if (management === undefined || zones === undefined) {
    throw new FleetError("NothingSelected", "the fleet has no management account of AWS", {
      hint: "add one to clusters/aws.ts",
    });
  }
  return [
    managementStackId(management.name),
    registrarId(management.name, zones.primary),
    ...(fleet.github === undefined ? [] : [oidcProviderId(management.name)]),
  ];
}

async function administeredOf(
  accounts: readonly AwsAccount[],
  aws: Pick<AwsClients, "findAdministrator">,
): Promise<readonly AwsAccount[]> {
  const owners = await Promise.all(accounts.map((account) => aws.findAdministrator(account)));
  return accounts.filter((_account, index) => owners[index] !== undefined);
}
