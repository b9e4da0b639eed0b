import {
  type ClusterInventory,
  findInOtherAccounts,
  keepWhileClusters,
  listOrphans,
} from "#lib/cloud/cluster-inventory.ts";
import { isOfFleet } from "#lib/cloud/ownership.ts";
import type { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { GcpZone } from "#lib/gcp/clients.ts";
import { networkPlace } from "#lib/gcp/compute/network.ts";
import { computePath } from "#lib/gcp/compute/resource.ts";
import { hasCode } from "#lib/gcp/conflict.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";
import { accountActor, clusterIds, gkeNameOf, labelsOf, type Parts, projectPath, toLabel } from "#lib/gcp/names.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { FoundElsewhere } from "#lib/provider.ts";

/** Errors that say that nobody who runs this has access to a project: its own clusters report it, not those of others. */
const closed = ["GcpDenied", "ImpersonationDenied", "GcpApiDisabled"] as const;
/** It has no billing, or is being deleted: what is in it may be there again. */
const unusable = "ProjectUnusable";

/** Zones of clusters, by the fleet's labels. */
function inventoryOf(fleet: Fleet): ClusterInventory<GcpWorld, GcpAccount, GkeCluster> {
  return {
    accounts: fleet.accounts.filter((account) => account.provider === "gcp"),
    async list(world, account) {
      return (await listZones(world, account)).flatMap(({ dnsName, labels }) =>
        isClusterName(dnsName) && labels.cluster === toLabel(dnsName) && isOfFleet(labels, labelsOf(fleet, {}))
          ? [dnsName]
          : [],
      );
    },
    isClosed: (error) => hasCode(error, ...closed),
    isUnusable: (error) => hasCode(error, unusable),
    findRegion,
  };
}

/** There are none in a project that never enabled Cloud DNS. */
async function listZones(world: GcpWorld, account: GcpAccount): Promise<readonly GcpZone[]> {
  try {
    return await (await world.gcp.dns(accountActor(account))).zones(world);
  } catch (error) {
    if (hasCode(error, "GcpApiDisabled")) return [];
    throw error;
  }
}

function isClusterName(name: string): name is GkeCluster["name"] {
  return name.includes(".k8s.gcp.");
}

/** Clusters of all regions are in one list; what is left of a cluster that is gone is in the region of its subnetwork. */
async function findRegion(world: GcpWorld, account: GcpAccount, name: GkeCluster["name"]): Promise<string | undefined> {
  const actor = accountActor(account);
  const rest = world.gcp.rest(actor);
  const path = `v1/${projectPath(account)}/locations/-/clusters`;
  const all = await rest.list(world, "container", path, "clusters");
  const found = all.find((one) => one.name === gkeNameOf({ name }));
  if (found !== undefined) return String(found.location);
  const network = await rest.get(world, "compute", computePath(networkPlace(actor, { name })));
  const subnetworks: readonly unknown[] = Array.isArray(network?.subnetworks) ? network.subnetworks : [];
  const own = new RegExp(`/regions/([^/]+)/subnetworks/${gkeNameOf({ name })}$`);
  return subnetworks.flatMap((link) => own.exec(String(link))?.[1] ?? []).at(0);
}

/** GKE clusters that this fleet created and no longer names. @param notSearched is told of projects that can't be used */
export async function listOwned(
  world: GcpWorld,
  fleet: Fleet,
  notSearched: (why: FleetError) => void,
): Promise<readonly GkeCluster[]> {
  const orphans = await listOrphans(world, fleet, inventoryOf(fleet), notSearched);
  return orphans.map((orphan) => ({ provider: "gcp", ...orphan }));
}

/** Finds the account or region in which a cluster of the fleet is instead of its own. */
export function elsewhereIn(
  fleet: Fleet,
): (world: GcpWorld, cluster: GkeCluster) => Promise<FoundElsewhere | undefined> {
  const inventory = inventoryOf(fleet);
  const findAccount = findInOtherAccounts(inventory);
  return async (world, cluster) => {
    const moved = await findAccount(world, cluster);
    if (moved !== undefined) return { cluster: moved };
    const account = inventory.accounts.find(({ name }) => name === cluster.account);
    const region = account === undefined ? undefined : await findRegionIfAllowed(world, account, cluster);
    if (region === undefined || region === cluster.region) return undefined;
    // They have no region.
    const { zone, delegation, network, workloads } = clusterIds(cluster);
    return { cluster: { ...cluster, region }, kept: [zone, delegation, network, workloads] };
  };

  async function findRegionIfAllowed(world: GcpWorld, account: GcpAccount, { name }: GkeCluster) {
    try {
      return await inventory.findRegion(world, account, name);
    } catch (error) {
      if (hasCode(error, ...closed, unusable)) return undefined;
      throw error;
    }
  }
}

/** @param account whose clusters depend on it. @default those of all accounts */
export function refuseWhileClusters<State>(
  { fleet, withClients }: Parts,
  resource: Resource<State>,
  account?: GcpAccount,
): Resource<State> {
  const { accounts, list } = inventoryOf(fleet);
  const dependents = { accounts: account === undefined ? accounts : [account], list };
  return withClients(
    keepWhileClusters<State, GcpWorld, GcpAccount, GkeCluster>(resource, dependents, "delete-gke-all"),
  );
}
