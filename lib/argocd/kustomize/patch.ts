import { z } from "zod";
import { type JsonOperation, jsonPatchSchema, patchJson } from "#lib/argocd/kustomize/json-patch.ts";
import { parseSelector, type Selector, select } from "#lib/argocd/kustomize/selector.ts";
import { mergeStrategically } from "#lib/argocd/kustomize/strategic-merge.ts";
import { FleetError } from "#lib/errors.ts";
import { formatReference, type KubernetesObject, referenceOf } from "#lib/kubernetes/object.ts";

/** One patch of a kustomization. */
export type Patch =
  /** Selects one object by its own kind and name, which must exist. */
  | { readonly kind: "merge"; readonly where: string; readonly patch: KubernetesObject }
  /** Changes all objects that match its target, possibly none. */
  | { readonly kind: "merge-target"; readonly where: string; readonly patch: object; readonly target: Selector }
  | {
      readonly kind: "json";
      readonly where: string;
      readonly patch: readonly JsonOperation[];
      readonly target: Selector;
    };

export interface PatchText {
  readonly text: string;
  readonly where: string;
  readonly target?: Readonly<Record<string, string>>;
}

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});

/** Parses one entry of `patches`; several results if its text has several documents. @throws FleetError KustomizationInvalid */
export function parsePatch({ text, where, target }: PatchText): readonly Patch[] {
  const documents = parseDocuments(text, where);
  const selector = target === undefined ? undefined : parseSelector(target, where);
  if (documents.length > 1 && selector !== undefined) throw invalid(where, "several documents can't have one target");
  return documents.map((document): Patch => {
    if (Array.isArray(document)) {
      const parsed = jsonPatchSchema.safeParse(document);
      if (!parsed.success) throw invalid(where, "only add, replace, remove and test of a JSON patch are known here");
      if (selector === undefined) throw invalid(where, "a JSON patch needs a target");
      return { kind: "json", where, patch: parsed.data, target: selector };
    }
    const parsed = objectSchema.safeParse(document);
    if (selector !== undefined && typeof document === "object" && document !== null) {
      return { kind: "merge-target", where, patch: document, target: selector };
    }
    if (!parsed.success) throw invalid(where, "a patch without a target names apiVersion, kind and metadata.name");
    return { kind: "merge", where, patch: parsed.data };
  });
}

function parseDocuments(text: string, where: string): readonly unknown[] {
  try {
    // A sequence is one document, but Bun also returns several documents as a sequence.
    const several = /^---/m.test(text.trimStart().replace(/^---/, ""));
    const parsed: unknown = Bun.YAML.parse(text);
    const documents = several && Array.isArray(parsed) ? parsed : [parsed];
    return documents.filter((document) => document !== null && document !== undefined);
  } catch (cause) {
    throw invalid(where, `the patch is not YAML: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** Pure. @throws FleetError KustomizationInvalid */
export function applyPatch(objects: readonly KubernetesObject[], patch: Patch): readonly KubernetesObject[] {
  switch (patch.kind) {
    case "merge": {
      const found = objects.filter((object) => isSame(object, patch.patch));
      if (found.length !== 1) {
        const count = found.length === 0 ? "no resource matches" : `${found.length} resources match`;
        throw invalid(patch.where, `${count} the patch of ${formatReference(referenceOf(patch.patch))}`);
      }
      return objects.map((object) => (object === found[0] ? merge(object, patch.patch, patch.where) : object));
    }
    case "merge-target": {
      const found = select(objects, patch.target);
      return objects.map((object) => (found.has(object) ? merge(object, patch.patch, patch.where) : object));
    }
    case "json": {
      const found = select(objects, patch.target);
      return objects.map((object) => {
        if (!found.has(object)) return object;
        const patched = objectSchema.safeParse(patchJson(object, patch.patch, patch.where));
        if (patched.success) return patched.data;
        throw invalid(patch.where, `it takes kind or name from ${formatReference(referenceOf(object))}`);
      });
    }
    default:
      return patch satisfies never;
  }
}

/** By kind and name; kustomize treats a missing namespace as `default`. */
function isSame(object: KubernetesObject, patch: KubernetesObject): boolean {
  return (
    object.apiVersion === patch.apiVersion &&
    object.kind === patch.kind &&
    object.metadata.name === patch.metadata.name &&
    (object.metadata.namespace ?? "default") === (patch.metadata.namespace ?? "default")
  );
}

/** A patch never renames an object. */
function merge(object: KubernetesObject, patch: object, where: string): KubernetesObject {
  const merged = mergeStrategically(object, patch, where);
  const { apiVersion, kind } = object;
  const { name, namespace } = object.metadata;
  const metadata = { ...merged.metadata, name, ...(namespace === undefined ? {} : { namespace }) };
  return { ...merged, apiVersion, kind, metadata };
}

function invalid(where: string, why: string): FleetError {
  return new FleetError("KustomizationInvalid", `${where}: ${why}`, {
    hint: "kustomize build may explain more",
  });
}
