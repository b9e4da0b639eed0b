import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { isRepeatedDigit } from "#lib/fleet/placeholders.ts";

/** Whether the account's id is a placeholder. */
export function isPlaceholder({ accountId }: AwsAccount): boolean {
  return isRepeatedDigit(accountId);
}
