import { type AccountCalls, type ArmReach, armOf, openArm, type SendToArm } from "#lib/azure/arm.ts";
import { ask } from "#lib/azure/ask.ts";
import type { AzureClients, AzureDns } from "#lib/azure/clients.ts";
import { azureFetch } from "#lib/azure/credentials/endpoints.ts";
import { azureTokens, type ProvedToken } from "#lib/azure/credentials/tokens.ts";
import { dnsOf, openDns } from "#lib/azure/dns.ts";
import { findAzureError, isUnsettled } from "#lib/azure/explain.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { fetchClient, resourceManagerClient } from "#lib/azure/http-client.ts";
import { proveSubscription, refuseDisabled } from "#lib/azure/subscription.ts";
import { type Clock, systemClock } from "#lib/clock.ts";
import { once } from "#lib/cloud/once.ts";
import type { Calling, Pause } from "#lib/cloud/patience.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/** Azure says up to ten minutes; it usually takes one or two: https://learn.microsoft.com/azure/role-based-access-control/troubleshooting */
const assignmentSettleMs = 4 * 60_000;
/** As Vault's documentation and azure-workload-identity#273 have it: up to a minute. */
const credentialSettleMs = 2 * 60_000;
const settlePauseMs = 3_000;

/** Clients of a fleet's subscriptions. Azure's packages are loaded on first use. */
export function createAzureClients(
  fleet: Pick<Fleet, "github">,
  variables: Readonly<Record<string, string>>,
  { clock = systemClock }: { readonly clock?: Clock } = {},
): AzureClients {
  /** When role assignments or federated credentials of an account, by its name, were written last. */
  const changed = new Map<string, number>();
  const pauseFor = (limitMs: number, why: string) => (account: AzureAccount) => {
    const sinceMs = clock.now() - (changed.get(account.name) ?? Number.NEGATIVE_INFINITY);
    return sinceMs < limitMs ? { ms: settlePauseMs, why } : undefined;
  };
  const untilAssigned = pauseFor(assignmentSettleMs, "denied: Azure is still propagating the new role assignments");
  const untilTrusted = pauseFor(credentialSettleMs, "refused: Entra does not know the new federated credential yet");
  const tokens = azureTokens({ fleet, variables, pauseWhileSettling: untilTrusted });
  const opened = new Map<string, Promise<Opened>>();
  const guarded = new Map<string, Promise<string>>();

  function open(account: AzureAccount, world?: Calling): Promise<Opened> {
    return once(opened, account.name, async () => {
      const { resourceManager: endpoint, scope } = await tokens.endpoints(world);
      const httpClient = resourceManagerClient(fetchClient(azureFetch(variables)), endpoint);
      let last: ProvedToken | undefined;
      const credential = {
        async getToken() {
          last = await tokens.get(account, scope);
          // `tokens` decides about renewal and knows rejected tokens, so clients must not cache them.
          return { token: last.token, expiresOnTimestamp: 0 };
        },
      };
      const forget = () => {
        if (last !== undefined) tokens.forget(last);
      };
      const reach = { endpoint, scope, httpClient, credential };
      return { reach, forget, send: await openArm(reach) };
    });
  }

  /** @throws FleetError as Arm */
  async function call<Answer>(
    account: AzureAccount,
    asked: { readonly world: Calling; readonly what: string; readonly repeatable?: boolean },
    make: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    const { forget, reach } = await open(account, asked.world);
    // Signing in has its own waits.
    await tokens.get(account, reach.scope, asked.world);
    const pauseWhileSettling = (error: unknown): Pause | undefined =>
      isUnsettled(error) ? untilAssigned(account) : undefined;
    let isRenewed = false;
    const failing = {
      account: account.name,
      role: account.role,
      readOnlyCaller: variables.AZURE_READ_ONLY_CLIENT_ID,
    };
    return await ask({ ...failing, ...asked, pauseWhileSettling }, async (signal) => {
      try {
        return await make(signal);
      } catch (error) {
        if (isRenewed || findAzureError(error)?.status !== 401) throw error;
        // Safe to repeat: the token is rejected before anything else is evaluated.
        isRenewed = true;
        forget();
        return await make(signal);
      }
    });
  }

  /** Proves once whose subscription it is, before it is changed. @throws FleetError WrongAccount, SubscriptionDisabled */
  async function guard(account: AzureAccount, world: Calling, verb: "write" | "delete"): Promise<void> {
    const state = await once(guarded, account.name, async () => {
      const { subscriptionId } = account;
      const found = await clients.arm(account).get(world, `/subscriptions/${subscriptionId}`);
      return proveSubscription(account, found ?? {});
    });
    // Azure still deletes from a disabled subscription.
    if (verb === "write") refuseDisabled(account, state);
  }

  function callsOf(account: AzureAccount): AccountCalls {
    return {
      read: (world, what, make) => call(account, { world, what }, make),
      async change(world, { what, verb, condition }, make) {
        await guard(account, world, verb);
        return await call(account, { world, what, repeatable: condition === undefined }, make);
      },
    };
  }

  const dnsClients = new Map<string, Promise<AzureDns>>();
  const clients: AzureClients = {
    arm: (account) => armOf(callsOf(account), async () => (await open(account)).send),
    dns: (account) =>
      once(dnsClients, account.name, async () => {
        const { reach } = await open(account);
        return dnsOf(account, callsOf(account), clients.arm(account), await openDns(account, reach));
      }),
    async caller(account, world) {
      const { scope } = await tokens.endpoints(world);
      return (await tokens.get(account, scope, world)).caller;
    },
    token: (account, scope) => tokens.get(account, scope),
    accessChanged({ name }) {
      changed.set(name, clock.now());
    },
  };
  return clients;
}

interface Opened {
  readonly reach: ArmReach;
  readonly send: SendToArm;
  /** The last token was rejected. */
  readonly forget: () => void;
}
