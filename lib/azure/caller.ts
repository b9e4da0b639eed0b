import type { Caller } from "#lib/azure/clients.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import { lookup } from "#lib/graph/lookup.ts";
import type { Resource, RowRef } from "#lib/graph/resource.ts";

interface CallerOptions {
  readonly id: string;
  readonly title: string;
  readonly row: RowRef;
  readonly account: AzureAccount;
}

/** Who calls Azure in this run. Only read. */
export function callerIdentity({ account, ...options }: CallerOptions): Resource<Caller, AzureWorld> {
  return lookup({
    ...options,
    label: "caller",
    needs: [],
    read: (world: AzureWorld) => world.azure.caller(account, world),
    health: ({ kind, name }) => ({ kind: "healthy", summary: `${kind} ${name}` }),
  });
}
