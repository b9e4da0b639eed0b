import { FleetError } from "#lib/errors.ts";
import type { Account, CloudProvider, Fleet } from "#lib/fleet/types.ts";
import { suggest } from "#lib/nearest.ts";

/** Accounts in which clusters are created: every tenant, and the management account if it has clusters. */
export function clusterAccounts<Name extends CloudProvider>(
  { accounts, clusters }: Pick<Fleet, "accounts" | "clusters">,
  provider: Name,
): readonly Extract<Account, { readonly provider: Name }>[] {
  const isOf = (account: Account): account is Extract<Account, { readonly provider: Name }> =>
    account.provider === provider;
  const hasClusters = (name: string): boolean =>
    clusters.some((cluster) => "account" in cluster && cluster.account === name);
  return accounts.filter(isOf).filter(({ name, role }) => role === "tenant" || hasClusters(name));
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
