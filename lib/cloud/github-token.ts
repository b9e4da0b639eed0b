import { readSubjectsOf } from "#lib/fleet/github.ts";
import type { GitHubTrust } from "#lib/fleet/types.ts";

/** Whether the fleet gives the token's job read-only access. AWS verifies the token; this only selects the role to request. */
export function mayOnlyRead(token: string, github: GitHubTrust | undefined): boolean {
  return github !== undefined && readSubjectsOf(github).includes(subjectOf(token));
}

function subjectOf(token: string): string {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    return typeof claims === "object" && claims !== null && "sub" in claims ? String(claims.sub) : "";
  } catch {
    return "";
  }
}
