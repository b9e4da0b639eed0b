import type { Account, CloudProvider, Fleet } from "#lib/fleet/types.ts";

export const cloudTitles: Readonly<Record<CloudProvider, string>> = { aws: "AWS", azure: "Azure", gcp: "GCP" };

/** `AWS Management Account`, `AWS Account 01`. */
export function accountTitle(account: Account): string {
  const cloud = cloudTitles[account.provider];
  const prefix = `${account.provider}-`;
  const name = account.name.startsWith(prefix) ? account.name.slice(prefix.length) : account.name;
  return account.role === "management" ? `${cloud} Management Account` : `${cloud} Account ${name}`;
}

/** Names of the clusters in an account. */
export function clustersIn(account: Account, fleet: Fleet): readonly string[] {
  return fleet.clusters
    .filter((cluster) => "account" in cluster && cluster.account === account.name)
    .map(({ name }) => name);
}
