import { join } from "node:path";
import type { AwsCredentialIdentity } from "@aws-sdk/types";
import { tryReadText, writePrivateFile } from "#lib/files.ts";

/** Settings of a profile, by their names in ~/.aws/config. */
export type ProfileSettings = Readonly<Record<string, string | undefined>>;

/** Minimum remaining lifetime of a cached session, in milliseconds: the AWS CLI's own limit. */
const minimumMs = 15 * 60_000;

/** Undefined when neither file has the profile. */
export async function readProfile(profile: string): Promise<ProfileSettings | undefined> {
  const { loadSharedConfigFiles } = await import("@smithy/core/config");
  const { configFile, credentialsFile } = await loadSharedConfigFiles();
  const [configured, stored] = [configFile[profile], credentialsFile[profile]];
  return configured === undefined && stored === undefined ? undefined : { ...configured, ...stored };
}

/** A section of the config file that is no profile, e.g. `services.local`. */
export async function readSection(name: string): Promise<ProfileSettings> {
  const { loadSharedConfigFiles } = await import("@smithy/core/config");
  return (await loadSharedConfigFiles()).configFile[name] ?? {};
}

/** A profile and its chain of source profiles. A cycle ends where it closes. */
export async function profileChain(
  profile: string,
): Promise<readonly { readonly name: string; readonly settings: ProfileSettings }[]> {
  const chain: { readonly name: string; readonly settings: ProfileSettings }[] = [];
  for (let name: string | undefined = profile; name !== undefined; ) {
    const settings = await readProfile(name);
    if (settings === undefined || chain.some((known) => known.name === name)) break;
    chain.push({ name, settings });
    name = settings.role_arn === undefined ? undefined : settings.source_profile;
  }
  return chain;
}

/** The MFA device that a profile's role, or a role on the way to it, asks for. */
export async function mfaSerialOf(profile: string): Promise<string | undefined> {
  const chain = await profileChain(profile);
  return chain.find(({ settings }) => settings.role_arn !== undefined && settings.mfa_serial !== undefined)?.settings
    .mfa_serial;
}

/**
 * Where the AWS CLI keeps the session of a profile's role, so that a code which either has asked for serves both. The name is the SHA-1
 * of the role's settings as Python writes JSON (botocore/credentials.py, AssumeRoleCredentialFetcher).
 */
export function keptSessionPath(
  settings: ProfileSettings,
  { HOME = "" }: Readonly<Record<string, string>>,
): string | undefined {
  if (HOME === "") return undefined;
  const { role_arn, external_id, mfa_serial, duration_seconds, role_session_name } = settings;
  const asked = {
    DurationSeconds: duration_seconds === undefined ? undefined : Number(duration_seconds),
    ExternalId: external_id,
    RoleArn: role_arn,
    RoleSessionName: role_session_name,
    SerialNumber: mfa_serial,
  };
  const pairs = Object.entries(asked).flatMap(([name, value]) =>
    value === undefined ? [] : [`"${name}": ${JSON.stringify(value)}`],
  );
  const digest = new Bun.CryptoHasher("sha1").update(`{${pairs.join(", ")}}`).digest("hex");
  return join(HOME, ".aws/cli/cache", `${digest}.json`);
}

/** As the AWS CLI writes it. */
interface KeptSession {
  readonly Credentials?: {
    readonly AccessKeyId?: string;
    readonly SecretAccessKey?: string;
    readonly SessionToken?: string;
    readonly Expiration?: string;
  };
}

/** Cached in this process, by path: a run that has prompted for a code doesn't depend on the disk. */
const remembered = new Map<string, AwsCredentialIdentity>();

export async function readKeptSession(path: string): Promise<AwsCredentialIdentity | undefined> {
  const known = remembered.get(path);
  if (known !== undefined && (known.expiration?.getTime() ?? 0) - Date.now() > minimumMs) return known;
  const { Credentials: kept } = parseKept((await tryReadText(path).catch(() => undefined)) ?? "{}");
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration = "" } = kept ?? {};
  const expiration = new Date(Expiration);
  const isUsable = expiration.getTime() - Date.now() > minimumMs;
  if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined || !isUsable) {
    return undefined;
  }
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken, expiration };
}

function parseKept(text: string): KeptSession {
  try {
    return (JSON.parse(text) ?? {}) as KeptSession;
  } catch {
    return {};
  }
}

export async function keepSession(path: string, session: AwsCredentialIdentity): Promise<void> {
  remembered.set(path, session);
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = session;
  const Credentials = {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
    Expiration: expiration?.toISOString(),
  };
  // If it can't be written, other commands prompt again.
  await writePrivateFile(path, JSON.stringify({ Credentials })).catch(() => undefined);
}
