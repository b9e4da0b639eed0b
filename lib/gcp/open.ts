import { accountGraph, emptyGraph } from "#lib/cloud/account-graph.ts";
import { bindWorld } from "#lib/cloud/bind-world.ts";
import { findParts } from "#lib/cloud/parts.ts";
import { describePlaceholder } from "#lib/cloud/placeholder.ts";
import { accountAccess } from "#lib/gcp/account-access.ts";
import { gkeResources } from "#lib/gcp/cluster.ts";
import { createGcpClients } from "#lib/gcp/create-clients.ts";
import { isRedirected } from "#lib/gcp/credentials/endpoints.ts";
import { isPlaceholder } from "#lib/gcp/fleet/placeholder.ts";
import type { GkeCluster } from "#lib/gcp/fleet/types.ts";
import { elsewhereIn, listOwned } from "#lib/gcp/inventory.ts";
import { managementAccount } from "#lib/gcp/management.ts";
import { whoami } from "#lib/gcp/whoami.ts";
import type { OpenProvider, ProviderContext } from "#lib/provider.ts";

const placeholders = { provider: "gcp", isPlaceholder, what: "the project" } as const;

/** GCP of one fleet. No client is loaded before the first call. */
export function openGcp({ fleet, environment, clock, fleetFile }: ProviderContext): OpenProvider<GkeCluster> {
  const { variables } = environment;
  const clients = createGcpClients(fleet, variables, { clock });
  const findElsewhere = elsewhereIn(fleet);
  const graph = (targets: readonly string[]) => {
    const parts = findParts("gcp", fleet, { targets, fleetFile }, bindWorld({ gcp: clients }));
    if (parts === undefined) return emptyGraph("gcp");
    const shared = managementAccount(parts);
    return accountGraph({
      provider: "gcp",
      fleet,
      shared,
      access: (account) => accountAccess(parts, account, shared),
      cluster: (cluster, account, access) => gkeResources(parts, cluster, account, access, shared),
    });
  };
  return {
    placeholder: (cluster) => (isRedirected(variables) ? undefined : describePlaceholder(placeholders, fleet, cluster)),
    // The caller acts in each account as the same identity.
    targets: async (of, accounts) => graph([]).targets(of, accounts),
    graph,
    inventory: (world, notSearched) => listOwned({ ...world, gcp: clients }, fleet, notSearched),
    findElsewhere: (world, cluster) => findElsewhere({ ...world, gcp: clients }, cluster),
    whoami: () => whoami(fleet, clients, clock),
  };
}
