import { FleetError } from "#lib/errors.ts";
import type { Cluster, Fleet } from "#lib/fleet/types.ts";
import type { World } from "#lib/graph/world.ts";
import type { Opened } from "#lib/providers.ts";

/**
 * Clusters of this fleet, by their marks of ownership, whose names the fleet no longer has: removed or renamed.
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
  const named = new Set(fleet.clusters.map(({ name }): string => name));
  return found.flat().filter(({ name }) => !named.has(name));
}
