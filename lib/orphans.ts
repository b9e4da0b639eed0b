import { FleetError } from "#lib/errors.ts";
import { type Cluster, type Fleet, isCloud } from "#lib/fleet/types.ts";
import type { World } from "#lib/graph/world.ts";
import type { Opened } from "#lib/providers.ts";

/**
 * Clusters of this fleet, by their marks of ownership, that the fleet no longer names where they are: removed from it, renamed, or moved.
 * Of a provider that can't be looked at none is found; what it has in the fleet says so.
 *
 * @param isAsked which providers the run is about
 */
export async function findOrphans(
  fleet: Fleet,
  { open }: Opened,
  world: World,
  isAsked: (provider: string) => boolean,
): Promise<readonly Cluster[]> {
  const asked = [...open].filter(([name]) => isAsked(name));
  const found = await Promise.all(
    asked.map(async ([, provider]) => {
      // Nothing real is called for a fleet that is not filled in yet.
      if (provider.placeholder?.() !== undefined) return [];
      try {
        return (await provider.inventory?.(world)) ?? [];
      } catch (error) {
        if (error instanceof FleetError) return [];
        throw error;
      }
    }),
  );
  return found.flat().filter((cluster) => !fleet.clusters.some((named) => isSame(named, cluster)));
}

function isSame(a: Cluster, b: Cluster): boolean {
  if (a.provider !== b.provider || a.name !== b.name) return false;
  return !isCloud(a) || !isCloud(b) || (a.account === b.account && a.region === b.region);
}
