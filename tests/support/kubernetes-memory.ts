import { type KubernetesApi, KubernetesStatusError, type StatusCause } from "#lib/kubernetes/api.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";

interface KnownKind {
  readonly kind: string;
  readonly name: string;
  readonly namespaced: boolean;
}

/** An API server in memory that knows a few kinds; what is applied replaces what was there. */
export function kubernetesInMemory() {
  const kinds = new Map<string, KnownKind[]>([
    [
      "/api/v1",
      [
        { kind: "Namespace", name: "namespaces", namespaced: false },
        { kind: "ConfigMap", name: "configmaps", namespaced: true },
        { kind: "ConfigMap", name: "configmaps/status", namespaced: true },
      ],
    ],
    [
      "/apis/apiextensions.k8s.io/v1",
      [{ kind: "CustomResourceDefinition", name: "customresourcedefinitions", namespaced: false }],
    ],
  ]);
  const objects = new Map<string, KubernetesObject>();
  const calls: string[] = [];
  /** Thrown by the next calls that change something, in turn. */
  const refusals: KubernetesStatusError[] = [];
  let version = 1;

  const strip = (path: string): string => path.replace(/\?.*$/, "");
  const api: KubernetesApi = {
    async find(path) {
      const known = kinds.get(path);
      return known === undefined ? objects.get(path) : { resources: known };
    },
    async get(path) {
      // A list without a namespace is one of all of them.
      const everywhere = (key: string): string => key.replace(/\/namespaces\/[^/]+(?=\/)/, "");
      const below = [...objects].filter(([key]) =>
        [key, everywhere(key)].some((at) => at.startsWith(`${strip(path)}/`)),
      );
      return { metadata: { resourceVersion: String(version) }, items: below.map(([, object]) => object) };
    },
    async apply(path, body) {
      calls.push(`apply ${path}`);
      const refusal = refusals.shift();
      if (refusal !== undefined) throw refusal;
      const object = body as KubernetesObject;
      const before = objects.get(strip(path));
      if (before !== undefined && Bun.deepEquals(withoutVersion(before), withoutVersion(object))) return before;
      const manager = new URLSearchParams(path.replace(/^[^?]*/, "")).get("fieldManager");
      const managedFields = [{ manager, operation: "Apply", fieldsV1: fieldsOf(object) }];
      const stored = {
        ...object,
        metadata: { ...object.metadata, managedFields, uid: `u${version}`, resourceVersion: String(++version) },
      };
      objects.set(strip(path), stored);
      return stored;
    },
    async remove(path, policy) {
      calls.push(`remove ${path} ${JSON.stringify((policy as { propagationPolicy: string }).propagationPolicy)}`);
      const object = objects.get(path);
      if ((object?.metadata.finalizers ?? []).length === 0) objects.delete(path);
    },
    patch: () => Promise.reject(new Error("nothing here patches")),
    waitForEvent: () => Promise.resolve(),
  };
  return { api, kinds, objects, calls, refusals };
}

/** All that was applied, by whole fields. */
function fieldsOf({ metadata: { labels }, ...rest }: KubernetesObject): object {
  const fields = Object.keys(rest).filter((field) => field !== "apiVersion" && field !== "kind");
  return {
    ...(labels === undefined ? {} : { "f:metadata": { "f:labels": {} } }),
    ...Object.fromEntries(fields.map((field) => [`f:${field}`, {}])),
  };
}

function withoutVersion(object: KubernetesObject): object {
  const { managedFields: _fields, resourceVersion: _version, uid: _uid, ...metadata } = object.metadata;
  return { ...object, metadata };
}

export function refusal(
  status: number,
  causes: readonly StatusCause[] = [],
  retryAfterMs?: number,
): KubernetesStatusError {
  return new KubernetesStatusError(`refused with ${status}`, { status, retryAfterMs }, causes);
}
