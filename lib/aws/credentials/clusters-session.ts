import { awsChain } from "#lib/aws/credentials/chain.ts";
import { awsEndpointOf } from "#lib/aws/credentials/endpoint.ts";
import {
  type CachedSession,
  formatSession,
  type KeptSession,
  readSession,
  refuseOtherIdentity,
  type SessionKey,
  sessionPath,
} from "#lib/aws/credentials/session-cache.ts";
import { type AwsSession, identify } from "#lib/aws/credentials/sts.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { tryWritePrivateFile } from "#lib/cloud/credential-cache.ts";
import { renewOnce } from "#lib/cloud/exec-token.ts";
import { adoptEnvironment, type Environment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { keepSecret } from "#lib/secrets.ts";

export interface SessionRequest {
  readonly key: SessionKey;
  /** Name of the account in the fleet. */
  readonly account: string;
  /** The fleet that the kubeconfig was written for; read only when a session must be opened. */
  readonly loadFleet: () => Promise<Fleet>;
  /** Of cached sessions. */
  readonly folder: string;
  /** Folder of locks. */
  readonly locks: string;
  /** Milliseconds for which a session must live to be of use. */
  readonly minimumMs: number;
  /** Whether a cluster has rejected the cached session, or may have. @default unknown */
  readonly doubt?: SessionDoubt;
}

export interface SessionDoubt {
  /** When the session was cached, in milliseconds since 1970: a later one is another. */
  readonly keptMs: number;
  /** False: STS is called to check the session. */
  readonly isCertain: boolean;
}

/**
 * A session from the accounts' chain, cached for later calls. Of concurrent callers, across processes, one
 * opens it.
 *
 * @throws FleetError UnknownAccount, WrongAccount, WrongIdentity, LockTimedOut, and errors of the chain
 */
export async function renewSession(environment: Environment, request: SessionRequest): Promise<CachedSession> {
  const { key, folder, locks, minimumMs, doubt } = request;
  return await renewOnce(locks, sessionPath("aws", key), renew);

  async function renew(): Promise<CachedSession> {
    const cached = readSession(folder, key);
    keepSecret(cached?.secretAccessKey, cached?.sessionToken);
    const lives = cached !== undefined && cached.expiresMs - Date.now() >= minimumMs;
    if (lives && (await isTrusted(environment, cached, doubt))) {
      // The file's age is the time since it was last valid.
      if (doubt !== undefined) keep(cached);
      return cached;
    }
    const session = await openSession(environment, request);
    // Credentials without a known expiry are not cached.
    if (Number.isFinite(session.expiresMs)) {
      keep(session);
    }
    return session;
  }

  function keep(session: CachedSession): void {
    tryWritePrivateFile(sessionPath(folder, key), formatSession(key, session));
  }
}

/** If STS can't be reached, the session is assumed valid; a cluster would reject it otherwise. */
async function isTrusted(
  environment: Environment,
  { keptMs, arn, ...session }: KeptSession,
  doubt: SessionDoubt | undefined,
): Promise<boolean> {
  // The previous holder of the lock may have renewed it.
  if (doubt === undefined || keptMs > doubt.keptMs) return true;
  if (doubt.isCertain) return false;
  adoptEnvironment(environment);
  const endpoint = awsEndpointOf(environment.variables);
  const reach = { variables: environment.variables, ...(endpoint === undefined ? {} : { endpoint }) };
  const { accessKeyId, secretAccessKey, sessionToken } = session;
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  try {
    return (await identify(reach, credentials)).arn === arn;
  } catch (error) {
    const isRefused = error instanceof FleetError && ["AssumeRoleDenied", "SessionExpired"].includes(error.code);
    return !isRefused;
  }
}

async function openSession(
  environment: Environment,
  { key, account, loadFleet }: SessionRequest,
): Promise<CachedSession> {
  const fleet = await loadFleet();
  const { accountId } = findAccount(fleet, account);
  if (accountId !== key.accountId) {
    throw new FleetError(
      "WrongAccount",
      `${account} is ${accountId} in the fleet, the kubeconfig says ${key.accountId}`,
      {
        hint: "run create again: it writes a new kubeconfig",
      },
    );
  }
  const { identity, credentials } = await openClustersSession(environment, fleet, account);
  refuseOtherIdentity(identity.arn, key);
  return {
    arn: identity.arn,
    accessKeyId: credentials.accessKeyId,
    secretAccessKey: credentials.secretAccessKey,
    sessionToken: credentials.sessionToken,
    expiresMs: credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY,
  };
}

/** Opens one account with the role that its clusters admit. @throws FleetError as AwsChain.clusters() */
export async function openClustersSession(
  environment: Environment,
  fleet: Fleet,
  accountName: string,
): Promise<AwsSession> {
  adoptEnvironment(environment);
  const { variables } = environment;
  const endpoint = awsEndpointOf(variables);
  const chain = awsChain({ fleet, variables, ...(endpoint === undefined ? {} : { endpoint }) });
  return await chain.clusters(findAccount(fleet, accountName));
}

function findAccount(fleet: Fleet, name: string): AwsAccount {
  const accounts = fleet.accounts.filter((account): account is AwsAccount => account.provider === "aws");
  const found = accounts.find((account) => account.name === name);
  if (found !== undefined) return found;
  throw new FleetError("UnknownAccount", `the fleet has no AWS account "${name}"`, {
    hint: `it has ${accounts.map((account) => account.name).join(", ") || "none"}; run create again with the fleet that has it`,
  });
}
