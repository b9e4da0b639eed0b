import { type Clock, systemClock } from "#lib/clock.ts";
import { once } from "#lib/cloud/once.ts";
import type { Calling, Pause } from "#lib/cloud/patience.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { ask } from "#lib/gcp/ask.ts";
import type { Caller, GcpActor, GcpClients, GcpDns } from "#lib/gcp/clients.ts";
import { gcpTokens, type Identity } from "#lib/gcp/credentials/tokens.ts";
import { isDenied } from "#lib/gcp/describe-error.ts";
import { dnsOf, openDns } from "#lib/gcp/dns.ts";
import { findGoogleError, isApiDisabled, isMissing, isUnknownServiceAccount } from "#lib/gcp/error-kinds.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";
import { emailOf, serviceAccountNames } from "#lib/gcp/names.ts";
import { proveProject } from "#lib/gcp/project.ts";
import { type Call, type Change, type GcpCalls, restOf } from "#lib/gcp/rest.ts";

/** IAM policies take two minutes, and may take seven; workload identity takes five: https://cloud.google.com/iam/docs/access-change-propagation */
const accessSettleMs = 5 * 60_000;
/** https://cloud.google.com/iam/docs/service-accounts-create: a new service account may be unknown for 60 seconds */
const serviceAccountSettleMs = 90_000;
/** Google asks to "wait a few minutes". */
const apiSettleMs = 5 * 60_000;
const settlePauseMs = 3_000;

interface Asked {
  readonly world: Calling;
  readonly what: string;
  readonly repeatable?: boolean;
  readonly ofServiceAccount?: boolean;
}

/** Clients of one run, and the credentials that it comes with. */
export interface GcpSession extends GcpClients {
  /** Who calls before any service account does. @throws FleetError CredentialsMissing, SignInRefused, SessionExpired, PlaceholderAccount, GcpUnreachable */
  base(): Promise<Caller>;
}

