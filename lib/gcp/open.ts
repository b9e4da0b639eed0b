import { FleetError } from "#lib/errors.ts";
import { createGcpClients } from "#lib/gcp/create-clients.ts";
import { isRedirected } from "#lib/gcp/credentials/endpoints.ts";
import { describePlaceholder } from "#lib/gcp/fleet/placeholder.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";
import { elsewhereIn, listOwned } from "#lib/gcp/inventory.ts";
import type { Parts } from "#lib/gcp/names.ts";
import { gcpGraph } from "#lib/gcp/resources.ts";
import { gcpTargets } from "#lib/gcp/targets.ts";
import { whoami } from "#lib/gcp/whoami.ts";
import { withClients } from "#lib/gcp/world.ts";
import type { OpenProvider, ProviderContext } from "#lib/provider.ts";

/** GCP of one fleet. No client is loaded before the first call. */
export function openGcp({ fleet, environment, clock, fleetFile }: ProviderContext): OpenProvider<GkeCluster> {
  const { variables } = environment;
  const clients = createGcpClients(fleet, variables, { clock });
  const findElsewhere = elsewhereIn(fleet);
  const management = fleet.accounts.find(
    (account): account is GcpAccount => account.provider === "gcp" && account.role === "management",
  );
  const zones = fleet.zones.find(({ provider }) => provider === "gcp");
  const partsFor = (targets: readonly string[]): Parts | undefined => {
    // Only a fleet without clusters in GCP may lack them.
    if (management === undefined || zones === undefined) return undefined;
    const settings = { targets, ...(fleetFile === undefined ? {} : { fleetFile }) };
    return { fleet, settings, management, zones, withClients: withClients(clients) };
  };
  return {
    placeholder: (cluster) => (isRedirected(variables) ? undefined : describePlaceholder(fleet, cluster)),
    async targets(of, accounts) {
      const parts = partsFor([]);
      if (parts !== undefined) return gcpTargets(of, parts, accounts);
      throw new FleetError("NothingSelected", "the fleet has no management account of GCP", {
        hint: "add one to clusters/gcp.ts",
      });
    },
    graph(targets) {
      const parts = partsFor(targets);
      return parts === undefined ? { accounts: [], cluster: refuse } : gcpGraph(parts);
    },
    inventory: (world) => listOwned({ ...world, gcp: clients }, fleet),
    findElsewhere: (world, cluster) => findElsewhere({ ...world, gcp: clients }, cluster),
    whoami: () => whoami(fleet, clients, clock),
  };
}

function refuse({ name }: GkeCluster): never {
  throw new Error(`${name} has no management account`);
}
