import type { AwsCredentialIdentity } from "@aws-sdk/types";
import { type Lease, type Renewing, renewing } from "#lib/credentials/renewing.ts";
import { FleetError } from "#lib/errors.ts";
import { isPlaceholder } from "#lib/fleet/placeholders.ts";
import type { AwsAccount, Fleet } from "#lib/fleet/types.ts";

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

/**
 * The way into every account: base identity, then the management role, then the role of the account. Each hop is one call
 * of STS per run, however many clusters ask, and is renewed before it expires.
 */
export interface AwsChain {
  /** What this computer or CI job has of its own. @throws FleetError CredentialsMissing, AwsUnreachable */
  base(): Promise<AwsSession>;
  /** @throws FleetError CredentialsMissing, AssumeRoleDenied, WrongAccount, PlaceholderAccount, AwsUnreachable */
  for(account: AwsAccount): Promise<AwsSession>;
}

export interface AwsChainOptions {
  readonly fleet: Pick<Fleet, "accounts" | "domain">;
  /** Of the process: what the SDK's own providers and GitHub's token need. */
  readonly variables: Readonly<Record<string, string>>;
  /** STS of an emulator on this computer. @default AWS's own */
  readonly endpoint?: string;
}

/** STS is asked in one region, wherever a cluster is: another one may not be enabled in the management account. */
const region = "us-east-1";
/** A role that was reached by a role gives sessions of an hour at most, and refuses to be asked for more. */
const sessionSeconds = 3_600;
const renewEarlyMs = 5 * 60_000;
const sessionName = "k8s-multicluster-gitops";
/** What AWS's trust policies know GitHub's tokens by. */
const githubAudience = "sts.amazonaws.com";

/** Role that holds the zones, and that other accounts' roles trust. */
export const managementRole = "aws-mgmt-iam-role";

/** Role of an account in which its clusters are made. */
export function accountRole(account: AwsAccount): string {
  return account.role === "management" ? managementRole : `${account.name}-iam-role`;
}

/** What a tenant's role asks for beside the caller, so that nobody else can make the management role come in. */
export function externalIdOf({ domain }: Pick<Fleet, "domain">): string {
  return `k8s-multicluster-gitops/${domain}`;
}

export function awsChain(options: AwsChainOptions): AwsChain {
  const sessions = new Map<string, Renewing<AwsSession>>();
  const base = renewing(() => openBase(options), renewEarlyMs);
  const management = options.fleet.accounts.find(
    (account): account is AwsAccount => account.provider === "aws" && account.role === "management",
  );

  function open(account: AwsAccount): Renewing<AwsSession> {
    const known = sessions.get(account.name) ?? renewing(() => assume(account), renewEarlyMs);
    sessions.set(account.name, known);
    return known;
  }

  async function assume(account: AwsAccount): Promise<Lease<AwsSession>> {
    if (isPlaceholder(account)) {
      throw new FleetError(
        "PlaceholderAccount",
        `${account.name} has the placeholder ${account.accountId} for its id`,
        {
          hint: `put the account's own id into clusters/aws.ts`,
        },
      );
    }
    const caller = await callerOf(account);
    const role = `arn:${partitionOf(caller.identity.arn)}:iam::${account.accountId}:role/${accountRole(account)}`;
    // Who has come by that role already needs no second step.
    if (isSessionOf(caller.identity, account)) {
      return { value: caller, expiresMs: caller.credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY };
    }
    const externalId = account.role === "tenant" ? { ExternalId: externalIdOf(options.fleet) } : {};
    const lease = await assumeRole(options, caller, { RoleArn: role, ...externalId }, account);
    return await guard(options, account, lease);
  }

  async function callerOf(account: AwsAccount): Promise<AwsSession> {
    if (account.role === "management") return await base.get();
    if (management === undefined) {
      throw new FleetError("AssumeRoleDenied", `${account.name} has no management account to come from`, {
        hint: "add one to clusters/aws.ts",
      });
    }
    return await open(management).get();
  }

  return { base: () => base.get(), for: (account) => open(account).get() };
}

/** GitHub's token where a job has one, else what the SDK finds: variables, profiles, single sign-on, roles of machines. */
async function openBase(options: AwsChainOptions): Promise<Lease<AwsSession>> {
  const { variables, fleet } = options;
  const management = fleet.accounts.find((account) => account.provider === "aws" && account.role === "management");
  const token = await fetchGithubToken(variables);
  const credentials =
    token === undefined || management?.provider !== "aws"
      ? await findCredentials(options)
      : await assumeWithToken(options, management, token);
  return {
    value: { credentials, identity: await identify(options, credentials) },
    expiresMs: credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY,
  };
}

