import { FleetError } from "#lib/errors.ts";
import type { CallOptions, KubernetesApi } from "#lib/kubernetes/api.ts";
import { collectionPath, objectPath } from "#lib/kubernetes/discovery.ts";
import type { Collection, KubernetesObject, ObjectReference } from "#lib/kubernetes/object.ts";

/**
 * Parses the objects of a multi-document YAML text; empty documents are skipped, lists are flattened.
 *
 * @param where the file or URL, for error messages
 * @throws FleetError ManifestInvalid. The message never contains the text, because it may have secrets
 */
export function parseManifest(text: string, where: string): readonly KubernetesObject[] {
  let parsed: unknown;
  try {
    parsed = Bun.YAML.parse(text);
  } catch (error) {
    throw new FleetError("ManifestInvalid", `${where} is not YAML`, { cause: error });
  }
  // The parser returns one document as itself, several as an array.
  const documents = Array.isArray(parsed) ? parsed : [parsed];
  return documents.flatMap((document: unknown, index) => {
    if (document === null || document === undefined) return [];
    if (isList(document)) return document.items.map((item, at) => requireObject(item, `${where}: item ${at + 1}`));
    return [requireObject(document, documents.length === 1 ? where : `${where}: document ${index + 1}`)];
  });
}

function isList(value: unknown): value is { readonly items: readonly unknown[] } {
  return isRecord(value) && typeof value.kind === "string" && value.kind.endsWith("List") && Array.isArray(value.items);
}

function requireObject(value: unknown, where: string): KubernetesObject {
  if (isObject(value)) return value;
  throw new FleetError(
    "ManifestInvalid",
    `${where} is no object of Kubernetes: apiVersion, kind or metadata.name is missing`,
  );
}

function isObject(value: unknown): value is KubernetesObject {
  if (!isRecord(value) || !isRecord(value.metadata)) return false;
  const { apiVersion, kind, metadata } = value;
  return [apiVersion, kind, metadata.name].every((field) => typeof field === "string" && field !== "");
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Undefined if the object or its kind does not exist. */
export async function findObject(
  api: KubernetesApi,
  reference: ObjectReference,
  options?: CallOptions,
): Promise<KubernetesObject | undefined> {
  const path = await objectPath(api, reference);
  const found = path === undefined ? undefined : await api.find(path, options);
  return isObject(found) ? found : undefined;
}

/** Also empty if the server has no such kind. */
export async function listObjects(
  api: KubernetesApi,
  collection: Collection,
  options?: CallOptions,
): Promise<readonly KubernetesObject[]> {
  return (await listWithVersion(api, collection, options)).objects;
}

export interface Listing {
  readonly objects: readonly KubernetesObject[];
  /** The version to start a watch from; undefined if the server has no such kind. */
  readonly resourceVersion: string | undefined;
}

export async function listWithVersion(
  api: KubernetesApi,
  collection: Collection,
  options?: CallOptions,
): Promise<Listing> {
  const path = await collectionPath(api, collection);
  if (path === undefined) return { objects: [], resourceVersion: undefined };
  const answer = await api.get(path, options);
  const { items = [], metadata } = answer as {
    readonly items?: readonly object[];
    readonly metadata?: { readonly resourceVersion?: string };
  };
  const { apiVersion, kind } = collection;
  // Items of a list have no kind and apiVersion.
  const objects = items.map((item) => ({ ...item, apiVersion, kind })).filter(isObject);
  return { objects, resourceVersion: metadata?.resourceVersion };
}
