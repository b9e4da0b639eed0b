import { bearerToken } from "#lib/cloud/bearer-token.ts";
import type { ExecToken, ExecTokenRequest } from "#lib/cloud/exec-token.ts";
import { tokenPath } from "#lib/cloud/token-cache.ts";
import { choiceKey, chooseCredentials } from "#lib/gcp/credentials/choice.ts";

// With a cached token kubectl waits only for the imports above: keep them small.

const email = /^[a-z0-9-]+@[a-z0-9-]+\.iam\.gserviceaccount\.com$/;

/**
 * Google's token for the API servers of an account's clusters, of its service account.
 *
 * @throws FleetError InvalidArgument, CacheUnsafe, LockTimedOut, WrongIdentity, and errors of signing in
 */
export async function gkeExecToken(request: ExecTokenRequest): Promise<ExecToken> {
  const { option, environment } = request;
  const account = { name: option("account", /./), email: option("service-account", email) };
  const management = { name: option("management-account", /./), email: option("management-service-account", email) };
  const { variables } = environment;
  const folder = `${request.cache}/gcp`;
  const choice = chooseCredentials(variables);
  return await bearerToken(request, {
    cloud: "gcp",
    folder,
    path: tokenPath(folder, account.name, [account.email, ...choiceKey(choice, variables)]),
    errors: async () => (await import("#lib/gcp/explain.ts")).googleErrors,
    async signIn() {
      const { openGkeToken } = await import("#lib/gcp/gke/open-token.ts");
      return await openGkeToken(request, { account, management, choice });
    },
  });
}
