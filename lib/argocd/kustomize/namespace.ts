import type { KubernetesObject } from "#lib/kubernetes/object.ts";

/**
 * Cluster-scoped kinds in this repository's manifests. kustomize knows the built-in ones from its schemas, and treats a
 * custom resource as namespaced unless its definition is present.
 */
const clusterWide: ReadonlySet<string> = new Set([
  "APIService",
  "CSIDriver",
  "ClusterRole",
  "ClusterRoleBinding",
  "CustomResourceDefinition",
  "IngressClass",
  "MutatingWebhookConfiguration",
  "Namespace",
  "Node",
  "PersistentVolume",
  "PriorityClass",
  "RuntimeClass",
  "StorageClass",
  "ValidatingWebhookConfiguration",
]);

/** Sets the namespace of every namespaced object, and the name of a Namespace, like kustomize. Pure. */
export function moveToNamespace(objects: readonly KubernetesObject[], namespace: string): readonly KubernetesObject[] {
  return objects.map((object) => {
    if (object.kind === "Namespace") return { ...object, metadata: { ...object.metadata, name: namespace } };
    if (clusterWide.has(object.kind)) return object;
    return { ...object, metadata: { ...object.metadata, namespace } };
  });
}

/**
 * Sets the namespace of service accounts of the same build in bindings. kustomize compares only the
 * name, so a user with the name of an account gets a namespace too, which Kubernetes ignores.
 */
export function fixSubjects(objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
  const accounts = new Map(
    objects.filter(({ kind }) => kind === "ServiceAccount").map(({ metadata }) => [metadata.name, metadata.namespace]),
  );
  return objects.map((object) => {
    if (object.kind !== "RoleBinding" && object.kind !== "ClusterRoleBinding") return object;
    if (!Array.isArray(object.subjects)) return object;
    const subjects = object.subjects.map((subject: unknown) => {
      if (!isNamed(subject)) return subject;
      const namespace = accounts.get(subject.name);
      return namespace === undefined ? subject : { ...subject, namespace };
    });
    return { ...object, subjects };
  });
}

function isNamed(subject: unknown): subject is { readonly name: string } {
  return typeof subject === "object" && subject !== null && "name" in subject && typeof subject.name === "string";
}
