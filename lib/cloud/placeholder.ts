import { type AccountOf, accountsOf } from "#lib/cloud/accounts.ts";
import { isDocumentationRange, isRepeatedDigit } from "#lib/fleet/placeholders.ts";
import type { CloudProvider, Fleet } from "#lib/fleet/types.ts";

export interface Placeholders<Name extends CloudProvider> {
  readonly provider: Name;
  isPlaceholder(account: AccountOf<Name>): boolean;
  /** What is one: `the account id`. */
  readonly what: string;
}

/** The values to set in the fleet before a cloud is called for a cluster; without one, for what all clusters need. */
export function describePlaceholder<Name extends CloudProvider>(
  { provider, isPlaceholder, what }: Placeholders<Name>,
  fleet: Pick<Fleet, "accounts" | "github">,
  cluster?: { readonly account: string; readonly publicAccessCidrs?: readonly string[] },
): string | undefined {
  const used = accountsOf(fleet, provider).find(
    (account) => isPlaceholder(account) && (account.role === "management" || account.name === cluster?.account),
  );
  const { github } = fleet;
  const isAnyId = github !== undefined && [github.repositoryId, github.ownerId].some(isRepeatedDigit);
  if (used !== undefined && (used.role === "management" || !isAnyId)) return `${what} of ${used.name} is a placeholder`;
  if (isAnyId) return "the ids of github are placeholders";
  const isOpen = cluster?.publicAccessCidrs?.some(isDocumentationRange) === true;
  return isOpen ? "publicAccessCidrs is a placeholder" : undefined;
}
