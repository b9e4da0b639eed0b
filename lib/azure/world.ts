import type { AzureClients } from "#lib/azure/clients.ts";
import type { World } from "#lib/graph/world.ts";

/** The world of resources in Azure: with clients of its subscriptions. */
export interface AzureWorld extends World {
  readonly azure: AzureClients;
}