async function findCredentials({ endpoint }: AwsChainOptions): Promise<AwsCredentialIdentity> {
  const { fromNodeProviderChain } = await import("@aws-sdk/credential-providers");
  try {
    return await fromNodeProviderChain({ clientConfig: { region, ...(endpoint === undefined ? {} : { endpoint }) } })();
  } catch (cause) {
    throw new FleetError("CredentialsMissing", "this computer has no credentials for AWS", {
      hint: "aws sso login, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
      details: cause instanceof Error ? [cause.message] : [],
      cause,
    });
  }
}

/** A token of the running job, new each time: one lives for minutes. Undefined outside of GitHub, or without the permission. */
async function fetchGithubToken(variables: Readonly<Record<string, string>>): Promise<string | undefined> {
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

async function assumeWithToken(
  options: AwsChainOptions,
  account: AwsAccount,
  token: string,
): Promise<AwsCredentialIdentity> {
  const { AssumeRoleWithWebIdentityCommand } = await import("@aws-sdk/client-sts");
  const role = `arn:aws:iam::${account.accountId}:role/${managementRole}`;
  const command = new AssumeRoleWithWebIdentityCommand({
    RoleArn: role,
    RoleSessionName: sessionName,
    WebIdentityToken: token,
    DurationSeconds: sessionSeconds,
  });
  // The token is what lets in: nothing is signed.
  const nobody = { accessKeyId: "", secretAccessKey: "" };
  const { Credentials: found } = await send(options, nobody, role, (client) => client.send(command));
  return parseCredentials(found, role);
}

async function assumeRole(
  options: AwsChainOptions,
  caller: AwsSession,
  input: { readonly RoleArn: string; readonly ExternalId?: string },
  account: AwsAccount,
): Promise<Lease<AwsCredentialIdentity>> {
  const { AssumeRoleCommand } = await import("@aws-sdk/client-sts");
  const command = new AssumeRoleCommand({ ...input, RoleSessionName: sessionName, DurationSeconds: sessionSeconds });
  const { Credentials: found } = await send(
    options,
    caller.credentials,
    `${account.name} as ${caller.identity.arn}`,
    (client) => client.send(command),
  );
  const value = parseCredentials(found, input.RoleArn);
  return { value, expiresMs: value.expiration?.getTime() ?? Number.POSITIVE_INFINITY };
}

/** Asks who these credentials are of before they are used for anything else. @throws FleetError WrongAccount */
async function guard(
  options: AwsChainOptions,
  account: AwsAccount,
  { value: credentials, expiresMs }: Lease<AwsCredentialIdentity>,
): Promise<Lease<AwsSession>> {
  const identity = await identify(options, credentials);
  if (identity.account === account.accountId) return { value: { credentials, identity }, expiresMs };
  throw new FleetError(
    "WrongAccount",
    `${account.name}: credentials are for ${identity.account}, the fleet says ${account.accountId}`,
    { hint: `log in to ${account.name}, or correct its id in clusters/aws.ts` },
  );
}

async function identify(options: AwsChainOptions, credentials: AwsCredentialIdentity): Promise<AwsIdentity> {
  const { GetCallerIdentityCommand } = await import("@aws-sdk/client-sts");
  const found = await send(options, credentials, "these credentials", (client) =>
    client.send(new GetCallerIdentityCommand({})),
  );
  return { account: found.Account ?? "", arn: found.Arn ?? "" };
}

type Sts = import("@aws-sdk/client-sts").STSClient;

/** @param what for the message, when it is refused */
async function send<Output>(
  { endpoint }: AwsChainOptions,
  credentials: AwsCredentialIdentity,
  what: string,
  call: (client: Sts) => Promise<Output>,
): Promise<Output> {
  const { STSClient, STSServiceException } = await import("@aws-sdk/client-sts");
  const client = new STSClient({ region, credentials, ...(endpoint === undefined ? {} : { endpoint }) });
  try {
    return await call(client);
  } catch (cause) {
    if (cause instanceof STSServiceException && cause.$fault === "client") {
      throw new FleetError("AssumeRoleDenied", `AWS refuses ${what}: ${cause.name}`, {
        hint: "does the role exist, and does it trust the caller? mise run whoami shows each step",
        details: [cause.message],
        cause,
      });
    }
    throw new FleetError("AwsUnreachable", "STS does not answer", {
      hint: "look at the network",
      details: cause instanceof Error ? [cause.message] : [],
      cause,
    });
  } finally {
    client.destroy();
  }
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

/** `arn:aws-cn:…` in China. */
function partitionOf(arn: string): string {
  return arn.split(":")[1] ?? "aws";
}

/** Whether somebody is in the account by the role of the account, under whatever name. */
function isSessionOf({ account, arn }: AwsIdentity, wanted: AwsAccount): boolean {
  return account === wanted.accountId && arn.includes(`:assumed-role/${accountRole(wanted)}/`);
}
