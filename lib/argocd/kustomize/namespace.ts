import type { KubernetesObject } from "#lib/kubernetes/object.ts";

/**
 * Kinds without a namespace, of those that manifests here hold. kustomize knows Kubernetes' own by its schemas, and takes a
 * custom resource for namespaced unless its definition is there.
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

/** Puts every namespaced object into the namespace, and gives a Namespace itself that name, as kustomize does. Pure. */
export function moveToNamespace(objects: readonly KubernetesObject[], namespace: string): readonly KubernetesObject[] {
  return objects.map((object) => {
    if (object.kind === "Namespace") return { ...object, metadata: { ...object.metadata, name: namespace } };
    if (clusterWide.has(object.kind)) return object;
    return { ...object, metadata: { ...object.metadata, namespace } };
  });
}

/**
 * Bindings name the namespace of the service accounts that are part of the same build, wherever those went. kustomize goes by
 * the name alone, so that a user who is called like an account gets a namespace too, which Kubernetes ignores.
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
