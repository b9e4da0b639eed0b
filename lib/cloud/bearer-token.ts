import type { CloudErrors } from "#lib/cloud/ask.ts";
import { tryWritePrivateFile } from "#lib/cloud/credential-cache.ts";
import type { ExecToken, ExecTokenRequest } from "#lib/cloud/exec-token.ts";
import { isDoubted, rememberAsker } from "#lib/cloud/token-askers.ts";
import { type CachedToken, formatToken, readToken } from "#lib/cloud/token-cache.ts";

// With a cached token kubectl waits only for the imports above: keep them small.

/** Clients request a new token before the old one expires on their way to the API server. */
const earlyMs = 2 * 60_000;
/** Pauses after refusals that pass. kubectl waits meanwhile. */
const pausesMs = [500, 1_000, 2_000];
/** Time after which there is no further attempt: each of them may take a minute. */
const patienceMs = 10_000;

interface BearerToken {
  /** Of caches and locks: `azure`. */
  readonly cloud: string;
  /** Of the cached token, in `folder`. */
  readonly path: string;
  readonly folder: string;
  readonly signIn: () => Promise<SignedIn>;
  /** Loads what tells whether a refusal passes. */
  readonly errors: () => Promise<CloudErrors>;
}

interface SignedIn {
  readonly token: string;
  readonly expires: Date;
}

/**
 * A token that the cloud issues for API servers, from the cache as long as it is valid and not rejected.
 *
 * @throws FleetError CacheUnsafe, LockTimedOut, and errors of signing in
 */
export async function bearerToken(request: ExecTokenRequest, of: BearerToken): Promise<ExecToken> {
  const { cluster, said, now } = request;
  const { folder, path } = of;
  const cached = readToken(folder, path);
  const asker = { pid: process.ppid, cluster };
  const askers = `${path}.askers`;
  const doubted = cached !== undefined && isDoubted(cached.keptMs, said, askers, asker, now);
  const isGood = cached !== undefined && !doubted && cached.expiresMs - earlyMs > now;
  const found = isGood ? cached : await renew(request, of, doubted ? cached.keptMs : undefined);
  const expiresMs = found.expiresMs - earlyMs;
  rememberAsker(askers, { ...asker, expiresMs: Math.floor(expiresMs) });
  return { token: found.token, expiresMs };
}

/**
 * Of concurrent kubectls one signs in.
 *
 * @param doubtedMs when the rejected token was cached: a later one is another. Undefined: none was rejected
 */
async function renew(
  { locks }: ExecTokenRequest,
  of: BearerToken,
  doubtedMs: number | undefined,
): Promise<CachedToken> {
  const { cloud, folder, path } = of;
  const { renewOnce } = await import("#lib/cloud/exec-token.ts");
  return await renewOnce(locks, `${cloud}/${path.split("/").at(-1)}`, async () => {
    const cached = readToken(folder, path);
    const isNew = cached !== undefined && (doubtedMs === undefined || cached.keptMs > doubtedMs);
    if (isNew && cached.expiresMs - earlyMs > Date.now()) return cached;
    const { token, expires } = await signInPatiently(of);
    const found = { token, expiresMs: expires.getTime() };
    tryWritePrivateFile(path, formatToken(found));
    return found;
  });
}

/** Signs in again while the cloud throttles, is unavailable, or cuts connections. One that can't be reached has been waited for before. */
async function signInPatiently({ signIn, errors }: BearerToken): Promise<SignedIn> {
  const deadline = Date.now() + patienceMs;
  for (const ms of pausesMs) {
    try {
      return await signIn();
    } catch (error) {
      const answered = (await errors()).find(error);
      const isPassing = answered === undefined ? await isCut(error) : answered.isThrottled || answered.isUnavailable;
      if (!isPassing || Date.now() > deadline) throw error;
      await Bun.sleep(ms);
    }
  }
  return await signIn();
}

async function isCut(error: unknown): Promise<boolean> {
  const { findNetworkFailure } = await import("#lib/network-failure.ts");
  const failure = findNetworkFailure(error);
  return failure?.transient === true && !failure.unsent;
}
