import { FleetError } from "#lib/errors.ts";
import type { Account, Cluster, Fleet } from "#lib/fleet/types.ts";
import type { Graph } from "#lib/graph/graph.ts";
import type { AnyResource } from "#lib/graph/resource.ts";
import { suggest } from "#lib/nearest.ts";

/** The selection of a command. Lists are combined (any of them); an empty selection is the whole fleet. */
export interface Selection {
  /** Restricts the task to these providers (`create-kind-all`). */
  readonly within?: readonly string[];
  readonly clusters?: readonly string[];
  readonly accounts?: readonly string[];
  readonly providers?: readonly string[];
  /** Ids of resources. */
  readonly targets?: readonly string[];
}

/** The selected part of the fleet. */
export interface Selected {
  readonly clusters: readonly Cluster[];
  readonly accounts: readonly Account[];
  /** The selected resources. */
  readonly chosen: ReadonlySet<AnyResource>;
  /** The selected resources and their transitive needs. */
  readonly withNeeds: ReadonlySet<AnyResource>;
}

/** @throws FleetError UnknownCluster, UnknownAccount, UnknownProvider, UnknownTarget, with the nearest names */
export function select(graph: Graph, fleet: Fleet, selection: Selection): Selected {
  const inScope = (provider: string): boolean => selection.within?.includes(provider) ?? true;
  const clusters = fleet.clusters.filter((cluster) => inScope(cluster.provider));
  const accounts = fleet.accounts.filter((account) => inScope(account.provider));
  const providers = [...new Set(clusters.map((cluster) => cluster.provider))];
  const names = {
    clusters: clusters.map((cluster) => cluster.name),
    accounts: accounts.map((account) => account.name),
  };
  check("cluster", selection.clusters, names.clusters);
  check("account", selection.accounts, names.accounts);
  check("provider", selection.providers, providers);
  check("target", selection.targets, [...graph.byId.keys()]);

  const lists = [selection.clusters, selection.accounts, selection.providers, selection.targets];
  const everything = lists.every((list) => (list ?? []).length === 0);
  const chosenClusters = clusters.filter(
    (cluster) =>
      everything ||
      selection.clusters?.includes(cluster.name) ||
      selection.providers?.includes(cluster.provider) ||
      ("account" in cluster && selection.accounts?.includes(cluster.account)),
  );
  const chosenAccounts = accounts.filter(
    (account) =>
      everything || selection.accounts?.includes(account.name) || selection.providers?.includes(account.provider),
  );
  const owners = new Set<string>([...chosenClusters, ...chosenAccounts].map((owner) => owner.name));
  const chosen = new Set(
    graph.resources.filter(
      (resource) =>
        (resource.row.kind !== "shared" && owners.has(resource.row.name)) || selection.targets?.includes(resource.id),
    ),
  );
  const withNeeds = new Set(chosen);
  for (const resource of withNeeds) for (const need of resource.needs) withNeeds.add(need);
  return { clusters: chosenClusters, accounts: chosenAccounts, chosen, withNeeds };
}

const codes = {
  cluster: "UnknownCluster",
  account: "UnknownAccount",
  provider: "UnknownProvider",
  target: "UnknownTarget",
} as const;

function check(what: keyof typeof codes, given: readonly string[] | undefined, known: readonly string[]): void {
  for (const name of given ?? []) {
    if (!known.includes(name)) {
      throw new FleetError(codes[what], `unknown ${what} "${name}"`, { hint: suggest(name, known) });
    }
  }
}
