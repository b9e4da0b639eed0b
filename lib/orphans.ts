import { FleetError } from "#lib/errors.ts";
import type { Cluster, Fleet } from "#lib/fleet/types.ts";
import type { World } from "#lib/graph/world.ts";
import { formatHint } from "#lib/printed-command.ts";
import type { Opened } from "#lib/providers.ts";

/** What was found, and where it could not be looked. */
export interface Orphans {
  readonly clusters: readonly Cluster[];
  readonly notices: readonly { readonly level: "warning"; readonly message: string; readonly hint?: string }[];
}

/**
 * Clusters of this fleet, by their marks of ownership, whose names the fleet no longer has: removed or renamed.
 *
 * @param isAsked which providers the run is about
 * @param mustLook false: where it can't be looked, a notice says so
 * @throws FleetError where it can't be looked
 */
export async function findOrphans(
  fleet: Fleet,
  { providers, open }: Opened,
  world: World,
  isAsked: (provider: string) => boolean,
  mustLook: boolean,
): Promise<Orphans> {
  const asked = [...open].filter(([name]) => isAsked(name));
  const found = await Promise.all(
    asked.map(async ([name, provider]): Promise<Orphans> => {
      // Nothing real is called for a fleet that is not filled in yet.
      if (provider.placeholder?.() !== undefined) return { clusters: [], notices: [] };
      try {
        return { clusters: (await provider.inventory?.(world)) ?? [], notices: [] };
      } catch (error) {
        if (mustLook || !(error instanceof FleetError)) throw error;
        const message = `orphans of ${providers.get(name)?.title} could not be looked for: ${error.message}`;
        const hint = error.hint === undefined ? {} : { hint: formatHint(error.hint) };
        return { clusters: [], notices: [{ level: "warning", message, ...hint }] };
      }
    }),
  );
  const named = new Set(fleet.clusters.map(({ name }): string => name));
  return {
    clusters: found.flatMap(({ clusters }) => clusters).filter(({ name }) => !named.has(name)),
    notices: found.flatMap(({ notices }) => notices),
  };
}
