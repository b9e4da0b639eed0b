import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import { isDocumentationRange, isRepeatedDigit } from "#lib/fleet/placeholders.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/** Whether the account's id is a placeholder. */
export function isPlaceholder({ accountId }: AwsAccount): boolean {
  return isRepeatedDigit(accountId);
}

/** The values to set in the fleet before AWS is called for a cluster; without one, for what all clusters need. */
export function describePlaceholder(
  { accounts, github }: Pick<Fleet, "accounts" | "github">,
  cluster?: EksCluster,
): string | undefined {
  const inAws = accounts.filter((account) => account.provider === "aws");
  const used = inAws.find(
    (account) => isPlaceholder(account) && (account.role === "management" || account.name === cluster?.account),
  );
  if (used?.role === "management") return `the account id of ${used.name} is a placeholder`;
  if (github !== undefined && [github.repositoryId, github.ownerId].some(isRepeatedDigit)) {
    return "the ids of github are placeholders";
  }
  if (used !== undefined) return `the account id of ${used.name} is a placeholder`;
  return cluster?.publicAccessCidrs.some(isDocumentationRange) === true
    ? "publicAccessCidrs is a placeholder"
    : undefined;
}
