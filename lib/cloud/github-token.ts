import { readCaBundle } from "#lib/cloud/ca-bundle.ts";
import { FleetError } from "#lib/errors.ts";
import { readSubjectsOf } from "#lib/fleet/github.ts";
import type { GitHubTrust } from "#lib/fleet/types.ts";

/** Whether the fleet gives the token's job read-only access. The cloud verifies the token; this only selects the identity to request. */
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

type Variables = Readonly<Record<string, string>>;

/** Whether a job of GitHub Actions with `id-token: write` runs this. */
export function isGithubJob({ ACTIONS_ID_TOKEN_REQUEST_URL: url = "" }: Variables): boolean {
  return url !== "";
}

/**
 * A new OIDC token of the running job, valid for minutes. Undefined outside of GitHub, or without the permission.
 *
 * @param audience who verifies it: `sts.amazonaws.com`
 * @throws FleetError CaBundleUnreadable, CredentialsMissing
 */
export async function fetchGithubToken(variables: Variables, audience: string): Promise<string | undefined> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url = "", ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer = "" } = variables;
  if (url === "" || bearer === "") return undefined;
  const asked = new URL(url);
  asked.searchParams.set("audience", audience);
  // A proxy that inspects TLS has its own authority; so does an emulated cloud.
  const bundle = variables.REQUESTS_CA_BUNDLE ?? "";
  const tls = bundle === "" ? {} : { tls: { ca: readCaBundle("REQUESTS_CA_BUNDLE", bundle) } };
  try {
    const response = await fetch(asked, {
      headers: { authorization: `Bearer ${bearer}` },
      signal: AbortSignal.timeout(15_000),
      ...tls,
    });
    const { value } = (await response.json()) as { readonly value?: string };
    if (response.ok && value !== undefined) return value;
    throw new Error(`it answered ${response.status}`);
  } catch (cause) {
    throw new FleetError("CredentialsMissing", "GitHub gives this job no token", {
      hint: "does the job have permissions: { id-token: write }?",
      cause,
    });
  }
}
