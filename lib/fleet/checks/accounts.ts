import { accountId } from "#lib/fleet/account-id.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import type { Account, CloudCluster, CloudProvider, Fleet } from "#lib/fleet/types.ts";
import { isCloud } from "#lib/fleet/types.ts";
import { formatGuess } from "#lib/nearest.ts";

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin */
const projectId = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/;

export function checkAccounts(fleet: Fleet): readonly Fault[] {
  return [
    ...fleet.accounts.flatMap(checkId),
    ...checkUnique(fleet.accounts),
    ...checkManagement(fleet),
    ...fleet.clusters.filter(isCloud).flatMap((cluster) => checkReference(cluster, fleet.accounts)),
  ];
}

function checkId(account: Account): readonly Fault[] {
  const wrong = (field: string, value: string, hint: string): Fault => ({
    code: "MalformedAccountId",
    where: `account ${account.name}`,
    message: `malformed ${field} "${value}"`,
    hint,
    provider: account.provider,
  });
  switch (account.provider) {
    case "aws":
      return /^\d{12}$/.test(account.accountId)
        ? []
        : [
            wrong(
              "accountId",
              account.accountId,
              "use the twelve digits that `aws sts get-caller-identity` shows as Account",
            ),
          ];
    case "azure":
      return (["subscriptionId", "tenantId"] as const)
        .filter((field) => !uuid.test(account[field]))
        .map((field) =>
          wrong(field, account[field], `use the UUID that \`az account show\` shows as ${azureName[field]}`),
        );
    case "gcp":
      return projectId.test(account.projectId)
        ? []
        : [
            wrong(
              "projectId",
              account.projectId,
              "use 6 to 30 lower-case letters, digits and hyphens, as `gcloud projects list` shows under PROJECT_ID",
            ),
          ];
    default:
      return account satisfies never;
  }
}

const azureName = { subscriptionId: "id", tenantId: "tenantId" } as const;

function checkUnique(accounts: readonly Account[]): readonly Fault[] {
  const names = new Set<string>();
  const owners = new Map<string, string>();
  return accounts.flatMap((account) => {
    const faults: Fault[] = [];
    const where = `account ${account.name}`;
    const { provider } = account;
    if (names.has(account.name)) {
      faults.push({
        code: "DuplicateAccount",
        where,
        message: `the name "${account.name}" is taken by another account`,
        hint: "give one of the two another name, and change it in the clusters that use it",
        provider,
      });
    }
    const id = accountId(account).toLowerCase();
    const owner = owners.get(`${provider} ${id}`);
    if (owner !== undefined) {
      faults.push({
        code: "DuplicateAccountId",
        where,
        message: `the id "${accountId(account)}" is that of account ${owner}`,
        hint: "put in the account's own id, or drop the account and let its clusters use the other",
        provider,
      });
    }
    names.add(account.name);
    owners.set(`${provider} ${id}`, account.name);
    return faults;
  });
}

function checkManagement(fleet: Fleet): readonly Fault[] {
  const used = new Set(fleet.clusters.filter(isCloud).map(({ provider }) => provider));
  return (["aws", "azure", "gcp"] as const).flatMap((provider): readonly Fault[] => {
    const [first, ...others] = fleet.accounts.filter(
      (account) => account.provider === provider && account.role === "management",
    );
    if (first === undefined && used.has(provider)) {
      return [
        {
          code: "NoManagementAccount",
          where: `accounts of ${provider}`,
          message: `no management account for ${provider}, which has clusters`,
          hint: `add an account with role: "management" to hold the zones`,
          provider,
        },
      ];
    }
    return others.map((other) => ({
      code: "SeveralManagementAccounts",
      where: `account ${other.name}`,
      message: `a second management account for ${provider}, beside ${first?.name ?? ""}`,
      hint: `write role: "tenant" in one of the two`,
      provider,
    }));
  });
}

function checkReference(cluster: CloudCluster, accounts: readonly Account[]): readonly Fault[] {
  const account = accounts.find(({ name }) => name === cluster.account);
  if (account?.provider === cluster.provider) return [];
  const names = namesOf(accounts, cluster.provider);
  const known = names.length === 0 ? `${cluster.provider} has no accounts` : `accounts are ${names.join(", ")}`;
  const where = `cluster ${cluster.name}`;
  const { provider } = cluster;
  if (account === undefined) {
    return [
      {
        code: "UnknownAccount",
        where,
        message: `unknown account "${cluster.account}"`,
        hint: `${formatGuess(cluster.account, names)}${known}`,
        provider,
      },
    ];
  }
  return [
    {
      code: "AccountOfAnotherProvider",
      where,
      message: `account "${account.name}" is one of ${account.provider}, the cluster one of ${provider}`,
      hint: known,
      provider,
    },
  ];
}

function namesOf(accounts: readonly Account[], provider: CloudProvider): readonly string[] {
  return accounts.filter((account) => account.provider === provider).map(({ name }) => name);
}
