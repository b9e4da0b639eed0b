import { type Choice, chooseCredentials } from "#lib/azure/credentials/choice.ts";
import { azureTokenPath } from "#lib/azure/credentials/token-cache.ts";
import { bearerToken } from "#lib/cloud/bearer-token.ts";
import type { ExecToken, ExecTokenRequest } from "#lib/cloud/exec-token.ts";

// With a cached token kubectl waits only for the imports above: keep them small.

/** For the application of AKS's API servers, which is the same in all tenants and clouds: https://azure.github.io/kubelogin/concepts/aks.html */
const aksScope = "6dae42f8-4368-4678-94ff-3960e28e3630/.default";

/**
 * Entra's token for the API servers of AKS, of whoever calls kubectl.
 *
 * @throws FleetError InvalidArgument, CacheUnsafe, LockTimedOut, and errors of signing in
 */
export async function aksExecToken(request: ExecTokenRequest): Promise<ExecToken> {
  const { option, environment } = request;
  const tenantId = option("tenant", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);
  const account = option("account", /./);
  const choice = chooseCredentials(environment.variables);
  const folder = `${request.cache}/azure`;
  return await bearerToken(request, {
    cloud: "azure",
    folder,
    path: azureTokenPath(folder, { tenantId, scope: aksScope }, choice, environment.variables),
    errors: async () => (await import("#lib/azure/explain.ts")).azureErrors,
    signIn: () => signInTo({ ...request, account, tenantId, choice }),
  });
}

interface SignIn extends ExecTokenRequest {
  readonly account: string;
  readonly tenantId: string;
  readonly choice: Choice;
}

async function signInTo({ environment, account, tenantId, choice, loadFleet }: SignIn) {
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
