import { ask } from "#lib/azure/ask.ts";
import type { AccessToken, Caller, Calling } from "#lib/azure/clients.ts";
import { chooseCredentials } from "#lib/azure/credentials/choice.ts";
import { proveCaller } from "#lib/azure/credentials/claims.ts";
import { type AzureEndpoints, azureFetch, findEndpoints, isRedirected } from "#lib/azure/credentials/endpoints.ts";
import { openGithubJob } from "#lib/azure/credentials/github-job.ts";
import { isUnknownAssertion } from "#lib/azure/credentials/refusal.ts";
import { signIn } from "#lib/azure/credentials/sign-in.ts";
import { isPlaceholder } from "#lib/azure/fleet/placeholder.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import type { Pause } from "#lib/cloud/patience.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { type Renewing, renewing } from "#lib/renewing.ts";
import { keepSecret } from "#lib/secrets.ts";

/** A token that was proved to be of the account's tenant. */
export interface ProvedToken extends AccessToken {
  readonly caller: Caller;
}

export interface AzureTokens {
  /**
   * @param world @default waits for nothing
   * @throws FleetError EndpointRefused, CaBundleUnreadable, AzureUnreachable
   */
  endpoints(world?: Calling): Promise<AzureEndpoints>;
  /**
   * Kept until shortly before it expires.
   *
   * @param world @default waits for nothing
   * @throws FleetError CredentialsMissing, SignInRefused, SessionExpired, WrongAccount, PlaceholderAccount, AzureThrottled, AzureUnreachable
   */
  get(account: AzureAccount, scope: string, world?: Calling): Promise<ProvedToken>;
  /** Azure rejected it before its expiry: the next caller gets a new one. */
  forget(token: ProvedToken): void;
}

export interface AzureTokensOptions {
  readonly fleet: Pick<Fleet, "github">;
  readonly variables: Readonly<Record<string, string>>;
  /** While this run's own federated credential may be unknown to Entra. */
  readonly pauseWhileSettling: (account: AzureAccount) => Pause | undefined;
}

const renewEarlyMs = 5 * 60_000;
/** GitHub's tokens live for five minutes at least. */
const githubTokenMs = 4 * 60_000;

/** Tokens of the one caller, by tenant and scope. Each is asked for once, however many resources need it. */
export function azureTokens({ fleet, variables, pauseWhileSettling }: AzureTokensOptions): AzureTokens {
  let endpoints: Promise<AzureEndpoints> | undefined;
  let send: typeof fetch | undefined;
  const opened = new Map<string, Renewing<ProvedToken>>();
  /** Who shows the waits of a renewal: the last one that asked. */
  const askers = new Map<string, Calling>();
  const github = renewing(async () => {
    const value = await openGithubJob(variables, fleet.github);
    return { value, expiresMs: Date.now() + githubTokenMs };
  }, 0);

  const tokens: AzureTokens = {
    endpoints(world) {
      endpoints ??= findEndpoints(variables, world).catch((error: unknown) => {
        endpoints = undefined;
        throw error;
      });
      return endpoints;
    },
    async get(account, scope, world) {
      refusePlaceholder(account, variables);
      const key = `${account.tenantId.toLowerCase()} ${scope}`;
      if (world !== undefined) askers.set(key, world);
      const renew = () => open(account, scope, askers.get(key));
      const known = opened.get(key) ?? renewing(renew, renewEarlyMs, ["AzureThrottled"]);
      opened.set(key, known);
      return await known.get();
    },
    forget(token) {
      for (const one of opened.values()) one.forget(token);
    },
  };

  async function open(account: AzureAccount, scope: string, world: Calling | undefined) {
    const choice = chooseCredentials(variables);
    const found = await tokens.endpoints(world);
    send ??= azureFetch(variables);
    const common = {
      variables,
      endpoints: found,
      send,
      account: account.name,
      tenantId: account.tenantId,
      scope,
      githubJob: github.get,
    };
    const pauseAfterRefusal = (error: unknown): Pause | undefined =>
      error instanceof FleetError && isUnknownAssertion(error.details.join()) ? pauseWhileSettling(account) : undefined;
    const asked = { account: account.name, what: "signing in", world, pauseWhileSettling: pauseAfterRefusal };
    const token = await ask(asked, (signal) => signIn(choice, { ...common, signal }));
    keepSecret(token.token);
    return { value: { ...token, caller: proveCaller(token, account) }, expiresMs: token.expires.getTime() };
  }

  return tokens;
}

/** An emulator has subscriptions with such ids. @throws FleetError PlaceholderAccount */
function refusePlaceholder(account: AzureAccount, variables: Readonly<Record<string, string>>): void {
  if (!isPlaceholder(account) || isRedirected(variables)) return;
  const { name, subscriptionId, tenantId } = account;
  throw new FleetError(
    "PlaceholderAccount",
    `${name} has a placeholder for its subscription (${subscriptionId}) or tenant (${tenantId})`,
    {
      hint: "put the account's own ids into clusters/azure.ts: az account show shows both",
    },
  );
}
