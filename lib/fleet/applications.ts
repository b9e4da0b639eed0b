import { environmentOf } from "#lib/fleet/defaults.ts";
import type { Cluster, Fleet, Where } from "#lib/fleet/types.ts";

/** The known applications: `argocd/apps/<name>.yaml`. A test compares the list with the folder. */
export const applicationNames: readonly string[] = [
  "argo-cd",
  "cert-manager",
  "cluster-info",
  "demo",
  "external-dns",
  "metrics-server",
];

/** Names of a cluster's applications, in the order of the switches. */
export function applicationsOf(fleet: Fleet, cluster: Cluster): readonly string[] {
  if (fleet.gitops === undefined || cluster.argocd === "none") return [];
  return fleet.gitops.applications
    .filter(({ on, off = [] }) => isAnywhere(on, cluster) && !isAnywhere(off, cluster))
    .map(({ name }) => name);
}

function isAnywhere(places: readonly Where[], cluster: Cluster): boolean {
  return places.some((place) => fits(place, cluster));
}

/** Whether the cluster matches every field of the selector. */
function fits({ providers, environments, clusters }: Where, cluster: Cluster): boolean {
  return (
    (providers?.includes(cluster.provider) ?? true) &&
    (environments?.includes(environmentOf(cluster)) ?? true) &&
    (clusters?.includes(cluster.name) ?? true)
  );
}
