import { fetchGithubToken, mayOnlyRead } from "#lib/cloud/github-token.ts";
import { FleetError } from "#lib/errors.ts";
import { readSubjectsOf, subjectsOf } from "#lib/fleet/github.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { keepSecret } from "#lib/secrets.ts";

/** The audience of assertions in every cloud: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust */
const assertionAudience = "api://AzureADTokenExchange";

/** The identity that a job of GitHub acts as, and the token that stands for its password. */
export interface GithubJob {
  readonly clientId: string;
  readonly token: string;
  /** Subjects that the fleet names for this identity. */
  readonly trusted: readonly string[];
}

/** @throws FleetError CredentialsMissing */
export async function openGithubJob(
  variables: Readonly<Record<string, string>>,
  github: Fleet["github"],
): Promise<GithubJob> {
  const { AZURE_CLIENT_ID: full = "", AZURE_READ_ONLY_CLIENT_ID: reading = "" } = variables;
  const token = await fetchGithubToken(variables, assertionAudience);
  if (token === undefined) {
    throw new FleetError("CredentialsMissing", "GitHub gives this job no token", {
      hint: "does the job have permissions: { id-token: write }?",
    });
  }
  keepSecret(token);
  const isReading = mayOnlyRead(token, github);
  const clientId = isReading ? reading : full;
  if (clientId !== "") {
    const trusted = github === undefined ? [] : isReading ? readSubjectsOf(github) : subjectsOf(github);
    return { clientId, token, trusted };
  }
  const variable = isReading ? "AZURE_READ_ONLY_CLIENT_ID" : "AZURE_CLIENT_ID";
  throw new FleetError("CredentialsMissing", `this job of GitHub has no ${variable}`, {
    hint: `set the repository's variable ${variable} (create:azure-mgmt prints the command) and pass it to the job`,
  });
}
