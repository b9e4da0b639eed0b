import type { GcpActor, Json } from "#lib/gcp/clients.ts";
import { removeAfterGke, removeRulesOfGke } from "#lib/gcp/compute/left-by-gke.ts";
import { type ComputePlace, computeAccess, computePath } from "#lib/gcp/compute/resource.ts";
import type { GkeCluster } from "#lib/gcp/fleet/types.ts";
import { gkeNameOf } from "#lib/gcp/names.ts";
import { type Described, foreignUnless, restResource } from "#lib/gcp/rest-resource.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import type { Resource } from "#lib/graph/resource.ts";

export interface NetworkOptions extends Described {
  readonly actor: GcpActor;
  readonly cluster: GkeCluster;
  /** Its description, which says whose it is: networks have no labels. */
  readonly mark: string;
}

/** The VPC network of one cluster. It has only the subnetworks that are made in it. */
export function clusterNetwork(options: NetworkOptions): Resource<Json, GcpWorld> {
  const { actor, cluster, mark, ...described } = options;
  const place = { ...networkPlace(actor, cluster), title: options.title };
  return restResource({
    ...described,
    body: () => ({ autoCreateSubnetworks: false }),
    rules: { immutable: ["autoCreateSubnetworks"] },
    foreign: foreignUnless(mark, computePath(place)),
    open: async (world) => accessOf(world, place, mark),
    summary: ({ name }) => String(name),
  });
}

export function networkPlace(actor: GcpActor, cluster: Pick<GkeCluster, "name">): Omit<ComputePlace, "title"> {
  return { actor, collection: "global/networks", name: gkeNameOf(cluster) };
}

function accessOf(world: GcpWorld, place: ComputePlace, mark: string) {
  // What Cloud Routers would announce to others: the network has none.
  const created = { description: mark, routingConfig: { routingMode: "REGIONAL" } };
  // All that is compared is fixed at its creation.
  const access = computeAccess(world, place, created, async () => undefined);
  const remove = async (): Promise<void> => {
    await removeRulesOfGke(world, place);
    await access.remove();
  };
  return { ...access, remove: () => removeAfterGke(world, place, remove) };
}
