import { clusterFacts } from "#lib/argocd/facts.ts";
import { findSource, type GitSourceOf, sourceOf } from "#lib/argocd/git-source.ts";
import {
  apiOf,
  argocdNamespace,
  fieldManager,
  findApi,
  type ManagedCluster,
  managedBy,
} from "#lib/argocd/managed-cluster.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { AnyResource, Change, Outputs, Resource } from "#lib/graph/resource.ts";
import { applyObjects } from "#lib/kubernetes/apply.ts";
import { findObject, type KubernetesObject, type ObjectReference } from "#lib/kubernetes/objects.ts";
import { removeObject } from "#lib/kubernetes/remove.ts";

export interface FactsState {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const reference: ObjectReference = {
  apiVersion: "v1",
  kind: "Secret",
  name: "cluster-facts",
  namespace: argocdNamespace,
};
const removeTimeoutMs = 30_000;
/** By the second one Argo CD knows it for the secret of a cluster. */
const fixedLabels = { ...managedBy, "argocd.argoproj.io/secret-type": "cluster" } as const;

export interface FactsOptions {
  readonly managed: ManagedCluster;
  readonly fleet: Fleet;
  readonly source: GitSourceOf;
  readonly needs: readonly AnyResource[];
}

/**
 * What the cluster knows of itself, on the secret by which Argo CD knows its own cluster: switches as labels, facts as
 * annotations (the contract of gitops-bridge). ApplicationSets choose and fill in by them.
 */
export function factsSecret(options: FactsOptions): Resource<FactsState> {
  const { managed } = options;
  return {
    id: `${managed.prefix}/facts`,
    title: `${managed.cluster.name}: facts`,
    label: "facts",
    owner: managed.owner,
    lane: "api",
    needs: options.needs,
    ...(managed.goesWith === undefined ? {} : { goesWith: managed.goesWith }),
    async observe(world, outputs) {
      const api = findApi(world, managed, outputs);
      const found = api === undefined ? undefined : await findObject(api, reference);
      if (found === undefined) return { kind: "absent" };
      const { labels = {}, annotations = {} } = found.metadata;
      if (labels["app.kubernetes.io/managed-by"] !== fieldManager) {
        return { kind: "foreign", why: `secret ${reference.name} in ${argocdNamespace} is not of this project` };
      }
      return { kind: "present", state: { labels, annotations } };
    },
    diff(state, outputs) {
      const wanted = findWanted(options, outputs);
      if (wanted === undefined) return [];
      return [...compare(state.labels, wanted.labels), ...compare(state.annotations, wanted.annotations)];
    },
    async ensure(world, _observed, outputs) {
      const facts = clusterFacts(options.fleet, managed.cluster, sourceOf(options.source, outputs));
      await applyObjects(apiOf(world, managed, outputs), [secretOf(managed, facts)], {
        manager: fieldManager,
        force: true,
        signal: world.signal,
        clock: world.clock,
      });
      return { ...facts, labels: { ...fixedLabels, ...facts.labels } };
    },
    async remove(world, _observed, outputs) {
      const api = findApi(world, managed, outputs);
      if (api !== undefined) await removeObject(api, reference, { ...world, timeoutMs: removeTimeoutMs });
      return { kind: "removed" };
    },
    health: ({ labels }) => {
      const on = Object.keys(labels).filter((label) => label.startsWith("enable_")).length;
      return { kind: "healthy", summary: `${on} applications switched on` };
    },
  };
}

function findWanted(options: FactsOptions, outputs: Outputs): FactsState | undefined {
  const source = findSource(options.source, outputs);
  if (source === undefined) return undefined;
  const { labels, annotations } = clusterFacts(options.fleet, options.managed.cluster, source);
  return { labels: { ...fixedLabels, ...labels }, annotations };
}

function secretOf({ cluster }: ManagedCluster, { labels, annotations }: FactsState): KubernetesObject {
  return {
    apiVersion: reference.apiVersion,
    kind: reference.kind,
    metadata: {
      name: reference.name,
      namespace: argocdNamespace,
      labels: { ...fixedLabels, ...labels },
      annotations: { ...annotations },
    },
    // Not stringData: the server turns that into data, and a field that is not there can't be owned.
    data: {
      name: btoa(cluster.name),
      server: btoa("https://kubernetes.default.svc"),
      config: btoa(JSON.stringify({ tlsClientConfig: { insecure: false } })),
    },
  };
}

/** Labels and annotations of others (Argo CD writes some) are left alone; a switch of ours that is off must be gone. */
function compare(is: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): readonly Change[] {
  const gone = Object.keys(is).filter((key) => key.startsWith("enable_") && !(key in wanted));
  return [...Object.keys(wanted), ...gone].flatMap((field) => {
    const [from, to] = [is[field] ?? "", wanted[field] ?? ""];
    return from === to ? [] : [{ field, from, to, effect: "in-place" as const }];
  });
}
