import type { Json } from "#lib/azure/clients.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { FleetError } from "#lib/errors.ts";

/** States in which resources can be written: https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states */
const writable = ["enabled", "pastdue"];

/**
 * Compares a subscription, as Azure answers it, with the fleet. Returns its state.
 *
 * @throws FleetError WrongAccount
 */
export function proveSubscription(account: AzureAccount, found: Json): string {
  for (const field of ["subscriptionId", "tenantId"] as const) {
    const value = String(found[field] ?? "missing");
    if (value.toLowerCase() === account[field].toLowerCase()) continue;
    throw new FleetError("WrongAccount", `${account.name}: ${field} is ${value}, the fleet says ${account[field]}`, {
      hint: `correct ${field} in clusters/azure.ts, or sign in to the right tenant: az account list shows both`,
    });
  }
  return String(found.state ?? "unknown");
}

/** @param state as proveSubscription() returns it @throws FleetError SubscriptionDisabled */
export function refuseDisabled({ name }: AzureAccount, state: string): void {
  if (writable.includes(state.toLowerCase())) return;
  throw new FleetError("SubscriptionDisabled", `${name}: the subscription is in the state ${state}`, {
    hint: "nothing can be created in it: its page in the Azure portal shows why, and how to enable it",
  });
}
