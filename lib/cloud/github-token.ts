import { readSubjectsOf } from "#lib/fleet/github.ts";
import type { GitHubTrust } from "#lib/fleet/types.ts";

/** Whether the fleet lets the job of a token read and nothing more. AWS verifies the token; this only chooses the role to ask for. */
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
