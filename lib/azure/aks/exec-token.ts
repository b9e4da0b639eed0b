import { type Choice, chooseCredentials } from "#lib/azure/credentials/choice.ts";
import { type CachedToken, formatToken, readToken, tokenPath } from "#lib/azure/credentials/token-cache.ts";
import type { ExecToken, ExecTokenRequest } from "#lib/cloud/exec-token.ts";
import { isDoubted, rememberAsker } from "#lib/cloud/token-askers.ts";

// With a cached token kubectl waits only for the imports above: keep them small.

/** For the application of AKS's API servers, which is the same in all tenants and clouds: https://azure.github.io/kubelogin/concepts/aks.html */
const aksScope = "6dae42f8-4368-4678-94ff-3960e28e3630/.default";

/** Clients request a new token before the old one expires on their way to the API server. */
const earlyMs = 2 * 60_000;

/**
 * Entra's token for the API servers of AKS, of whoever calls kubectl.
 *
 * @throws FleetError InvalidArgument, CacheUnsafe, LockTimedOut, and errors of signing in
 */
export async function aksExecToken(request: ExecTokenRequest): Promise<ExecToken> {
  const { option, cluster, environment, now } = request;
  const tenantId = option("tenant", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);
  const account = option("account", /./);
  const choice = chooseCredentials(environment.variables);
  const folder = `${request.cache}/azure`;
  const path = tokenPath(folder, { tenantId, scope: aksScope }, choice, environment.variables);
  const cached = readToken(folder, path);
  const asker = { pid: process.ppid, cluster };
  const askers = `${path}.askers`;
  const doubted = cached !== undefined && isDoubted(cached.keptMs, request.said, askers, asker, now);
  const isGood = cached !== undefined && !doubted && cached.expiresMs - earlyMs > now;
  const found = isGood
    ? cached
    : await renew({
        ...request,
        account,
        tenantId,
        choice,
        folder,
        path,
        doubtedMs: doubted ? cached.keptMs : undefined,
      });
  const expiresMs = found.expiresMs - earlyMs;
  rememberAsker(askers, { ...asker, expiresMs: Math.floor(expiresMs) });
  return { token: found.token, expiresMs };
}

interface Renewal extends ExecTokenRequest {
  readonly account: string;
  readonly tenantId: string;
  readonly choice: Choice;
  readonly folder: string;
  readonly path: string;
  /** When the rejected token was cached: a later one is another. Undefined: none was rejected. */
  readonly doubtedMs: number | undefined;
}

/** Of concurrent kubectls one signs in. */
async function renew(renewal: Renewal): Promise<CachedToken> {
  const { folder, path, locks, doubtedMs } = renewal;
  const { renewOnce, tryCache } = await import("#lib/cloud/exec-token.ts");
  return await renewOnce(locks, `azure/${path.split("/").at(-1)}`, async () => {
    const cached = readToken(folder, path);
    const isNew = cached !== undefined && (doubtedMs === undefined || cached.keptMs > doubtedMs);
    if (isNew && cached.expiresMs - earlyMs > Date.now()) return cached;
    const { token, expires } = await signInTo(renewal);
    const found = { token, expiresMs: expires.getTime() };
    await tryCache(path, formatToken(found));
    return found;
  });
}

async function signInTo({ environment, account, tenantId, choice, loadFleet }: Renewal) {
  const [
    { ask },
    { proveCaller },
    { azureFetch, findEndpoints },
    { openGithubJob },
    { quickSignIn },
    { adoptEnvironment },
  ] = await Promise.all([
    import("#lib/azure/ask.ts"),
    import("#lib/azure/credentials/claims.ts"),
    import("#lib/azure/credentials/endpoints.ts"),
    import("#lib/azure/credentials/github-job.ts"),
    import("#lib/azure/credentials/quick-sign-in.ts"),
    import("#lib/environment.ts"),
  ]);
  // Proxies and managed identities are read there.
  adoptEnvironment(environment);
  const { variables } = environment;
  const endpoints = await findEndpoints(variables);
  const request = { variables, endpoints, send: azureFetch(variables), account, tenantId, scope: aksScope };
  const githubJob = async () => await openGithubJob(variables, (await loadFleet()).github);
  const found = await ask({ account, what: "signing in" }, (signal) =>
    quickSignIn(choice, { ...request, signal, githubJob }),
  );
  proveCaller(found, { name: account, tenantId });
  return found;
}
