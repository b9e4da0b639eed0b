import { systemClock } from "#lib/clock.ts";
import { awsChain } from "#lib/credentials/aws.ts";
import { awsEndpointOf } from "#lib/credentials/endpoint.ts";
import {
  type CachedSession,
  formatSession,
  readSession,
  refuseOtherIdentity,
  type SessionKey,
  sessionPath,
} from "#lib/credentials/session-cache.ts";
import type { AwsSession } from "#lib/credentials/sts.ts";
import { adoptEnvironment, type Environment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import { writePrivateFile } from "#lib/files.ts";
import { loadFleet } from "#lib/fleet/load.ts";
import type { AwsAccount, Fleet } from "#lib/fleet/types.ts";
import { createLocks } from "#lib/locks.ts";
import { keepSecret } from "#lib/secrets.ts";

export interface SessionRequest {
  readonly key: SessionKey;
  /** Name of the account in the fleet. */
  readonly account: string;
  /** FLEET_FILE doesn't count: it is of whoever calls kubectl. @default clusters/fleet.ts */
  readonly fleetFile: string | undefined;
  /** Of cached sessions. */
  readonly folder: string;
  /** Folder of locks. */
  readonly locks: string;
  /** Milliseconds for which a session must live to be of use. */
  readonly minimumMs: number;
  /** Sessions kept until then were refused: milliseconds since 1970. @default none was */
  readonly refusedMs?: number;
}

/** Several hops over a slow line, by whoever has the lock; less than clients wait for us. */
const lockTimeoutMs = 45_000;

/**
 * A session from the accounts' chain, kept for those who come later. Of many who ask at once, in as many processes, one goes
 * the way.
 *
 * @throws FleetError UnknownAccount, WrongAccount, WrongIdentity, LockTimedOut, and what the chain throws
 */
export async function renewSession(environment: Environment, request: SessionRequest): Promise<CachedSession> {
  const { key, folder, locks, minimumMs, refusedMs = 0 } = request;
  const waiting = { timeoutMs: lockTimeoutMs, signal: new AbortController().signal, progress: () => undefined };
  return await createLocks(locks, systemClock, "kube-token").hold(sessionPath("aws", key), waiting, async () => {
    const cached = readSession(folder, key);
    keepSecret(cached?.secretAccessKey, cached?.sessionToken);
    // Whoever had the lock before may have renewed it.
    const isGood = cached !== undefined && cached.keptMs > refusedMs && cached.expiresMs - Date.now() >= minimumMs;
    if (isGood) return cached;
    const session = await openSession(environment, request);
    // Of what expires nobody knows when, nothing is kept.
    if (Number.isFinite(session.expiresMs)) {
      await writePrivateFile(sessionPath(folder, key), formatSession(key, session));
    }
    return session;
  });
}

async function openSession(
  environment: Environment,
  { key, account, fleetFile }: SessionRequest,
): Promise<CachedSession> {
  const fleet = await loadFleet(fleetFile);
  const { accountId } = findAccount(fleet, account);
  if (accountId !== key.accountId) {
    throw new FleetError(
      "WrongAccount",
      `${account} is ${accountId} in the fleet, the kubeconfig says ${key.accountId}`,
      {
        hint: "run create again: it writes the kubeconfig anew",
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

/** The way into one account, as the role that its clusters let in. @throws FleetError as AwsChain.clusters() */
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
