import type { Fault } from "#lib/fleet/fault.ts";
import { accountId, type Providers } from "#lib/fleet/provider.ts";
import type { Account, CloudCluster, CloudProvider, Fleet } from "#lib/fleet/types.ts";
import { isCloud } from "#lib/fleet/types.ts";
import { formatGuess } from "#lib/nearest.ts";

export function checkAccounts(fleet: Fleet, providers: Providers): readonly Fault[] {
  return [
    ...checkUnique(fleet.accounts, providers),
    ...checkManagement(fleet),
    ...fleet.clusters.filter(isCloud).flatMap((cluster) => checkReference(cluster, fleet.accounts)),
  ];
}

/** For the providers' checks: each knows the format of its ids. */
export function malformedAccountId(account: Account, field: string, value: string, hint: string): Fault {
  return {
    code: "MalformedAccountId",
    where: `account ${account.name}`,
    message: `malformed ${field} "${value}"`,
    hint,
    provider: account.provider,
  };
}

function checkUnique(accounts: readonly Account[], providers: Providers): readonly Fault[] {
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
    const id = accountId(account, providers).toLowerCase();
    const owner = owners.get(`${provider} ${id}`);
    if (owner !== undefined) {
      faults.push({
        code: "DuplicateAccountId",
        where,
        message: `the id "${accountId(account, providers)}" is that of account ${owner}`,
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
  const clouds = new Set([...fleet.accounts.map(({ provider }) => provider), ...used]);
  return [...clouds].flatMap((provider): readonly Fault[] => {
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
