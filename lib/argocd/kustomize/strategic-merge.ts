import { FleetError } from "#lib/errors.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";

/**
 * Merge keys of lists in Kubernetes' own kinds, as their schemas have them (x-kubernetes-patch-merge-key), for the lists that
 * a patch is likely to touch. A list that is in neither table is refused: kustomize may merge it or replace it.
 */
const mergeKeys: Readonly<Record<string, string>> = {
  containers: "name",
  env: "name",
  ephemeralContainers: "name",
  hostAliases: "ip",
  imagePullSecrets: "name",
  initContainers: "name",
  topologySpreadConstraints: "topologyKey",
  volumeMounts: "mountPath",
  volumes: "name",
};

/** Lists that a patch replaces. */
const replaced: ReadonlySet<string> = new Set([
  "add",
  "args",
  "command",
  "drop",
  "egress",
  "envFrom",
  "from",
  "ingress",
  "items",
  "matchExpressions",
  "policyTypes",
  "rules",
  "subjects",
  "to",
  "tolerations",
  "values",
  "volumeClaimTemplates",
]);

/** A strategic merge patch laid over an object. Pure. @throws FleetError KustomizationInvalid */
export function mergeStrategically(object: KubernetesObject, patch: object, where: string): KubernetesObject {
  const merged = mergeFields({ ...object }, { ...patch }, { where, known: isBuiltIn(object) });
  return { ...object, ...merged };
}

interface Context {
  readonly where: string;
  /** Of a kind whose lists have merge keys; lists of custom resources are replaced. */
  readonly known: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** Groups of Kubernetes itself have no dot, or end in `k8s.io`. */
function isBuiltIn({ apiVersion, kind }: KubernetesObject): boolean {
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  return (!group.includes(".") || group.endsWith(".k8s.io")) && kind !== "CustomResourceDefinition";
}

function mergeFields(base: Fields, patch: Fields, context: Context): Fields {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith("$")) throw refused(context, `the directive ${key}`);
    if (value === null) delete result[key];
    else result[key] = mergeValue(key, base[key], value, context);
  }
  return result;
}

function mergeValue(key: string, base: unknown, patch: unknown, context: Context): unknown {
  if (Array.isArray(patch)) return Array.isArray(base) ? mergeList(key, base, patch, context) : clean(patch, context);
  if (isFields(patch)) return mergeFields(isFields(base) ? base : {}, patch, context);
  return patch;
}

function mergeList(
  key: string,
  base: readonly unknown[],
  patch: readonly unknown[],
  context: Context,
): readonly unknown[] {
  if (!context.known || replaced.has(key)) return clean(patch, context);
  const mergeKey = mergeKeys[key];
  if (mergeKey === undefined) throw refused(context, `a list "${key}" over one that is there`);
  const keyOf = (element: unknown): unknown => (isFields(element) ? element[mergeKey] : undefined);
  const merged = patch.map((element) => {
    if (!isFields(element) || keyOf(element) === undefined) throw refused(context, `${key} without ${mergeKey}`);
    const own = base.find((candidate) => keyOf(candidate) === keyOf(element));
    return mergeFields(isFields(own) ? own : {}, element, context);
  });
  const taken = new Set(merged.map(keyOf));
  // kustomize puts what a patch names first.
  return [...merged, ...base.filter((element) => !taken.has(keyOf(element)))];
}

/** What is taken over whole must hold no directives either. */
function clean(patch: readonly unknown[], context: Context): readonly unknown[] {
  return patch.map((element) => (isFields(element) ? mergeFields({}, element, context) : element));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refused({ where }: Context, what: string): FleetError {
  return new FleetError("KustomizationInvalid", `${where}: ${what} is not in the part of kustomize that is known here`);
}
