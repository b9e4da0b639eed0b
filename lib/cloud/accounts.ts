import { type ErrorCode, FleetError } from "#lib/errors.ts";
import type { Account, CloudProvider, Fleet } from "#lib/fleet/types.ts";
import { suggest } from "#lib/nearest.ts";

export type AccountOf<Name extends CloudProvider> = Extract<Account, { readonly provider: Name }>;

export function accountsOf<Name extends CloudProvider>(
  { accounts }: Pick<Fleet, "accounts">,
  provider: Name,
): readonly AccountOf<Name>[] {
  return accounts.filter((account): account is AccountOf<Name> => account.provider === provider);
}

/** Undefined only in a fleet without clusters in this cloud. */
export function findManagement<Name extends CloudProvider>(
  fleet: Pick<Fleet, "accounts">,
  provider: Name,
): AccountOf<Name> | undefined {
  return accountsOf(fleet, provider).find(({ role }) => role === "management");
}

/** @throws FleetError `code` */
export function managementOf<Name extends CloudProvider>(
  fleet: Pick<Fleet, "accounts">,
  provider: Name,
  code: ErrorCode,
): AccountOf<Name> {
  const found = findManagement(fleet, provider);
  if (found !== undefined) return found;
  throw new FleetError(code, `the fleet has no management account for ${provider}`, {
    hint: `add one to clusters/${provider}.ts`,
  });
}

/** Accounts in which clusters are created: every tenant, and the management account if it has clusters. */
export function clusterAccounts<Name extends CloudProvider>(
  fleet: Pick<Fleet, "accounts" | "clusters">,
  provider: Name,
): readonly AccountOf<Name>[] {
  const hasClusters = (name: string): boolean =>
    fleet.clusters.some((cluster) => "account" in cluster && cluster.account === name);
  return accountsOf(fleet, provider).filter(({ name, role }) => role === "tenant" || hasClusters(name));
}

/** @param names all of them when none is given @throws FleetError UnknownAccount */
export function chooseAccounts<A extends { readonly name: string }>(
  known: readonly A[],
  names: readonly string[],
): readonly A[] {
  const [unknown] = names.filter((name) => !known.some((account) => account.name === name));
  if (unknown === undefined) return known.filter(({ name }) => names.length === 0 || names.includes(name));
  throw new FleetError("UnknownAccount", `unknown account "${unknown}"`, {
    hint: suggest(
      unknown,
      known.map(({ name }) => name),
    ),
  });
}
