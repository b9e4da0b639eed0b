import type { Kustomization } from "#lib/argocd/kustomization.ts";
import { fixSubjects, moveToNamespace } from "#lib/argocd/kustomize/namespace.ts";
import { applyPatch, type PatchText, parsePatch } from "#lib/argocd/kustomize/patch.ts";
import { FleetError } from "#lib/errors.ts";
import { formatReference, type KubernetesObject, referenceOf } from "#lib/kubernetes/object.ts";

/** Objects from a URL. */
export type ReadRemote = (url: string) => readonly KubernetesObject[];

/**
 * The output of `kustomize build`, in document order. Pure.
 *
 * @throws FleetError KustomizationInvalid
 */
export function renderKustomization(kustomization: Kustomization, readRemote: ReadRemote): readonly KubernetesObject[] {
  return fixSubjects(accumulate(kustomization, [], readRemote));
}

/** In kustomize's order: resources, components, patches, namespace, labels. */
function accumulate(
  kustomization: Kustomization,
  before: readonly KubernetesObject[],
  readRemote: ReadRemote,
): readonly KubernetesObject[] {
  const { components, labels, namespace, patches, resources, where } = kustomization;
  const own = resources.flatMap((resource) => {
    switch (resource.kind) {
      case "objects":
        return resource.objects;
      case "kustomization":
        return accumulate(resource.kustomization, [], readRemote);
      case "remote":
        return readRemote(resource.url);
      default:
        return resource satisfies never;
    }
  });
  let objects: readonly KubernetesObject[] = [...before, ...own];
  refuseTwice(objects, where);
  for (const component of components) objects = accumulate(component, objects, readRemote);
  objects = patches.reduce(applyPatch, objects);
  if (namespace !== undefined) objects = moveToNamespace(objects, namespace);
  return Object.keys(labels).length === 0 ? objects : objects.map((object) => withLabels(object, labels));
}

function refuseTwice(objects: readonly KubernetesObject[], where: string): void {
  const seen = new Set<string>();
  for (const object of objects) {
    const reference = formatReference(referenceOf(object));
    if (seen.has(reference)) throw new FleetError("KustomizationInvalid", `${where}: ${reference} is there twice`);
    seen.add(reference);
  }
}

function withLabels(object: KubernetesObject, labels: Readonly<Record<string, string>>): KubernetesObject {
  return { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, ...labels } } };
}

/** The same kustomization with more patches at its end, as Argo CD adds those of an application. */
export function withPatches(kustomization: Kustomization, patches: readonly PatchText[]): Kustomization {
  return { ...kustomization, patches: [...kustomization.patches, ...patches.flatMap(parsePatch)] };
}
