import { factsOf, type Providers } from "#lib/fleet/provider.ts";
import type { Account, Fleet } from "#lib/fleet/types.ts";

/** `AWS Management Account`, `AWS Account 01`. */
export function accountTitle(account: Account, providers: Providers): string {
  const { title } = factsOf(providers, account);
  const prefix = `${account.provider}-`;
  const name = account.name.startsWith(prefix) ? account.name.slice(prefix.length) : account.name;
  return account.role === "management" ? `${title} Management Account` : `${title} Account ${name}`;
}

/** Names of the clusters in an account. */
export function clustersIn(account: Account, fleet: Pick<Fleet, "clusters">): readonly string[] {
  return fleet.clusters
    .filter((cluster) => "account" in cluster && cluster.account === account.name)
    .map(({ name }) => name);
}
