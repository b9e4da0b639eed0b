import type { AzureClients } from "#lib/azure/clients.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { proveSubscription, refuseDisabled } from "#lib/azure/subscription.ts";
import type { Clock } from "#lib/clock.ts";
import { describeHop, type Hop } from "#lib/cloud/hops.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/**
 * Shows who calls Azure, and whether each subscription is the fleet's and lets the caller look into it. There are no roles to assume: the
 * caller is the same in all subscriptions of a tenant. Changes nothing.
 */
export async function whoami(
  { accounts }: Pick<Fleet, "accounts">,
  azure: AzureClients,
  clock: Clock,
): Promise<readonly Hop[]> {
  const own = accounts.filter((account): account is AzureAccount => account.provider === "azure");
  const first = own.find(({ role }) => role === "management") ?? own[0];
  if (first === undefined) return [];
  // What follows is a column narrower than a terminal: each id has a line of its own.
  const base = await describeHop("base", first.tenantId, async () => {
    const { kind, name } = await azure.caller(first);
    return { identity: `${kind === "user" ? kind : "app"} ${name}`, expires: undefined };
  });
  if (base.result.kind === "failed") return [base];
  const hops = own.map((account) =>
    describeHop(account.name, account.subscriptionId, async () => {
      const { objectId } = await azure.caller(account);
      await look(azure, account, clock);
      return { identity: `object ${objectId}`, expires: undefined };
    }),
  );
  return [base, ...(await Promise.all(hops))];
}

/** @throws FleetError WrongAccount, SubscriptionDisabled, and those of Arm */
async function look(azure: AzureClients, account: AzureAccount, clock: Clock): Promise<void> {
  const world = { clock, signal: new AbortController().signal, progress: () => undefined };
  const found = await azure
    .arm(account)
    .get(world, `/subscriptions/${account.subscriptionId}`)
    .catch((error: unknown) => {
      throw error instanceof FleetError && error.code === "AzureDenied" ? withoutRole(error) : error;
    });
  if (found === undefined) {
    throw new FleetError("WrongAccount", `${account.name}: there is no subscription ${account.subscriptionId}`, {
      hint: "correct subscriptionId in clusters/azure.ts: az account list shows it",
    });
  }
  refuseDisabled(account, proveSubscription(account, found));
}

/** Whoever has any role can see the subscription. */
function withoutRole({ hint, cause }: FleetError): FleetError {
  return new FleetError("AzureDenied", "the caller has no role here", { hint, cause });
}
