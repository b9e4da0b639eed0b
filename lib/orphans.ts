import { type ErrorCode, FleetError } from "#lib/errors.ts";
import type { Cluster, Fleet } from "#lib/fleet/types.ts";
import type { World } from "#lib/graph/world.ts";
import { formatHint } from "#lib/printed-command.ts";
import type { Opened } from "#lib/providers.ts";

/** Clusters found, and providers that could not be searched. */
export interface Orphans {
  readonly clusters: readonly Cluster[];
  readonly notices: readonly { readonly level: "warning"; readonly message: string; readonly hint?: string }[];
}

/**
 * Clusters of this fleet, found by their marks of ownership, whose names are no longer in the fleet: removed or renamed.
 *
 * @param isAsked which providers the run is about
 * @param mustLook false: failures become notices
 * @throws FleetError if a provider can't be searched
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
      const failures: FleetError[] = [];
      const search = async (): Promise<readonly Cluster[]> =>
        (await provider.inventory?.(world, (why) => void failures.push(why))) ?? [];
      const clusters = await search().catch((error: unknown) => {
        if (!(error instanceof FleetError)) throw error;
        failures.push(error);
        return [];
      });
      const told = failures.map((cause) => {
        const what = `could not search for orphans of ${providers.get(name)?.title}: ${cause.message}`;
        return new FleetError(cause.code as ErrorCode, what, { hint: cause.hint, details: cause.details, cause });
      });
      if (mustLook && told[0] !== undefined) throw told[0];
      return { clusters, notices: told.map(noticeOf) };
    }),
  );
  const named = new Set(fleet.clusters.map(({ name }): string => name));
  return {
    clusters: found.flatMap(({ clusters }) => clusters).filter(({ name }) => !named.has(name)),
    notices: found.flatMap(({ notices }) => notices),
  };
}

function noticeOf({ message, hint }: FleetError): Orphans["notices"][number] {
  return { level: "warning", message, ...(hint === undefined ? {} : { hint: formatHint(hint) }) };
}
