import { createAzureClients } from "#lib/azure/create-clients.ts";
import { isRedirected } from "#lib/azure/credentials/endpoints.ts";
import { describePlaceholder } from "#lib/azure/fleet/placeholder.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { elsewhereIn, listOwned } from "#lib/azure/inventory.ts";
import type { Parts } from "#lib/azure/names.ts";
import { azureGraph } from "#lib/azure/resources.ts";
import { azureTargets } from "#lib/azure/targets.ts";
import { whoami } from "#lib/azure/whoami.ts";
import { withClients } from "#lib/azure/world.ts";
import { FleetError } from "#lib/errors.ts";
import type { OpenProvider, ProviderContext } from "#lib/provider.ts";

/** Azure of one fleet. No client is loaded before the first call. */
export function openAzure({ fleet, environment, clock, fleetFile }: ProviderContext): OpenProvider<AksCluster> {
  const { variables } = environment;
  const clients = createAzureClients(fleet, variables, { clock });
  const findElsewhere = elsewhereIn(fleet);
  const management = fleet.accounts.find(
    (account): account is AzureAccount => account.provider === "azure" && account.role === "management",
  );
  const zones = fleet.zones.find(({ provider }) => provider === "azure");
  const partsFor = (targets: readonly string[]): Parts | undefined => {
    // Only a fleet without clusters in Azure may lack them.
    if (management === undefined || zones === undefined) return undefined;
    const settings = { targets, ...(fleetFile === undefined ? {} : { fleetFile }) };
    return { fleet, settings, management, zones, withClients: withClients(clients) };
  };
  return {
    placeholder: (cluster) => (isRedirected(variables) ? undefined : describePlaceholder(fleet, cluster)),
    async targets(of, accounts) {
      const parts = partsFor([]);
      if (parts !== undefined) return azureTargets(of, parts, accounts);
      throw new FleetError("NothingSelected", "the fleet has no management account of Azure", {
        hint: "add one to clusters/azure.ts",
      });
    },
    sharesCaller: true,
    graph(targets) {
      const parts = partsFor(targets);
      return parts === undefined ? { accounts: [], cluster: refuse } : azureGraph(parts);
    },
    inventory: (world) => listOwned({ ...world, azure: clients }, fleet),
    findElsewhere: (world, cluster) => findElsewhere({ ...world, azure: clients }, cluster),
    whoami: () => whoami(fleet, clients, clock),
  };
}

function refuse({ name }: AksCluster): never {
  throw new Error(`${name} has no management account`);
}
