import type { AwsCredentialIdentity } from "@aws-sdk/types";
import { type AwsReach, awsClientSettings } from "#lib/aws/credentials/client-settings.ts";
import { findUnreachable } from "#lib/aws/credentials/unreachable.ts";
import { FleetError } from "#lib/errors.ts";
import type { Hint } from "#lib/hint.ts";
import { keepSecret } from "#lib/secrets.ts";

/** Who calls AWS. */
export interface AwsIdentity {
  /** Twelve digits. */
  readonly account: string;
  readonly arn: string;
}

/** Credentials that were proved to be of the account that they are meant for. */
export interface AwsSession {
  readonly credentials: AwsCredentialIdentity;
  readonly identity: AwsIdentity;
}

/** STS is called in one region for all clusters: others may not be enabled in the management account. */
export const stsRegion = "us-east-1";
/** Role chaining limits sessions to one hour; longer requests are rejected. */
const sessionSeconds = 3_600;

const throttled = /Throttl|TooManyRequests|RequestLimitExceeded/;

export interface AssumeRole {
  readonly role: string;
  readonly sessionName: string;
  readonly externalId?: string;
  /** Source identity, passed to every later role; can't be changed. */
  readonly sourceIdentity?: string;
  /** What to type when it is refused. */
  readonly hint: Hint;
}

/** @throws FleetError AssumeRoleDenied, AwsThrottled, SessionExpired, AwsUnreachable, ClockSkewed */
export async function assumeRole(
  options: AwsReach,
  caller: AwsSession,
  { role, sessionName, externalId, sourceIdentity, hint }: AssumeRole,
): Promise<AwsCredentialIdentity> {
  const { AssumeRoleCommand } = await import("@aws-sdk/client-sts");
  const command = new AssumeRoleCommand({
    RoleArn: role,
    RoleSessionName: sessionName,
    DurationSeconds: sessionSeconds,
    ...(externalId === undefined ? {} : { ExternalId: externalId }),
    ...(sourceIdentity === undefined ? {} : { SourceIdentity: sourceIdentity }),
  });
  const asked = { what: `${caller.identity.arn} the role ${role}`, hint };
  const { Credentials: found } = await send(options, caller.credentials, asked, (client) => client.send(command));
  return parseCredentials(found, role);
}

/** @throws FleetError AssumeRoleDenied, AwsThrottled, SessionExpired, AwsUnreachable, ClockSkewed */
export async function assumeRoleWithToken(
  options: AwsReach,
  token: string,
  { role, sessionName, hint }: AssumeRole,
): Promise<AwsCredentialIdentity> {
  const { AssumeRoleWithWebIdentityCommand } = await import("@aws-sdk/client-sts");
  const command = new AssumeRoleWithWebIdentityCommand({
    RoleArn: role,
    RoleSessionName: sessionName,
    WebIdentityToken: token,
    DurationSeconds: sessionSeconds,
  });
  // The token authenticates: the request is not signed.
  const nobody = { accessKeyId: "", secretAccessKey: "" };
  const asked = { what: `this job of GitHub the role ${role}`, hint };
  const { Credentials: found } = await send(options, nobody, asked, (client) => client.send(command));
  return parseCredentials(found, role);
}

/** Asks who these credentials are of. @throws FleetError AssumeRoleDenied, AwsThrottled, SessionExpired, AwsUnreachable, ClockSkewed */
export async function identify(options: AwsReach, credentials: AwsCredentialIdentity): Promise<AwsIdentity> {
  const { GetCallerIdentityCommand } = await import("@aws-sdk/client-sts");
  const asked = { what: "these credentials", hint: "make new access keys, or log in again" };
  const found = await send(options, credentials, asked, (client) => client.send(new GetCallerIdentityCommand({})));
  return { account: found.Account ?? "", arn: found.Arn ?? "" };
}

type Sts = import("@aws-sdk/client-sts").STSClient;

async function send<Output>(
  reach: AwsReach,
  credentials: AwsCredentialIdentity,
  asked: { readonly what: string; readonly hint: Hint },
  call: (client: Sts) => Promise<Output>,
): Promise<Output> {
  keepSecret(credentials.secretAccessKey, credentials.sessionToken);
  const [{ STSClient, STSServiceException }, settings] = await Promise.all([
    import("@aws-sdk/client-sts"),
    awsClientSettings(reach),
  ]);
  const client = new STSClient({ region: stsRegion, credentials, ...settings });
  try {
    return await call(client);
  } catch (cause) {
    if (cause instanceof FleetError) throw cause;
    const unreachable = findUnreachable(cause);
    if (unreachable !== undefined) {
      throw new FleetError("AwsUnreachable", `STS: ${unreachable.message}`, { hint: unreachable.hint, cause });
    }
    if (cause instanceof STSServiceException && cause.$fault === "client") {
      // The one is a modelled error, the other what signatures of old sessions get.
      if (cause.name === "ExpiredToken" || cause.name === "ExpiredTokenException") {
        throw new FleetError("SessionExpired", `AWS refuses ${asked.what}: the session has expired`, {
          hint: "log in again (aws sso login), then run the same command: it continues from there",
          details: [cause.message],
          cause,
        });
      }
      if (throttled.test(cause.name)) {
        throw new FleetError("AwsThrottled", `STS throttles the requests: ${cause.name}`, {
          hint: "wait a minute and run the same command again",
          details: [cause.message],
          cause,
        });
      }
      const elsewhere = cause.name === "InvalidClientTokenId" ? otherPartitionRegion(reach.variables) : undefined;
      if (elsewhere !== undefined) {
        throw new FleetError("PartitionNotSupported", `AWS refuses ${asked.what}, and the region is ${elsewhere}`, {
          hint: "keys of AWS GovCloud and AWS China are valid there alone, and clusters are created in the partition aws alone",
          details: [cause.message],
          cause,
        });
      }
      throw new FleetError("AssumeRoleDenied", `AWS refuses ${asked.what}: ${cause.name}`, {
        hint: asked.hint,
        details: [cause.message],
        cause,
      });
    }
    if (!(cause instanceof STSServiceException)) throw cause;
    throw new FleetError("AwsUnreachable", `STS is unavailable: ${cause.name}`, {
      hint: "https://health.aws.amazon.com shows disruptions; run the same command again",
      details: [cause.message],
      cause,
    });
  } finally {
    client.destroy();
  }
}

/** The region in the environment, if it is of another partition than `aws`: `cn-…`, `us-gov-…`, `us-iso…`, `eu-iso…`, `eusc-…`. */
function otherPartitionRegion({ AWS_REGION = "", AWS_DEFAULT_REGION = "" }: AwsReach["variables"]): string | undefined {
  const region = AWS_REGION || AWS_DEFAULT_REGION;
  return /^(cn|us-gov|us-iso\w*|eu-iso\w*|eusc)-/.test(region) ? region : undefined;
}

function parseCredentials(
  found:
    | {
        readonly AccessKeyId?: string | undefined;
        readonly SecretAccessKey?: string | undefined;
        readonly SessionToken?: string | undefined;
        readonly Expiration?: Date | undefined;
      }
    | undefined,
  role: string,
): AwsCredentialIdentity {
  const {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
    Expiration,
  } = found ?? {};
  if (accessKeyId === undefined || secretAccessKey === undefined || sessionToken === undefined) {
    throw new FleetError("AssumeRoleDenied", `STS answered without credentials for ${role}`);
  }
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken,
    ...(Expiration === undefined ? {} : { expiration: Expiration }),
  };
}
