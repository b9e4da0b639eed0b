import { managementOf } from "#lib/cloud/accounts.ts";
import { fetchGithubToken, mayOnlyRead } from "#lib/cloud/github-token.ts";
import type { Pause } from "#lib/cloud/patience.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { ask } from "#lib/gcp/ask.ts";
import type { AccessToken, Caller, Calling, IdentityToken } from "#lib/gcp/clients.ts";
import { openBase } from "#lib/gcp/credentials/base.ts";
import { chooseCredentials } from "#lib/gcp/credentials/choice.ts";
import { findEndpoints, type GcpEndpoints, googleFetch, isRedirected } from "#lib/gcp/credentials/endpoints.ts";
import { impersonate } from "#lib/gcp/credentials/impersonate.ts";
import { cloudPlatform } from "#lib/gcp/credentials/scopes.ts";
import { isDenied } from "#lib/gcp/describe-error.ts";
import { findGoogleError, isApiDisabled, isGcpError } from "#lib/gcp/error-kinds.ts";
import { isPlaceholder } from "#lib/gcp/fleet/placeholder.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";
import { readJson } from "#lib/gcp/google-error.ts";
import { emailOf, poolName, providerName, serviceAccountNames } from "#lib/gcp/names.ts";
import { command, type Hint } from "#lib/hint.ts";
import { type Renewing, renewing } from "#lib/renewing.ts";
import { keepSecret } from "#lib/secrets.ts";

/** Who calls: the credentials of this computer or job, or a service account that they lead to. */
export type Identity =
  | { readonly kind: "base" }
  | { readonly kind: "management" }
  | { readonly kind: "clusters"; readonly account: GcpAccount };

export interface GcpReach {
  readonly endpoints: GcpEndpoints;
  readonly send: typeof fetch;
}

export interface GcpTokens {
  /** @throws FleetError EndpointRefused, CaBundleUnreadable */
  reach(): GcpReach;
  /**
   * Kept until shortly before it expires.
   *
   * @param world @default waits for nothing
   * @param scopes @default all of Google Cloud
   * @throws FleetError CredentialsMissing, ImpersonationDenied, SignInRefused, SessionExpired, PlaceholderAccount, GcpApiDisabled, GcpThrottled, GcpUnreachable
   */
  get(identity: Identity, world?: Calling, scopes?: readonly string[]): Promise<IdentityToken>;
  /** @throws as get() */
  caller(identity: Identity, world?: Calling): Promise<Caller>;
  /** Google rejected it before its expiry: the next caller gets a new one. */
  forget(token: IdentityToken): void;
}

export interface GcpTokensOptions {
  readonly fleet: Pick<Fleet, "accounts" | "github">;
  readonly variables: Readonly<Record<string, string>>;
  /** While what this run wrote in the account may be unknown to Google. */
  readonly pauseWhileSettling: (account: GcpAccount, error: unknown) => Pause | undefined;
}

const renewEarlyMs = 5 * 60_000;

