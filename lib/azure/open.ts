import { accountAccess } from "#lib/azure/account-access.ts";
import { aksCluster } from "#lib/azure/cluster.ts";
import { createAzureClients } from "#lib/azure/create-clients.ts";
import { isRedirected } from "#lib/azure/credentials/endpoints.ts";
import { isPlaceholder } from "#lib/azure/fleet/placeholder.ts";
import type { AksCluster } from "#lib/azure/fleet/types.ts";
import { elsewhereIn, listOwned } from "#lib/azure/inventory.ts";
import { managementAccount } from "#lib/azure/management.ts";
import { whoami } from "#lib/azure/whoami.ts";
import { accountGraph, emptyGraph } from "#lib/cloud/account-graph.ts";
import { bindWorld } from "#lib/cloud/bind-world.ts";
import { findParts } from "#lib/cloud/parts.ts";
import { describePlaceholder } from "#lib/cloud/placeholder.ts";
import { FleetError } from "#lib/errors.ts";
import type { OpenProvider, ProviderContext } from "#lib/provider.ts";

const placeholders = { provider: "azure", isPlaceholder, what: "an id" } as const;

/** Azure of one fleet. No client is loaded before the first call. */
export function openAzure({ fleet, environment, clock, fleetFile }: ProviderContext): OpenProvider<AksCluster> {
  const { variables } = environment;
  const clients = createAzureClients(fleet, variables, { clock });
  const findElsewhere = elsewhereIn(fleet);
  const graph = (targets: readonly string[]) => {
    const parts = findParts("azure", fleet, { targets, fleetFile }, bindWorld({ azure: clients }));
    if (parts === undefined) return emptyGraph("azure");
    const shared = managementAccount(parts);
    return accountGraph({
      provider: "azure",
      fleet,
      shared,
      access: (account) => accountAccess(parts, account, shared),
      cluster: (cluster, account, access) => aksCluster(parts, cluster, account, access, shared),
    });
  };
  return {
    placeholder: (cluster) => (isRedirected(variables) ? undefined : describePlaceholder(placeholders, fleet, cluster)),
    // The caller acts in each account as the same identity.
    async targets(of, accounts) {
      const ids = graph([]).targets(of, accounts);
      if (ids.length > 0) return ids;
      throw new FleetError(
        "NothingSelected",
        "there are no roles to create: the fleet has neither operators nor jobs of GitHub",
        { hint: "set `operators` of the accounts in clusters/azure.ts, or `github` in clusters/fleet.ts" },
      );
    },
    sharesCaller: true,
    graph,
    inventory: (world) => listOwned({ ...world, azure: clients }, fleet),
    findElsewhere: (world, cluster) => findElsewhere({ ...world, azure: clients }, cluster),
    whoami: () => whoami(fleet, clients, clock),
  };
}
