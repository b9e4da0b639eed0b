import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { subscriptionId } from "#lib/azure/names.ts";
import { poll } from "#lib/azure/provisioning.ts";
import type { AzureWorld } from "#lib/azure/world.ts";

/** Azure takes a minute or two, once for each subscription. */
const timeoutMs = 10 * 60_000;

/**
 * Registers the subscription for a resource provider and waits until it is. New subscriptions are registered for few of them.
 *
 * @param id of a resource of the provider
 */
export async function register(world: AzureWorld, account: AzureAccount, id: string): Promise<void> {
  const namespace = id.split("/providers/").at(-1)?.split("/")[0] ?? "";
  const arm = world.azure.arm(account);
  const provider = `${subscriptionId(account)}/providers/${namespace}`;
  await arm.post(world, provider, "register");
  const what = `${account.name}: registering the subscription for ${namespace}`;
  await poll(world, { what, timeoutMs, hint: "run the same command again: Azure continues" }, async () => {
    const found = await arm.get(world, provider);
    return found?.registrationState === "Registered"
      ? { done: undefined }
      : { waiting: `Azure registers the subscription for ${namespace}` };
  });
}
