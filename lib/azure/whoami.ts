import type { AzureClients, Caller } from "#lib/azure/clients.ts";
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
  const base = await describeHop("base", "", async () => await describeCaller(azure, first));
  if (base.result.kind === "failed") return [base];
  const hops = own.map((account) =>
    describeHop(account.name, account.subscriptionId, async () => {
      const caller = await describeCaller(azure, account);
      await look(azure, account, clock);
      return caller;
    }),
  );
  return [base, ...(await Promise.all(hops))];
}

async function describeCaller(azure: AzureClients, account: AzureAccount) {
  return { identity: formatCaller(await azure.caller(account)), expires: undefined };
}

/** @throws FleetError WrongAccount, SubscriptionDisabled, and those of Arm */
async function look(azure: AzureClients, account: AzureAccount, clock: Clock): Promise<void> {
  const world = { clock, signal: new AbortController().signal, progress: () => undefined };
  const found = await azure.arm(account).get(world, `/subscriptions/${account.subscriptionId}`);
  if (found === undefined) {
    throw new FleetError("WrongAccount", `${account.name}: there is no subscription ${account.subscriptionId}`, {
      hint: "correct subscriptionId in clusters/azure.ts: az account list shows it",
    });
  }
  refuseDisabled(account, proveSubscription(account, found));
}

/** `user ann@example.org (object …) of tenant …` */
function formatCaller({ kind, name, objectId, tenantId }: Caller): string {
  return `${kind} ${name} (object ${objectId}) of tenant ${tenantId}`;
}
