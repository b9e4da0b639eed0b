import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { isDocumentationRange, isRepeatedDigit } from "#lib/fleet/placeholders.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/** Whether an id of the account is a placeholder. */
export function isPlaceholder({ subscriptionId, tenantId }: AzureAccount): boolean {
  return isRepeatedDigit(subscriptionId) || isRepeatedDigit(tenantId);
}

/** The values to set in the fleet before Azure is called for a cluster; without one, for what all clusters need. */
export function describePlaceholder(
  { accounts, github }: Pick<Fleet, "accounts" | "github">,
  cluster?: AksCluster,
): string | undefined {
  const inAzure = accounts.filter((account) => account.provider === "azure");
  const used = inAzure.find(
    (account) => isPlaceholder(account) && (account.role === "management" || account.name === cluster?.account),
  );
  if (used !== undefined) return `an id of ${used.name} is a placeholder`;
  if (github !== undefined && [github.repositoryId, github.ownerId].some(isRepeatedDigit)) {
    return "the ids of github are placeholders";
  }
  return cluster?.publicAccessCidrs.some(isDocumentationRange) === true
    ? "publicAccessCidrs is a placeholder"
    : undefined;
}
