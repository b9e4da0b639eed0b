import type { Cluster, Fleet } from "#lib/fleet/types.ts";
import { fleet as whole } from "#tests/fixtures/fleets/default/fleet.ts";

/** az refuses ranges for documentation. */
const publicAccessCidrs = ["20.0.0.0/24"];

/** A cluster in each account: what the fleet has in Azure, with fewer clusters. */
const clusters = whole.clusters.flatMap((cluster): readonly Cluster[] =>
  cluster.provider === "azure" && /^k0[13]\./.test(cluster.name) ? [{ ...cluster, publicAccessCidrs }] : [],
);

/** The Azure part of the tests' copy of the default fleet. Independent of clusters/, so that results stay comparable. */
export const fleet: Fleet = {
  domain: whole.domain,
  zones: whole.zones.filter(({ provider }) => provider === "azure"),
  accounts: whole.accounts.filter(({ provider }) => provider === "azure"),
  clusters,
  ...(whole.github === undefined ? {} : { github: whole.github }),
};
