import type { AzureClients } from "#lib/azure/clients.ts";
import { bindWorld } from "#lib/cloud/bind-world.ts";
import type { World } from "#lib/graph/world.ts";

/** The world of resources in Azure: with clients of its subscriptions. */
export interface AzureWorld extends World {
  readonly azure: AzureClients;
}

/** Gives resources in Azure the clients that they call. */
export const withClients = (azure: AzureClients) => bindWorld({ azure });
