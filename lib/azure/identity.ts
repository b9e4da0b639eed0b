import { armResource, withReading } from "#lib/azure/arm-resource.ts";
import type { ArmResource } from "#lib/azure/clients.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { azureId } from "#lib/azure/names.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import type { Tags } from "#lib/cloud/ownership.ts";
import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Resource, RowRef } from "#lib/graph/resource.ts";

export interface IdentityOptions {
  readonly id: string;
  readonly title: string;
  /** @default "identity" */
  readonly label?: string;
  readonly row: RowRef;
  readonly needs: readonly AnyResource[];
  readonly account: AzureAccount;
  /** Name of the resource group. */
  readonly group: string;
  readonly name: string;
  /** Where it is created; an existing one stays where it is. */
  readonly region: string;
  readonly tags: Tags;
  readonly keptOnDelete?: string;
}

export interface IdentityState extends ArmResource {
  /** Object id of its service principal, for role assignments. A recreated identity has another. */
  readonly principalId: string;
  /** Random, chosen by Azure; what a token is asked for with. Not secret. */
  readonly clientId: string;
}

const timeoutMs = 5 * 60_000;

/** A user-assigned identity: workloads and GitHub's jobs act as it by its federated credentials. */
export function identity({
  label = "identity",
  group,
  name,
  region,
  ...options
}: IdentityOptions): Resource<IdentityState, AzureWorld> {
  const id = identityAzureId(options.account, group, name);
  const made = armResource({
    ...options,
    label,
    azureId: () => id,
    body: () => ({ location: region }),
    // It acts in all regions, and a recreated one has another client id.
    keepsLocation: true,
    timeoutMs,
  });
  return withReading(made, async (_world, found) => readIdentity(found));
}

export function identityAzureId(account: AzureAccount, group: string, name: string): string {
  return azureId(account, group, "Microsoft.ManagedIdentity/userAssignedIdentities", name);
}

function readIdentity(found: ArmResource): IdentityState {
  const { principalId, clientId } = found.properties ?? {};
  if (typeof principalId === "string" && typeof clientId === "string") return { ...found, principalId, clientId };
  throw new FleetError("AzureFailed", `${found.id}: Azure does not name its principal`, {
    hint: "run the same command again; if it stays so, delete the identity",
  });
}
