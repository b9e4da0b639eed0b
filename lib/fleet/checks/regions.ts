import type { Fault } from "#lib/fleet/fault.ts";
import { regions } from "#lib/fleet/regions.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { isCloud } from "#lib/fleet/types.ts";
import { formatGuess } from "#lib/nearest.ts";

export function checkRegions(fleet: Fleet): readonly Fault[] {
  return fleet.clusters
    .filter(isCloud)
    .filter((cluster) => !regions[cluster.provider].includes(cluster.region))
    .map((cluster) => ({
      code: "UnknownRegion",
      where: `cluster ${cluster.name}`,
      message: `unknown region "${cluster.region}" of ${cluster.provider}`,
      hint: `${formatGuess(cluster.region, regions[cluster.provider])}all are in lib/fleet/regions.ts`,
      provider: cluster.provider,
    }));
}
