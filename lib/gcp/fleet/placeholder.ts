import { isRepeatedDigit } from "#lib/fleet/placeholders.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";

/** Whether the id or number of the account's project is a placeholder. */
export function isPlaceholder({ projectId, projectNumber }: GcpAccount): boolean {
  return projectId.startsWith("example-") || isRepeatedDigit(projectNumber);
}
