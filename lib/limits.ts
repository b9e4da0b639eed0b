import { checkoutId } from "#lib/argocd/checkout.ts";
import { isLocal } from "#lib/fleet/types.ts";
import type { AnyResource, Lane } from "#lib/graph/resource.ts";
import type { Selected } from "#lib/graph/select.ts";
import { findHostAddress } from "#lib/local/host-address.ts";
import { countMissing } from "#lib/local/missing.ts";
import { preflight } from "#lib/local/preflight.ts";
import type { RunOptions } from "#lib/task.ts";
import type { Emitted, Verb } from "#lib/verbs/engine.ts";
import type { World } from "#lib/world.ts";

export interface Limits {
  /** How many resources like this one are worked on at once, in its lane. */
  readonly of: (resource: AnyResource) => number;
  readonly notices: readonly Emitted[];
}

/** Changing more CloudFormation stacks at once only meets the limits of its API. */
const stacksAtOnce = 32;
const atOnce: Readonly<Record<Lane, number>> = {
  api: 16,
  docker: 8,
  pull: 3,
  cluster: 8,
  stack: stacksAtOnce,
  file: 16,
};

interface ClusterLimits {
  readonly local: number;
  readonly remote: number;
}

/** Looking is cheap; creating clusters on this computer is limited to what it bears. @throws FleetError of the preflight */
export async function limitsOf(
  verb: Verb,
  resources: readonly AnyResource[],
  selected: Selected,
  world: World,
  { jobs }: Pick<RunOptions, "jobs">,
): Promise<Limits> {
  const clusters: ClusterLimits = { local: jobs ?? atOnce.cluster, remote: jobs ?? stacksAtOnce };
  if (!verb.mutates || !resources.some((resource) => resource.owner.group === "local")) {
    return { of: limitIn(clusters), notices: [] };
  }
  const missing =
    verb.name === "create" ? await countMissing(world, selected.clusters.filter(isLocal)) : { clusters: 0, nodes: 0 };
  const { checks, parallelClusters } = await preflight(world, missing);
  // Before a cluster is created: its applications would never be there.
  if (missing.clusters > 0 && resources.some(({ id }) => id === checkoutId)) await findHostAddress(world);
  const notices: Emitted[] = checks
    .filter((check) => check.level === "warning")
    .map((check) => ({
      kind: "notice",
      level: "warning",
      message: `${check.name}: ${check.found}`,
      ...(check.remedy === undefined ? {} : { hint: check.remedy }),
    }));
  if (jobs !== undefined || missing.clusters === 0) return { of: limitIn(clusters), notices };
  if (missing.clusters > parallelClusters) {
    notices.push({
      kind: "notice",
      level: "info",
      message: `this computer creates ${parallelClusters} clusters at once; --jobs sets another number`,
    });
  }
  return { of: limitIn({ ...clusters, local: parallelClusters }), notices };
}

function limitIn({ local, remote }: ClusterLimits): Limits["of"] {
  return ({ lane, owner }) => {
    if (lane !== "cluster") return atOnce[lane];
    return owner.group === "local" ? local : remote;
  };
}
