import type { AwsCredentialIdentity } from "@aws-sdk/types";
import { type AwsReach, awsClientSettings, profileOf } from "#lib/aws/credentials/client-settings.ts";
import { boundCredentialProcesses } from "#lib/aws/credentials/credential-process.ts";
import { refuseConfiguredEndpoint } from "#lib/aws/credentials/endpoint.ts";
import {
  keepSession,
  keptSessionPath,
  mfaSerialOf,
  readKeptSession,
  readProfile,
} from "#lib/aws/credentials/profile.ts";
import { stsRegion } from "#lib/aws/credentials/sts.ts";
import { isGithubJob } from "#lib/cloud/github-token.ts";
import { FleetError } from "#lib/errors.ts";
import { command } from "#lib/hint.ts";
import { formatWord } from "#lib/shell-words.ts";

/** Settings of a profile by which it names credentials. One that has none of them leaves the choice to the machine. */
const credentialSettings = [
  "aws_access_key_id",
  "role_arn",
  "credential_process",
  "credential_source",
  "web_identity_token_file",
  "sso_session",
  "sso_start_url",
  "login_session",
];

/** Whether the environment has keys, which win over everything else, as for the AWS CLI. */
export function hasKeys({ AWS_ACCESS_KEY_ID: id = "" }: AwsReach["variables"]): boolean {
  return id !== "";
}

/**
 * In the order of the AWS CLI: keys of the environment, the profile, the role of the machine. A profile that does not exist, or
 * whose credentials fail ends the search, because later sources are other identities.
 *
 * @throws FleetError CredentialsMissing, MfaCodeNeeded
 */
export async function findCredentials(reach: AwsReach): Promise<AwsCredentialIdentity> {
  const named = profileOf(reach.variables);
  const profile = named ?? "default";
  const settings = await readProfile(profile);
  if (named !== undefined && settings === undefined) {
    throw new FleetError("CredentialsMissing", `there is no profile ${named}`, {
      hint: /^[\w\-@+.%:/]+$/.test(named)
        ? "aws configure list-profiles shows which there are: correct AWS_PROFILE, or unset it"
        : "AWS's SDK for JavaScript cannot read names with such characters in ~/.aws/config: rename the profile",
    });
  }
  await boundCredentialProcesses(reach.variables);
  const { fromEnv, fromNodeProviderChain } = await import("@aws-sdk/credential-providers");
  const isProfile = credentialSettings.some((name) => settings?.[name] !== undefined);
  if (isProfile && !hasKeys(reach.variables)) return await openProfile(profile, reach);
  const clientConfig = { region: stsRegion, ...(await awsClientSettings(reach)) };
  try {
    if (hasKeys(reach.variables)) return await fromEnv()();
    return await fromNodeProviderChain({ clientConfig, ...(named === undefined ? {} : { profile: named }) })();
  } catch (cause) {
    throw new FleetError("CredentialsMissing", "this computer has no credentials for AWS", {
      hint: "aws sso login, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
      details: cause instanceof Error ? [cause.message] : [],
      cause,
    });
  }
}

/** Credentials of a named profile; undefined when there is no such profile. @throws FleetError CredentialsMissing when it gives none, MfaCodeNeeded */
export async function findProfile(profile: string, reach: AwsReach): Promise<AwsCredentialIdentity | undefined> {
  return (await readProfile(profile)) === undefined ? undefined : await openProfile(profile, reach);
}

/** @throws FleetError CredentialsMissing, EndpointRefused, MfaCodeNeeded */
async function openProfile(profile: string, reach: AwsReach): Promise<AwsCredentialIdentity> {
  if (reach.endpoint === undefined) await refuseConfiguredEndpoint(profile, reach.variables);
  const settings = await readProfile(profile);
  const serial = await mfaSerialOf(profile);
  const path = serial === undefined || settings === undefined ? undefined : keptSessionPath(settings, reach.variables);
  const kept = path === undefined ? undefined : await readKeptSession(path);
  if (kept !== undefined) return kept;
  await boundCredentialProcesses(reach.variables);
  const { fromIni } = await import("@aws-sdk/credential-providers");
  const clientConfig = { region: stsRegion, ...(await awsClientSettings(reach)) };
  const mfaCodeProvider = async (device: string): Promise<string> => {
    if (reach.askMfaCode !== undefined) return await reach.askMfaCode(device);
    throw new FleetError("MfaCodeNeeded", `the profile ${profile} needs a code of the MFA device ${device}`, {
      hint: [command("whoami"), "   (on a terminal: it asks for the code; other commands then use the same session)"],
    });
  };
  try {
    const found = await fromIni({ profile, clientConfig, mfaCodeProvider })();
    if (path !== undefined) await keepSession(path, found);
    return found;
  } catch (cause) {
    if (cause instanceof FleetError) throw cause;
    throw new FleetError("CredentialsMissing", `the profile ${profile} gives no credentials`, {
      hint:
        serial === undefined
          ? `aws sso login --profile ${formatWord(profile)}, or correct it in ~/.aws/config`
          : `run it again with the current code of ${serial}: each code is accepted once`,
      details: cause instanceof Error ? [cause.message] : [],
      cause,
    });
  }
}

/** Prompts for the code of the profile's MFA device, if required and not cached. @throws FleetError as findCredentials() */
export async function prepareBase(reach: AwsReach): Promise<void> {
  const named = profileOf(reach.variables);
  if (hasKeys(reach.variables) || (named === undefined && isGithubJob(reach.variables))) return;
  const profile = named ?? "default";
  if ((await mfaSerialOf(profile)) !== undefined) await openProfile(profile, reach);
}
