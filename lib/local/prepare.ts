import { checkoutId } from "#lib/argocd/checkout.ts";
import { isLocal } from "#lib/fleet/types.ts";
import type { World } from "#lib/graph/world.ts";
import { findHostAddress } from "#lib/local/host-address.ts";
import { countMissing } from "#lib/local/missing.ts";
import { preflight } from "#lib/local/preflight.ts";
import type { Preparation, PreparedRun } from "#lib/provider.ts";

/** Limits how many clusters are created at once to the capacity of this computer. @throws FleetError of the preflight */
export async function prepare(world: World, { verb, resources, clusters, jobs }: PreparedRun): Promise<Preparation> {
  const missing = verb === "create" ? await countMissing(world, clusters.filter(isLocal)) : { clusters: 0, nodes: 0 };
  const { checks, parallelClusters } = await preflight(world, missing);
  // Fails before a cluster is created whose applications could never be read.
  if (missing.clusters > 0 && resources.some(({ id }) => id === checkoutId)) await findHostAddress(world);
  const warnings = checks
    .filter((check) => check.level === "warning")
    .map((check) => ({
      level: "warning" as const,
      message: `${check.name}: ${check.found}`,
      ...(check.remedy === undefined ? {} : { hint: check.remedy }),
    }));
  if (jobs !== undefined || missing.clusters === 0) return { lanes: {}, notices: warnings };
  if (missing.clusters <= parallelClusters) return { lanes: { cluster: parallelClusters }, notices: warnings };
  const message = `this computer creates ${parallelClusters} clusters at once; --jobs sets another number`;
  return { lanes: { cluster: parallelClusters }, notices: [...warnings, { level: "info", message }] };
}
