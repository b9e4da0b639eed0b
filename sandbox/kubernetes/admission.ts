import { isObject, type JsonObject, objectAt, stringAt } from "#sandbox/json.ts";
import { checkDefinition } from "#sandbox/kubernetes/custom-kinds.ts";
import {
  configMaps,
  customResourceDefinitions,
  daemonSets,
  deployments,
  type Kind,
  type KubernetesObject,
  namespaces,
  nodes,
  pods,
  secrets,
  serviceAccounts,
  services,
  statefulSets,
  storageClasses,
} from "#sandbox/kubernetes/kinds.ts";
import { forbidden, invalid, notFound } from "#sandbox/kubernetes/status.ts";
import type { NewObject, ObjectStore } from "#sandbox/kubernetes/store.ts";

/** What one kind adds to the generic rules. */
interface Rules {
  /** Fills in what the real server fills in; returns the object to store. */
  readonly prepare?: (object: NewObject) => NewObject;
  /** The first fault, as field and problem. */
  readonly check?: (object: NewObject) => readonly [field: string, problem: string] | undefined;
}

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Holds a definition back until all of its objects are gone. */
export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

/** Namespaces that every cluster has and that refuse to be deleted. */
export const permanentNamespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];

const workload: Rules = {
  prepare: (object) => withSpec(object, { replicas: objectAt(object, "spec").replicas ?? 1 }),
  check: (object) => {
    const labels = objectAt(object, "spec", "template", "metadata", "labels");
    const wanted = Object.entries(objectAt(object, "spec", "selector", "matchLabels"));
    if (wanted.length === 0) return ["spec.selector", "Required value"];
    return wanted.every(([key, value]) => labels[key] === value)
      ? undefined
      : ["spec.template.metadata.labels", "Invalid value: `selector` does not match template `labels`"];
  },
};

const rules: ReadonlyMap<Kind, Rules> = new Map<Kind, Rules>([
  [
    namespaces,
    {
      prepare: (object) => ({
        ...object,
        metadata: {
          ...object.metadata,
          labels: {
            ...objectAt(object, "metadata", "labels"),
            "kubernetes.io/metadata.name": object.metadata.name,
          },
        },
        spec: { finalizers: ["kubernetes"] },
        status: { phase: "Active" },
      }),
    },
  ],
  [nodes, { prepare: (object) => ({ spec: {}, status: {}, ...object }) }],
  [configMaps, {}],
  [secrets, { prepare: prepareSecret }],
  [serviceAccounts, {}],
  [
    pods,
    {
      prepare: (object) => ({ ...object, status: { phase: "Pending", ...objectAt(object, "status") } }),
      check: (object) => {
        const containers = objectAt(object, "spec").containers;
        return Array.isArray(containers) && containers.length > 0 ? undefined : ["spec.containers", "Required value"];
      },
    },
  ],
  [services, { prepare: (object) => withSpec(object, { type: "ClusterIP", ...objectAt(object, "spec") }) }],
  [deployments, workload],
  [statefulSets, workload],
  [daemonSets, { ...workload, prepare: (object) => object }],
  [
    customResourceDefinitions,
    {
      prepare: (object) => ({
        ...object,
        metadata: {
          ...object.metadata,
          // Its objects go first.
          finalizers: [cleanupFinalizer],
        },
      }),
      check: checkDefinition,
    },
  ],
  [
    storageClasses,
    {
      prepare: (object) => ({ reclaimPolicy: "Delete", volumeBindingMode: "Immediate", ...object }),
      check: (object) => (stringAt(object, "provisioner") === "" ? ["provisioner", "Required value"] : undefined),
    },
  ],
]);

/** What is stored when a client asks to create `object`; throws what the real server would answer. */
export function admitCreate(kind: Kind, object: NewObject, store: ObjectStore): NewObject {
  const { name, namespace } = object.metadata;
  const pattern = kind === namespaces || kind === services ? DNS_LABEL : DNS_SUBDOMAIN;
  // Names of roles are path segments: `system:node` is one.
  const isValid = kind.group === "rbac.authorization.k8s.io" ? !/[/%]|^\.{0,2}$/.test(name) : pattern.test(name);
  if (!isValid || name.length > 253) {
    throw invalid(
      kind,
      name,
      "metadata.name",
      `Invalid value: "${name}": a lowercase RFC 1123 ${pattern === DNS_LABEL ? "label" : "subdomain"} must consist of ` +
        "lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    );
  }
  if (kind.namespaced) requireNamespace(kind, name, namespace ?? "default", store);
  const prepared = rules.get(kind)?.prepare?.(object) ?? object;
  check(kind, prepared);
  return prepared;
}

export function admitUpdate(kind: Kind, object: KubernetesObject): void {
  check(kind, object);
}

export function admitDelete(kind: Kind, name: string): void {
  if (kind === namespaces && permanentNamespaces.includes(name)) {
    throw forbidden(kind, name, "this namespace may not be deleted");
  }
}

/** What comes with a new object, e.g. the default service account of a namespace. */
export function companions(kind: Kind, object: KubernetesObject, authority: string): readonly [Kind, NewObject][] {
  if (kind !== namespaces) return [];
  const namespace = object.metadata.name;
  return [
    [serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace } }],
    [
      configMaps,
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "kube-root-ca.crt", namespace },
        data: { "ca.crt": authority },
      },
    ],
  ];
}

function check(kind: Kind, object: NewObject): void {
  const fault = rules.get(kind)?.check?.(object);
  if (fault !== undefined) throw invalid(kind, object.metadata.name, ...fault);
}

function requireNamespace(kind: Kind, name: string, namespace: string, store: ObjectStore): void {
  const found = store.get(namespaces, "", namespace);
  if (found === undefined) throw notFound(namespaces, namespace);
  if (stringAt(found, "status", "phase") === "Terminating") {
    throw forbidden(
      kind,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
  }
}

/** `stringData` is write-only: it is stored as base64 in `data`. */
function prepareSecret(object: NewObject): NewObject {
  const { stringData, ...rest } = object;
  const encoded: JsonObject = {};
  if (isObject(stringData)) {
    for (const [key, value] of Object.entries(stringData)) {
      encoded[key] = Buffer.from(String(value)).toString("base64");
    }
  }
  const data = { ...objectAt(object, "data"), ...encoded };
  return { type: "Opaque", ...rest, ...(Object.keys(data).length === 0 ? {} : { data }) } as NewObject;
}

function withSpec(object: NewObject, defaults: JsonObject): NewObject {
  return { ...object, spec: { ...defaults, ...objectAt(object, "spec") } };
}