/** Clients of a fleet's projects. Google's packages are loaded on first use. */
export function createGcpClients(
  fleet: Pick<Fleet, "accounts" | "github">,
  variables: Readonly<Record<string, string>>,
  { clock = systemClock }: { readonly clock?: Clock } = {},
): GcpSession {
  /** When access, service accounts or APIs of an account, by its name, were changed last. */
  const changed = new Map<string, number>();
  const sinceMs = ({ name }: GcpAccount): number => clock.now() - (changed.get(name) ?? Number.NEGATIVE_INFINITY);
  const pauseWithin = (account: GcpAccount, limitMs: number, why: string): Pause | undefined =>
    sinceMs(account) < limitMs ? { ms: settlePauseMs, why } : undefined;
  const tokens = gcpTokens({
    fleet,
    variables,
    pauseWhileSettling: (account) =>
      pauseWithin(account, accessSettleMs, "refused: Google is still propagating the new access"),
  });
  const administrators = new Map<string, Promise<Caller | undefined>>();
  const guarded = new Map<string, Promise<void>>();
  const dnsClients = new Map<string, Promise<GcpDns>>();

  /** What this run has just written is not known to all of Google at once. */
  function settling({ account }: GcpActor, identity: Identity, ofServiceAccount: boolean) {
    return (thrown: unknown): Pause | undefined => {
      const error = findGoogleError(thrown);
      if (error === undefined) return undefined;
      if (isApiDisabled(error)) {
        return pauseWithin(account, apiSettleMs, "refused: Google is still enabling the API");
      }
      if (isUnknownServiceAccount(error) || (ofServiceAccount && isMissing(error))) {
        return pauseWithin(
          account,
          serviceAccountSettleMs,
          "refused: Google does not know the new service account yet",
        );
      }
      // Administrators are people: their permissions do not depend on what this run writes.
      if (identity.kind === "base" || !isDenied(error)) return undefined;
      return pauseWithin(account, accessSettleMs, "denied: Google is still propagating the new access");
    };
  }

  async function identify({ account, as, otherwise }: GcpActor, world?: Calling): Promise<Identity> {
    switch (as) {
      case "management":
        return { kind: "management" };
      case "clusters":
        return { kind: "clusters", account };
      case "administrator":
        if ((await clients.findAdministrator(account, world)) !== undefined) return { kind: "base" };
        if (otherwise !== undefined) return await identify({ account, as: otherwise }, world);
        throw new FleetError(
          "CredentialsMissing",
          `${account.name}: no credentials of an owner of the project ${account.projectId}`,
          { hint: "sign in as one: gcloud auth application-default login" },
        );
      default:
        return as satisfies never;
    }
  }

  /** @throws FleetError as Rest */
  async function call<Answer>(actor: GcpActor, asked: Asked, make: Call<Answer>): Promise<Answer> {
    const identity = await identify(actor, asked.world);
    return await callAs(identity, actor, asked, make);
  }

  async function callAs<Answer>(
    identity: Identity,
    actor: GcpActor,
    asked: Asked,
    make: Call<Answer>,
  ): Promise<Answer> {
    const { world, what, repeatable = true, ofServiceAccount = false } = asked;
    // Signing in has its own waits.
    await tokens.get(identity, world);
    let isRenewed = false;
    const pauseWhileSettling = settling(actor, identity, ofServiceAccount);
    return await ask({ account: actor.account.name, what, world, repeatable, pauseWhileSettling }, async (signal) => {
      const held = await tokens.get(identity);
      try {
        return await make(held.token, signal);
      } catch (thrown) {
        if (isRenewed || findGoogleError(thrown)?.status !== 401) throw thrown;
        // Safe to repeat: the token is rejected before anything else is evaluated.
        isRenewed = true;
        tokens.forget(held);
        return await make((await tokens.get(identity)).token, signal);
      }
    });
  }

  /** Proves once whose project it is, before it is changed. @throws FleetError WrongAccount, ProjectUnusable */
  async function guard(actor: GcpActor, world: Calling): Promise<void> {
    const { account } = actor;
    await once(guarded, account.name, async () => {
      const found = await clients.rest(actor).get(world, "cloudresourcemanager", `v3/projects/${account.projectId}`);
      proveProject(account, found ?? {});
    });
  }

  function callsOf(actor: GcpActor): GcpCalls {
    return {
      read: (world, what, make) => call(actor, { world, what }, make),
      async change(world: Calling, change: Change, make) {
        await guard(actor, world);
        return await call(actor, { world, ...change }, make);
      },
    };
  }

  const open = () => {
    const { endpoints, send } = tokens.reach();
    return { send, hosts: endpoints.services };
  };

  const clients: GcpSession = {
    base: () => tokens.caller({ kind: "base" }),
    rest: (actor) => restOf(callsOf(actor), open),
    dns: (actor) =>
      once(dnsClients, JSON.stringify([actor.account.name, actor.as, actor.otherwise]), async () => {
        const { send, hosts } = open();
        const { projectId } = actor.account;
        return dnsOf(callsOf(actor), await openDns({ projectId, send, host: hosts.dns }));
      }),
    caller: async (actor, world) => await tokens.caller(await identify(actor, world), world),
    async token(actor, scopes) {
      return await tokens.get(await identify(actor), undefined, scopes);
    },
    findAdministrator: (account, world) => once(administrators, account.name, () => findAdministrator(account, world)),
    accessChanged({ name }) {
      changed.set(name, clock.now());
    },
  };

  /** Who is none of our service accounts, and may set the project's IAM policy. */
  async function findAdministrator(account: GcpAccount, world?: Calling): Promise<Caller | undefined> {
    const base: Identity = { kind: "base" };
    const found = await tokens.caller(base, world).catch((error: unknown) => {
      if (error instanceof FleetError && error.code === "CredentialsMissing") return undefined;
      throw error;
    });
    if (found === undefined || found.kind === "federated" || isOfOurs(found)) return undefined;
    const calls: GcpCalls = {
      read: (run, what, make) => callAs(base, { account, as: "administrator" }, { world: run, what }, make),
      change: (run, change, make) => callAs(base, { account, as: "administrator" }, { world: run, ...change }, make),
    };
    const asking = world ?? { clock, signal: new AbortController().signal, progress: () => undefined };
    const path = `v3/projects/${account.projectId}:testIamPermissions`;
    const asked = { permissions: ["resourcemanager.projects.setIamPolicy"] };
    try {
      const answer = await restOf(calls, open).send(asking, "cloudresourcemanager", "POST", path, asked);
      return Array.isArray(answer.permissions) && answer.permissions.length > 0 ? found : undefined;
    } catch (error) {
      if (error instanceof FleetError && error.code === "GcpDenied") return undefined;
      throw error;
    }
  }

  function isOfOurs({ name }: Caller): boolean {
    return fleet.accounts
      .filter((account) => account.provider === "gcp")
      .some((account) => Object.values(serviceAccountNames).some((one) => emailOf(account, one) === name));
  }

  return clients;
}
