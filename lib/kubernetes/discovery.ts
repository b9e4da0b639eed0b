import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import type { Collection, ObjectReference } from "#lib/kubernetes/object.ts";

/** Maps kinds to URL paths with the server's discovery API: manifests have kinds, URLs have plurals. */

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Cached per API object, and collected with it. */
const known = new WeakMap<KubernetesApi, Map<string, Promise<readonly Resource[]>>>();

/** Undefined if the server has no such kind. */
export async function objectPath(api: KubernetesApi, reference: ObjectReference): Promise<string | undefined> {
  const path = await collectionPath(api, { ...reference });
  return path === undefined ? undefined : `${path}/${encodeURIComponent(reference.name)}`;
}

/** Undefined if the server has no such kind. */
export async function collectionPath(api: KubernetesApi, collection: Collection): Promise<string | undefined> {
  const { apiVersion, kind, namespace, labelSelector } = collection;
  const resource = await findResource(api, apiVersion, kind);
  if (resource === undefined) return undefined;
  const within = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  const query = labelSelector === undefined ? "" : `?labelSelector=${encodeURIComponent(labelSelector)}`;
  return `${basePath(apiVersion)}${within}/${resource.name}${query}`;
}

/** Undefined if the server has no such kind. */
export async function isNamespaced(api: KubernetesApi, apiVersion: string, kind: string): Promise<boolean | undefined> {
  return (await findResource(api, apiVersion, kind))?.namespaced;
}

async function findResource(api: KubernetesApi, apiVersion: string, kind: string): Promise<Resource | undefined> {
  const cache = known.get(api) ?? new Map<string, Promise<readonly Resource[]>>();
  known.set(api, cache);
  const find = (resources: readonly Resource[]): Resource | undefined =>
    resources.find((resource) => resource.kind === kind);
  const remembered = cache.get(apiVersion);
  const found = remembered === undefined ? undefined : find(await remembered);
  if (found !== undefined) return found;
  // A missing kind may have been added meanwhile, by a definition that was just applied.
  const asked = fetchResources(api, apiVersion);
  cache.set(apiVersion, asked);
  asked.catch(() => cache.delete(apiVersion));
  return find(await asked);
}

async function fetchResources(api: KubernetesApi, apiVersion: string): Promise<readonly Resource[]> {
  const answer = await api.find(basePath(apiVersion));
  const { resources = [] } = (answer ?? {}) as { readonly resources?: readonly Resource[] };
  // Skips subresources such as `deployments/status`.
  return resources.filter(({ name }) => !name.includes("/"));
}

function basePath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}
