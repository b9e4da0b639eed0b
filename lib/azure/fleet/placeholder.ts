import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { isRepeatedDigit } from "#lib/fleet/placeholders.ts";

/** Whether an id of the account is a placeholder. */
export function isPlaceholder({ subscriptionId, tenantId }: AzureAccount): boolean {
  return isRepeatedDigit(subscriptionId) || isRepeatedDigit(tenantId);
}
