import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { aksNameOf, azureId, groupOf, type Parts, subscriptionId } from "#lib/azure/names.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import {
  type ClusterInventory,
  findInOtherAccounts,
  keepWhileClusters,
  listOrphans,
} from "#lib/cloud/cluster-inventory.ts";
import { isOfFleet } from "#lib/cloud/ownership.ts";
import { tagsOf } from "#lib/cloud/parts.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { FoundElsewhere } from "#lib/provider.ts";

/** Resource groups of clusters, by the fleet's tags. An account without access has none. */
function inventoryOf(fleet: Fleet): ClusterInventory<AzureWorld, AzureAccount, AksCluster> {
  return {
    accounts: fleet.accounts.filter((account) => account.provider === "azure"),
    async list(world, account) {
      const groups = await world.azure.arm(account).list(world, `${subscriptionId(account)}/resourceGroups`);
      return groups.flatMap(({ name, tags = {} }) =>
        isClusterName(name) && tags.cluster === name && isOfFleet(tags, tagsOf(fleet, {})) ? [name] : [],
      );
    },
    isClosed: (error) => error instanceof FleetError && ["AzureDenied", "WrongAccount"].includes(error.code),
    async findRegion(world, account, name) {
      const id = azureId(account, groupOf({ name }), "Microsoft.ContainerService/managedClusters", aksNameOf({ name }));
      return (await world.azure.arm(account).get(world, id))?.location;
    },
  };
}

function isClusterName(name: string): name is AksCluster["name"] {
  return name.includes(".k8s.az.");
}

/** AKS clusters that this fleet created and no longer names. */
export async function listOwned(world: AzureWorld, fleet: Fleet): Promise<readonly AksCluster[]> {
  const orphans = await listOrphans(world, fleet, inventoryOf(fleet));
  return orphans.map((orphan) => ({ provider: "azure", ...orphan, publicAccessCidrs: [] }));
}

/**
 * Finds the account in which a cluster of the fleet is instead of its own. Another region is found without this: the cluster's id does not
 * have it.
 */
export function elsewhereIn(
  fleet: Fleet,
): (world: AzureWorld, cluster: AksCluster) => Promise<FoundElsewhere | undefined> {
  const find = findInOtherAccounts(inventoryOf(fleet));
  return async (world, cluster) => {
    const found = await find(world, cluster);
    return found === undefined ? undefined : { cluster: found };
  };
}

/** @param account whose clusters depend on it. @default those of all accounts */
export function refuseWhileClusters<State>(
  { fleet, withClients }: Parts,
  resource: Resource<State>,
  account?: AzureAccount,
): Resource<State> {
  const { accounts, list } = inventoryOf(fleet);
  const dependents = { accounts: account === undefined ? accounts : [account], list };
  return withClients(
    keepWhileClusters<State, AzureWorld, AzureAccount, AksCluster>(resource, dependents, "delete-aks-all"),
  );
}
