import { isDocumentationRange, isRepeatedDigit } from "#lib/fleet/placeholders.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";

/** Whether the id or number of the account's project is a placeholder. */
export function isPlaceholder({ projectId, projectNumber }: GcpAccount): boolean {
  return projectId.startsWith("example-") || isRepeatedDigit(projectNumber);
}

/** The values to set in the fleet before Google is called for a cluster; without one, for what all clusters need. */
export function describePlaceholder(
  { accounts, github }: Pick<Fleet, "accounts" | "github">,
  cluster?: GkeCluster,
): string | undefined {
  const inGcp = accounts.filter((account) => account.provider === "gcp");
  const used = inGcp.find(
    (account) => isPlaceholder(account) && (account.role === "management" || account.name === cluster?.account),
  );
  if (used !== undefined) return `the project of ${used.name} is a placeholder`;
  if (github !== undefined && [github.repositoryId, github.ownerId].some(isRepeatedDigit)) {
    return "the ids of github are placeholders";
  }
  return cluster?.publicAccessCidrs?.some(isDocumentationRange) === true
    ? "publicAccessCidrs is a placeholder"
    : undefined;
}
