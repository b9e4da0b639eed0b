import type { Account, EksCluster, Fleet, GitHubTrust } from "#lib/fleet/types.ts";

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

/** Do the addresses that may reach the API server stand for others? */
export function hasPlaceholderAccess({ publicAccessCidrs }: EksCluster): boolean {
  return publicAccessCidrs.some((range) => documentationRanges.some((prefix) => range.startsWith(prefix)));
}

export function isPlaceholderGitHub({ repositoryId, ownerId }: GitHubTrust): boolean {
  return oneDigit.test(repositoryId) || oneDigit.test(ownerId);
}
