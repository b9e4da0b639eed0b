import type { Fault } from "#lib/fleet/fault.ts";
import { factsOf, type Providers } from "#lib/fleet/provider.ts";
import { type Fleet, isCloud } from "#lib/fleet/types.ts";
import { formatGuess } from "#lib/nearest.ts";

export function checkRegions(fleet: Fleet, providers: Providers): readonly Fault[] {
  return fleet.clusters.filter(isCloud).flatMap((cluster): readonly Fault[] => {
    const { regions = [] } = factsOf(providers, cluster);
    if (regions.includes(cluster.region)) return [];
    return [
      {
        code: "UnknownRegion",
        where: `cluster ${cluster.name}`,
        message: `unknown region "${cluster.region}" of ${cluster.provider}`,
        hint: `${formatGuess(cluster.region, regions)}all are in lib/${cluster.provider}/fleet/regions.ts`,
        provider: cluster.provider,
      },
    ];
  });
}
