import { type CachedSession, readSession, type SessionKey, sessionPath } from "#lib/aws/credentials/session-cache.ts";
import { eksToken, eksTokenLifeMs } from "#lib/aws/eks/token.ts";
import type { ExecToken, ExecTokenRequest } from "#lib/cloud/exec-token.ts";
import { isDoubted, rememberAsker } from "#lib/cloud/token-askers.ts";
import type { Environment } from "#lib/environment.ts";

// With a cached session kubectl waits only for the imports above: keep them small.

/** Clients request a new token one minute before the old one expires. */
const tokenLifeMs = eksTokenLifeMs - 60_000;

/**
 * A token for one EKS cluster.
 *
 * @throws FleetError InvalidArgument, CacheUnsafe, WrongAccount, WrongIdentity, and errors of opening the session
 */
export async function eksExecToken(request: ExecTokenRequest): Promise<ExecToken> {
  const { option, cluster, environment, loadFleet, locks, now } = request;
  const region = option("region", /^[a-z]{2}(-[a-z]+)+-\d$/);
  const account = option("account", /./);
  const accountId = option("account-id", /^\d{12}$/);
  const role = option("role", /^arn:aws[\w-]*:iam::\d{12}:role\/.+$/);
  const folder = `${request.cache}/aws`;
  const key: SessionKey = { accountId, role, endpoint: environment.variables.AWS_ENDPOINT_URL || undefined };
  const cached = readSession(folder, key);
  const asker = { pid: process.ppid, cluster };
  const askers = `${sessionPath(folder, key)}.askers`;
  const doubted = cached !== undefined && isDoubted(cached.keptMs, request.said, askers, asker, now);
  const isGood = cached !== undefined && !doubted && cached.expiresMs - now >= eksTokenLifeMs;
  const wanted = { key, account, loadFleet, folder, locks, minimumMs: eksTokenLifeMs };
  const doubt = doubted ? { doubt: { keptMs: cached.keptMs, isCertain: request.said === "1" } } : {};
  const session = isGood ? cached : await renew(environment, { ...wanted, ...doubt });

  const token = eksToken({ credentials: session, region, cluster, at: new Date(now) });
  const expiresMs = Math.min(now + tokenLifeMs, session.expiresMs);
  rememberAsker(askers, { ...asker, expiresMs: Math.floor(expiresMs) });
  return { token, expiresMs };
}

async function renew(
  environment: Environment,
  request: Parameters<typeof import("#lib/aws/credentials/clusters-session.ts").renewSession>[1],
): Promise<CachedSession> {
  const { renewSession } = await import("#lib/aws/credentials/clusters-session.ts");
  return await renewSession(environment, request);
}
