import { expandApplicationSet, type KnownCluster } from "#sandbox/argocd/application-set.ts";
import { argocdNamespace } from "#sandbox/argocd/resources.ts";
import { type Json, listAt, objectAt, stringAt, stringsAt } from "#sandbox/json.ts";
import { withConditions } from "#sandbox/kubernetes/behaviours/conditions.ts";
import { type Kind, type KubernetesObject, secrets } from "#sandbox/kubernetes/kinds.ts";
import { type Cluster, create, remove } from "#sandbox/kubernetes/operations.ts";

/** Makes, changes and takes back the Applications that an ApplicationSet stands for. */
export function reconcileSet(cluster: Cluster, kind: Kind, applications: Kind, set: KubernetesObject): void {
  if (set.metadata.deletionTimestamp !== undefined) return;
  const expansion = expandApplicationSet(set, knownClusters(cluster));
  const { store } = cluster;
  if (expansion.kind !== "applications") {
    const reason = expansion.kind === "refused" ? "Unknown" : "ApplicationGenerationFromParamsError";
    setConditions(cluster, kind, set, "True", "False", reason, expansion.why);
    return;
  }
  const owned = store
    .list(applications, argocdNamespace)
    .filter((one) =>
      listAt(one, "metadata", "ownerReferences").some((owner) => stringAt(owner, "uid") === set.metadata.uid),
    );
  for (const { metadata, spec } of expansion.applications) {
    const found = store.get(applications, argocdNamespace, metadata.name);
    const owner = { apiVersion: set.apiVersion, kind: set.kind, name: set.metadata.name, uid: set.metadata.uid };
    const ownerReferences = [{ ...owner, controller: true, blockOwnerDeletion: true }];
    if (found === undefined) {
      create(cluster, applications, argocdNamespace, {
        metadata: { ...metadata, ownerReferences },
        spec: spec as Json,
      });
      continue;
    }
    if (found.metadata.deletionTimestamp !== undefined) continue;
    const { finalizers: _finalizers, ...kept } = found.metadata;
    store.update(applications, {
      ...found,
      metadata: { ...kept, ...metadata, namespace: argocdNamespace, ownerReferences } as KubernetesObject["metadata"],
      spec: spec as Json,
    });
  }
  const names = new Set(expansion.applications.map(({ metadata }) => metadata.name));
  for (const { metadata } of owned) {
    if (!names.has(metadata.name) && metadata.deletionTimestamp === undefined) {
      remove(cluster, applications, argocdNamespace, metadata.name);
    }
  }
  const count = `Successfully generated ${expansion.applications.length} application(s)`;
  setConditions(cluster, kind, set, "False", "True", "ApplicationSetUpToDate", count);
}

/** Its own cluster and others that secrets tell it of. */
function knownClusters(cluster: Cluster): readonly KnownCluster[] {
  const decode = (secret: KubernetesObject, key: string) => atob(stringAt(secret, "data", key));
  return cluster.store
    .list(secrets, argocdNamespace)
    .filter((secret) => stringAt(secret, "metadata", "labels", "argocd.argoproj.io/secret-type") === "cluster")
    .map((secret) => ({
      name: decode(secret, "name"),
      server: decode(secret, "server"),
      labels: stringsAt(secret, "metadata", "labels"),
      annotations: stringsAt(secret, "metadata", "annotations"),
    }));
}

function setConditions(
  cluster: Cluster,
  kind: Kind,
  set: KubernetesObject,
  failed: "True" | "False",
  done: "True" | "False",
  reason: string,
  message: string,
): void {
  const current = cluster.store.get(kind, argocdNamespace, set.metadata.name);
  if (current === undefined) return;
  const status = withConditions(objectAt(current, "status"), [
    { type: "ErrorOccurred", status: failed, reason, message },
    {
      type: "ParametersGenerated",
      status: "True",
      reason: "ParametersGenerated",
      message: "Successfully generated parameters for all Applications",
    },
    { type: "ResourcesUpToDate", status: done, reason, message },
  ]);
  cluster.store.update(kind, { ...current, status });
}
