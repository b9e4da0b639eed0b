import type { AwsCredentialIdentity } from "@aws-sdk/types";
import { type AwsReach, awsClientSettings } from "#lib/credentials/aws-client-settings.ts";
import { stsRegion } from "#lib/credentials/sts.ts";
import { FleetError } from "#lib/errors.ts";
import { formatWord } from "#lib/exec.ts";

/** What AWS's trust policies know GitHub's tokens by. */
const githubAudience = "sts.amazonaws.com";

/** What the SDK finds: variables, profiles, single sign-on, roles of machines. @throws FleetError CredentialsMissing */
export async function findCredentials(reach: AwsReach): Promise<AwsCredentialIdentity> {
  const { fromNodeProviderChain } = await import("@aws-sdk/credential-providers");
  const clientConfig = { region: stsRegion, ...(await awsClientSettings(reach)) };
  try {
    return await fromNodeProviderChain({ clientConfig })();
  } catch (cause) {
    throw new FleetError("CredentialsMissing", "this computer has no credentials for AWS", {
      hint: "aws sso login, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
      details: cause instanceof Error ? [cause.message] : [],
      cause,
    });
  }
}

/** Credentials of a named profile; undefined when there is no such profile. @throws FleetError CredentialsMissing when it gives none */
export async function findProfile(profile: string, reach: AwsReach): Promise<AwsCredentialIdentity | undefined> {
  const [{ fromIni }, { loadSharedConfigFiles }] = await Promise.all([
    import("@aws-sdk/credential-providers"),
    import("@smithy/core/config"),
  ]);
  const { configFile, credentialsFile } = await loadSharedConfigFiles();
  if (configFile[profile] === undefined && credentialsFile[profile] === undefined) return undefined;
  const clientConfig = { region: stsRegion, ...(await awsClientSettings(reach)) };
  try {
    return await fromIni({ profile, clientConfig })();
  } catch (cause) {
    throw new FleetError("CredentialsMissing", `the profile ${profile} gives no credentials`, {
      hint: `aws sso login --profile ${formatWord(profile)}, or correct it in ~/.aws/config`,
      details: cause instanceof Error ? [cause.message] : [],
      cause,
    });
  }
}

/** A token of the running job, new each time: one lives for minutes. Undefined outside of GitHub, or without the permission. */
export async function fetchGithubToken(variables: Readonly<Record<string, string>>): Promise<string | undefined> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url = "", ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer = "" } = variables;
  if (url === "" || bearer === "") return undefined;
  const asked = new URL(url);
  asked.searchParams.set("audience", githubAudience);
  try {
    const response = await fetch(asked, {
      headers: { authorization: `Bearer ${bearer}` },
      signal: AbortSignal.timeout(15_000),
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
