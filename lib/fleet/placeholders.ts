import type { Account, EksCluster, Fleet } from "#lib/fleet/types.ts";

/** One digit, repeated; hyphens aside. */
const oneDigit = /^(\d)(?:-?\1)+$/;

/** Is the account's id one that nobody owns, put there to be replaced? Commands that would call a real cloud refuse these. */
export function isPlaceholder(account: Account): boolean {
  switch (account.provider) {
    case "aws":
      return oneDigit.test(account.accountId);
    case "azure":
      return oneDigit.test(account.subscriptionId) || oneDigit.test(account.tenantId);
    case "gcp":
      return account.projectId.startsWith("example-");
    default:
      return account satisfies never;
  }
}

export function placeholders(fleet: Fleet): readonly Account[] {
  return fleet.accounts.filter(isPlaceholder);
}

/** Addresses that documents use and nobody has: https://www.rfc-editor.org/rfc/rfc5737 */
const documentationRanges = ["192.0.2.", "198.51.100.", "203.0.113."];

/** What has to be put into the fleet before AWS may be called for it; undefined when all is there. */
export function describeAwsPlaceholder({ accounts, github }: Pick<Fleet, "accounts" | "github">): string | undefined {
  const management = accounts.find(({ provider, role }) => provider === "aws" && role === "management");
  if (management !== undefined && isPlaceholder(management))
    return `the account id of ${management.name} is a placeholder`;
  if (github === undefined || ![github.repositoryId, github.ownerId].some((id) => oneDigit.test(id))) return undefined;
  return "the ids of github are placeholders";
}

/** The same for one cluster. */
export function describeEksPlaceholder({ accounts }: Pick<Fleet, "accounts">, cluster: EksCluster): string | undefined {
  const account = accounts.find(({ name }) => name === cluster.account);
  if (account !== undefined && isPlaceholder(account)) return `the account id of ${account.name} is a placeholder`;
  const isOpenToNobody = cluster.publicAccessCidrs.some((range) =>
    documentationRanges.some((prefix) => range.startsWith(prefix)),
  );
  return isOpenToNobody ? "publicAccessCidrs is a placeholder" : undefined;
}
