import { clusterFacts, type FactsSubject } from "#lib/argocd/facts.ts";
import { findSource, type GitSourceOf, sourceOf } from "#lib/argocd/git-source.ts";
import { type ManagedCluster, managedBy } from "#lib/argocd/managed-cluster.ts";
import { ownedSecret } from "#lib/argocd/owned-secret.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { AnyResource, Change, Outputs, Resource } from "#lib/graph/resource.ts";

export interface FactsState {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The second label marks it as a cluster secret for Argo CD. */
const fixedLabels = { ...managedBy, "argocd.argoproj.io/secret-type": "cluster" } as const;

export interface FactsOptions {
  readonly managed: ManagedCluster;
  readonly fleet: Fleet;
  readonly source: GitSourceOf;
  readonly needs: readonly AnyResource[];
}

/**
 * The cluster's facts, on Argo CD's secret for its own cluster: switches as labels, facts as
 * annotations (the convention of gitops-bridge). ApplicationSets select clusters and fill templates with them.
 */
export function factsSecret(options: FactsOptions): Resource<FactsState> {
  const { managed } = options;
  const secret = ownedSecret(managed, "cluster-facts");
  return {
    id: `${managed.prefix}/facts`,
    title: `${managed.cluster.name}: facts`,
    label: "facts",
    row: managed.row,
    lane: "api",
    needs: options.needs,
    ...(managed.goesWith === undefined ? {} : { goesWith: managed.goesWith }),
    observe: (world, outputs) =>
      secret.observe(world, outputs, ({ metadata: { labels = {}, annotations = {} } }) => ({ labels, annotations })),
    diff(state, outputs) {
      const wanted = findWanted(options, outputs);
      if (wanted === undefined) return [];
      return [...compare(state.labels, wanted.labels), ...compare(state.annotations, wanted.annotations)];
    },
    async ensure(world, _observed, outputs) {
      const subject = findSubject(managed, outputs);
      if (subject === undefined)
        throw new FleetError("OutputMissing", `${managed.cluster.name} has no workload identity`);
      const facts = clusterFacts(options.fleet, subject, sourceOf(options.source, outputs));
      const labels = { ...fixedLabels, ...facts.labels };
      await secret.apply(world, outputs, { labels, annotations: facts.annotations, data: connectionOf(managed) });
      return { ...facts, labels };
    },
    remove: (world, _observed, outputs) => secret.remove(world, outputs),
    health: ({ labels }) => {
      const on = Object.keys(labels).filter((label) => label.startsWith("enable_")).length;
      return { kind: "healthy", summary: `${on} applications switched on` };
    },
  };
}

function findWanted(options: FactsOptions, outputs: Outputs): FactsState | undefined {
  const source = findSource(options.source, outputs);
  const subject = findSubject(options.managed, outputs);
  if (source === undefined || subject === undefined) return undefined;
  const { labels, annotations } = clusterFacts(options.fleet, subject, source);
  return { labels: { ...fixedLabels, ...labels }, annotations };
}

/** Undefined while its identity is unknown. */
function findSubject(
  { workloadIdentity: find, ...managed }: ManagedCluster,
  outputs: Outputs,
): FactsSubject | undefined {
  if (find === undefined) return managed;
  const workloadIdentity = find(outputs);
  return workloadIdentity === undefined ? undefined : { ...managed, workloadIdentity };
}

/** Argo CD's connection to its own cluster. */
function connectionOf({ cluster }: ManagedCluster): Readonly<Record<string, string>> {
  return {
    name: cluster.name,
    server: "https://kubernetes.default.svc",
    config: JSON.stringify({ tlsClientConfig: { insecure: false } }),
  };
}

/** Labels and annotations of others (Argo CD writes some) are preserved; a disabled switch of ours must be removed. */
function compare(is: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): readonly Change[] {
  const gone = Object.keys(is).filter((key) => key.startsWith("enable_") && !(key in wanted));
  return [...Object.keys(wanted), ...gone].flatMap((field) => {
    const [from, to] = [is[field] ?? "", wanted[field] ?? ""];
    return from === to ? [] : [{ field, from, to, effect: "in-place" as const }];
  });
}