/** Tokens by identity: base, management service account, service account of each account. Each hop is one call, however many resources need it. */
export function gcpTokens(options: GcpTokensOptions): GcpTokens {
  const { fleet, variables, pauseWhileSettling } = options;
  let reached: GcpReach | undefined;
  /** A job of GitHub that may only read. */
  let isReadingJob = false;
  const opened = new Map<string, Renewing<IdentityToken>>();
  /** Who shows the waits of a renewal: the last one that asked. */
  const askers = new Map<string, Calling | undefined>();

  const tokens: GcpTokens = {
    reach() {
      if (reached === undefined) {
        const endpoints = findEndpoints(variables);
        reached = { endpoints, send: googleFetch(variables, endpoints) };
      }
      return reached;
    },
    async get(asked, world, scopes = [cloudPlatform]) {
      const management = managementOf(fleet, "gcp", "ImpersonationDenied");
      // Clusters in the management project are created by its own service account: there is no second step.
      const isManagement = asked.kind === "clusters" && asked.account.name === management.name;
      const identity: Identity = isManagement ? { kind: "management" } : asked;
      refusePlaceholder(identity.kind === "clusters" ? identity.account : management, variables);
      const base = await open("base", world, (asking) => signIn(management, asking));
      if (identity.kind === "base") return base;
      const emails = emailsOf(identity, management);
      // The caller already is the service account, so the step is skipped.
      if (base.caller !== undefined && emails.includes(base.caller.name)) return base;
      const isReading = isReadingJob || base.caller?.name === emailOf(management, serviceAccountNames.readOnly);
      const [full, reading] = emails;
      const email = isReading ? reading : full;
      return await open(`${email} ${scopes.join(" ")}`, world, (asking) => enter(identity, email, scopes, asking));
    },
    async caller(identity, world) {
      const { caller, token } = await tokens.get(identity, world);
      return caller ?? (await describeToken(token, world));
    },
    forget(token) {
      for (const one of opened.values()) one.forget(token);
    },
  };

  function open(
    key: string,
    world: Calling | undefined,
    renew: (world: Calling | undefined) => Promise<IdentityToken>,
  ): Promise<IdentityToken> {
    askers.set(key, world);
    const lease = async () => {
      const value = await renew(askers.get(key));
      return { value, expiresMs: value.expires.getTime() };
    };
    const known = opened.get(key) ?? renewing(lease, renewEarlyMs, ["GcpThrottled"]);
    opened.set(key, known);
    return known.get();
  }

  async function signIn(management: GcpAccount, world: Calling | undefined): Promise<IdentityToken> {
    const audience = audienceOf(management);
    const githubJob = async () => {
      const token = await fetchGithubToken(variables, `https:${audience}`);
      if (token === undefined) {
        throw new FleetError("CredentialsMissing", "GitHub gives this job no token", {
          hint: "does the job have permissions: { id-token: write }?",
        });
      }
      keepSecret(token);
      isReadingJob = mayOnlyRead(token, fleet.github);
      return { token, audience };
    };
    const pause = (error: unknown): Pause | undefined =>
      isGcpError(error, "invalid_target") || isGcpError(error, "unauthorized_client")
        ? pauseWhileSettling(management, error)
        : undefined;
    const asked = { account: management.name, what: "signing in", world, pauseWhileSettling: pause };
    return await ask(asked, (signal) =>
      openBase(chooseCredentials(variables), { variables, ...tokens.reach(), signal, githubJob }),
    );
  }

  async function enter(
    identity: Exclude<Identity, { readonly kind: "base" }>,
    email: string,
    scopes: readonly string[],
    world: Calling | undefined,
  ): Promise<IdentityToken> {
    const management = managementOf(fleet, "gcp", "ImpersonationDenied");
    const account = identity.kind === "clusters" ? identity.account : management;
    const source: Identity = { kind: identity.kind === "clusters" ? "management" : "base" };
    const asked = {
      account: account.name,
      what: `acting as ${email}`,
      world,
      pauseWhileSettling: (error: unknown) =>
        isRefusal(error) || isDisabled(error) ? pauseWhileSettling(account, error) : undefined,
    };
    await tokens.get(source, world);
    const hop = async (signal: AbortSignal): Promise<AccessToken> => {
      const from = await tokens.get(source);
      try {
        return await impersonate({ from: from.token, email, scopes }, { ...tokens.reach(), signal });
      } catch (thrown) {
        if (findGoogleError(thrown)?.status !== 401) throw thrown;
        tokens.forget(from);
        const { token } = await tokens.get(source);
        return await impersonate({ from: token, email, scopes }, { ...tokens.reach(), signal });
      }
    };
    try {
      return { ...(await ask(asked, hop)), caller: { kind: "service account", name: email } };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const who = await tokens.caller(source).catch(() => undefined);
      throw impersonationDenied(identity, { account, email, who }, error);
    }
  }

  /** Of a user; all other credentials tell who they are of: https://cloud.google.com/docs/authentication/token-types#access-contents */
  async function describeToken(token: string, world: Calling | undefined): Promise<Caller> {
    const { endpoints, send } = tokens.reach();
    return await ask(
      { account: managementOf(fleet, "gcp", "ImpersonationDenied").name, what: "asking who calls", world },
      async (signal) => {
        const response = await send(endpoints.token.replace(/token$/, "tokeninfo"), {
          method: "POST",
          body: new URLSearchParams({ access_token: token }),
          signal,
        });
        const { email } = await readJson(response);
        return { kind: "user", name: typeof email === "string" ? email : "somebody whose token hides the email" };
      },
    );
  }

  return tokens;
}

/** Of the provider that trusts GitHub's jobs. */
function audienceOf({ projectNumber }: GcpAccount): string {
  return `//iam.googleapis.com/projects/${projectNumber}/locations/global/workloadIdentityPools/${poolName}/providers/${providerName}`;
}

/** For all calls, and for those who may only read. */
function emailsOf(
  identity: Exclude<Identity, { readonly kind: "base" }>,
  management: GcpAccount,
): readonly [full: string, reading: string] {
  const account = identity.kind === "clusters" ? identity.account : management;
  return [emailOf(account, serviceAccountNames.clusters), emailOf(account, serviceAccountNames.readOnly)];
}

/** Google does not tell a missing service account from a missing permission. */
function isRefusal(thrown: unknown): boolean {
  const error = findGoogleError(thrown);
  return error !== undefined && (error.status === 404 || isDenied(error));
}

function isDisabled(thrown: unknown): boolean {
  const error = findGoogleError(thrown);
  return error !== undefined && isApiDisabled(error);
}

function impersonationDenied(
  { kind }: Identity,
  { account, email, who }: { readonly account: GcpAccount; readonly email: string; readonly who: Caller | undefined },
  cause: unknown,
): FleetError {
  const caller = who === undefined ? "the caller" : who.name;
  const message = `${account.name}: ${caller} may not act as ${email}, or there is no such service account`;
  return new FleetError("ImpersonationDenied", message, {
    hint: hintFor(kind, account, who),
    details: cause instanceof FleetError ? cause.details : [],
    cause,
  });
}

function hintFor(kind: Identity["kind"], account: GcpAccount, who: Caller | undefined): Hint {
  if (kind === "clusters") return [command("create:gcp-tenant", account.name), "   (as an owner of the project)"];
  if (who?.kind !== "federated") {
    return [
      `operators of ${account.name} in clusters/gcp.ts must name the caller; then `,
      command("create:gcp-mgmt"),
      "   (as an owner of the project)",
    ];
  }
  return [
    "the provider's attribute mapping and condition decide on jobs: does fleet.github name this repository, and this branch or environment? then ",
    command("create:gcp-mgmt"),
    "   (as an owner of the project)",
  ];
}

/** An emulator has projects with such ids. @throws FleetError PlaceholderAccount */
function refusePlaceholder(account: GcpAccount, variables: Readonly<Record<string, string>>): void {
  if (!isPlaceholder(account) || isRedirected(variables)) return;
  const { name, projectId, projectNumber } = account;
  throw new FleetError(
    "PlaceholderAccount",
    `${name} has a placeholder for its project (${projectId}, number ${projectNumber})`,
    { hint: "put the project's own id and number into clusters/gcp.ts: gcloud projects list shows both" },
  );
}
