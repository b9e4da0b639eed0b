import type { Account } from "#lib/fleet/types.ts";

/** What the cloud knows an account by. */
export function accountId(account: Account): string {
  switch (account.provider) {
    case "aws":
      return account.accountId;
    case "azure":
      return account.subscriptionId;
    case "gcp":
      return account.projectId;
    default:
      return account satisfies never;
  }
}
