import { isAzureError } from "#lib/azure/explain.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { aksNameOf, azureId, groupOf, type Parts, subscriptionId } from "#lib/azure/names.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import { isOfFleet } from "#lib/cloud/ownership.ts";
import { tagsOf } from "#lib/cloud/parts.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { Resource } from "#lib/graph/resource.ts";
import { command } from "#lib/hint.ts";
import type { FoundElsewhere } from "#lib/provider.ts";

/**
 * AKS clusters that this fleet created and no longer names. The resource group of a cluster is created before everything else of it and
 * deleted last, so the groups with the fleet's tags identify all of them. An account without access has none.
 */
export async function listOwned(world: AzureWorld, fleet: Fleet): Promise<readonly AksCluster[]> {
  const named = new Set(fleet.clusters.map(({ name }): string => name));
  const found = await Promise.all(
    azureAccounts(fleet).map(async (account) => {
      const groups = await listIfAllowed(world, fleet, account);
      const orphans = groups.filter((name) => !named.has(name));
      return await Promise.all(
        orphans.map(async (name): Promise<AksCluster> => {
          const cluster = {
            provider: "azure",
            name,
            account: account.name,
            region: "",
            publicAccessCidrs: [],
          } as const;
          return { ...cluster, region: (await findRegion(world, account, cluster)) ?? "" };
        }),
      );
    }),
  );
  return found.flat();
}

/** Names of the clusters whose resource group is in an account. */
async function listClusterGroups(
  world: AzureWorld,
  fleet: Fleet,
  account: AzureAccount,
): Promise<readonly AksCluster["name"][]> {
  const groups = await world.azure.arm(account).list(world, `${subscriptionId(account)}/resourceGroups`);
  return groups.flatMap(({ name, tags = {} }) =>
    isClusterName(name) && tags.cluster === name && isOfFleet(tags, tagsOf(fleet, {})) ? [name] : [],
  );
}

/** Without access to it nothing was created in an account. */
async function listIfAllowed(
  world: AzureWorld,
  fleet: Fleet,
  account: AzureAccount,
): Promise<readonly AksCluster["name"][]> {
  try {
    return await listClusterGroups(world, fleet, account);
  } catch (error) {
    if (isAzureError(error, "AzureDenied")) return [];
    throw error;
  }
}

function isClusterName(name: string): name is AksCluster["name"] {
  return name.includes(".k8s.az.");
}

async function findRegion(world: AzureWorld, account: AzureAccount, cluster: AksCluster): Promise<string | undefined> {
  const id = azureId(account, groupOf(cluster), "Microsoft.ContainerService/managedClusters", aksNameOf(cluster));
  return (await world.azure.arm(account).get(world, id))?.location;
}

function azureAccounts({ accounts }: Pick<Fleet, "accounts">): readonly AzureAccount[] {
  return accounts.filter((account) => account.provider === "azure");
}

/**
 * Finds the account in which a cluster of the fleet is instead of its own. Another region is found without this: the cluster's id does not
 * have it. Each account is asked once: before the run has created anything.
 */
export function elsewhereIn(
  fleet: Fleet,
): (world: AzureWorld, cluster: AksCluster) => Promise<FoundElsewhere | undefined> {
  const listed = new Map<string, Promise<readonly string[]>>();
  return async (world, cluster) => {
    const holders = await Promise.all(
      azureAccounts(fleet).map(async (account) => {
        const names = listed.get(account.name) ?? listIfAllowed(world, fleet, account);
        listed.set(account.name, names);
        return (await names).includes(cluster.name) ? [account] : [];
      }),
    );
    const [other, ...others] = holders.flat().filter(({ name }) => name !== cluster.account);
    if (other === undefined || others.length > 0) return undefined;
    const moved = { ...cluster, account: other.name };
    return { cluster: { ...moved, region: (await findRegion(world, other, moved)) ?? cluster.region } };
  };
}

/**
 * Keeps what clusters are deleted with until they are gone.
 *
 * @param account whose clusters depend on it. @default those of all accounts
 */
export function refuseWhileClusters<State>(
  { fleet, withClients }: Parts,
  resource: Resource<State>,
  account?: AzureAccount,
): Resource<State> {
  const accounts = account === undefined ? azureAccounts(fleet) : [account];
  return withClients({
    ...resource,
    async remove(world: AzureWorld, observed, outputs) {
      const left = await Promise.all(accounts.map((one) => listClusterGroups(world, fleet, one)));
      const details = left.flat();
      if (details.length === 0) return await resource.remove(world, observed, outputs);
      throw new FleetError("StillNeeded", `${resource.title} is needed to delete ${details.join(", ")}`, {
        hint: ["delete them first: ", command("delete-aks-all", ...details)],
        details,
      });
    },
  });
}
