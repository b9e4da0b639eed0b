import type { Account, Fleet } from "#lib/fleet/types.ts";

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
