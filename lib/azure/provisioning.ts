import type { ArmResource } from "#lib/azure/clients.ts";
import { isPassing } from "#lib/azure/explain.ts";
import { pollWith } from "#lib/cloud/poll.ts";
import type { World } from "#lib/graph/world.ts";

/**
 * What Azure says of a resource's last operation. Only three words are ends, everything else is an operation in progress: AKS once
 * answered `ProvisionControlPlane` (https://github.com/hashicorp/terraform-provider-azurerm/issues/28878).
 */
export type Provisioning =
  | { readonly kind: "idle" }
  /** Its last operation failed. The resource exists, and may even work. */
  | { readonly kind: "broken"; readonly name: string; readonly error: unknown }
  | { readonly kind: "busy"; readonly name: string };

/** The state of a resource's last operation; types without one are always idle. */
export function provisioningOf({ properties = {} }: ArmResource): Provisioning {
  const { provisioningState: name } = properties;
  if (typeof name !== "string" || name === "" || /^succeeded$/i.test(name)) return { kind: "idle" };
  if (!/^(failed|canceled)$/i.test(name)) return { kind: "busy", name };
  // AKS keeps the error of the last operation in the resource.
  const { status } = properties;
  const error = typeof status === "object" && status !== null ? Reflect.get(status, "provisioningError") : undefined;
  return { kind: "broken", name, error };
}

/** How long something in Azure is waited for. */
export interface Waiting {
  /** The subject of errors: `k01: AKS`. */
  readonly title: string;
  readonly timeoutMs: number;
}

/** Polls Azure. */
export const poll = pollWith(isPassing);

/** The resource without an operation in progress; undefined if it is gone. @throws FleetError WaitTimedOut; WorkGoesOn */
export async function waitUntilIdle(
  world: World,
  { title, timeoutMs }: Waiting,
  read: () => Promise<ArmResource | undefined>,
): Promise<ArmResource | undefined> {
  const hint = "Azure continues; run the same command again to continue waiting";
  return await poll(world, { what: title, timeoutMs, hint, goesOn: "Azure goes on with it" }, async () => {
    const found = await read();
    const state = found === undefined ? undefined : provisioningOf(found);
    return state?.kind === "busy" ? { waiting: `Azure: ${state.name}` } : { done: found };
  });
}

/**
 * Waits until a delete that Azure has accepted has ended.
 *
 * @returns what is still there because the delete failed; undefined if it is gone
 */
export async function waitUntilGone(
  world: World,
  { title, timeoutMs }: Waiting,
  read: () => Promise<ArmResource | undefined>,
): Promise<ArmResource | undefined> {
  let begun = false;
  const hint = "Azure continues; run the same command again to continue waiting";
  return await poll(world, { what: title, timeoutMs, hint, goesOn: "Azure goes on deleting it" }, async () => {
    const found = await read();
    if (found === undefined) return { done: undefined };
    const state = provisioningOf(found);
    // Until Azure has begun, the resource has its state from before.
    if (state.kind !== "busy" && begun) return { done: found };
    begun ||= state.kind === "busy";
    return { waiting: state.kind === "busy" ? `Azure: ${state.name}` : "waiting for Azure to delete it" };
  });
}
