import type { JsonObject } from "#sandbox/json.ts";

export interface ObjectMetadata extends JsonObject {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
  generation?: number;
}

export interface KubernetesObject extends JsonObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMetadata;
}

/** A resource type that the API server stores. */
export interface Kind {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Plural, as in URLs. */
  readonly resource: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /** Has the subresource `status`, which writes of the object itself leave alone. */
  readonly hasStatus: boolean;
  readonly categories: readonly string[];
  /** Columns that a definition asks kubectl to print; undefined for Kubernetes' own kinds. */
  readonly printed?: readonly PrintedColumn[];
}

export interface PrintedColumn {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly priority: number;
}

type KindOptions = Partial<Omit<Kind, "kind" | "singular">>;

function define(kind: string, options: KindOptions = {}): Kind {
  const singular = kind.toLowerCase();
  return {
    group: "",
    version: "v1",
    kind,
    resource: singular.endsWith("ss") ? `${singular}es` : `${singular}s`,
    singular,
    shortNames: [],
    namespaced: true,
    hasStatus: false,
    categories: [],
    ...options,
  };
}

export const namespaces = define("Namespace", { namespaced: false, hasStatus: true, shortNames: ["ns"] });
export const nodes = define("Node", { namespaced: false, hasStatus: true, shortNames: ["no"] });
export const configMaps = define("ConfigMap", { shortNames: ["cm"] });
export const secrets = define("Secret");
export const serviceAccounts = define("ServiceAccount", { shortNames: ["sa"] });
export const pods = define("Pod", { hasStatus: true, shortNames: ["po"], categories: ["all"] });
export const services = define("Service", { hasStatus: true, shortNames: ["svc"], categories: ["all"] });
const workload = { group: "apps", hasStatus: true, categories: ["all"] } as const;
export const deployments = define("Deployment", { ...workload, shortNames: ["deploy"] });
export const daemonSets = define("DaemonSet", { ...workload, shortNames: ["ds"] });
export const statefulSets = define("StatefulSet", { ...workload, shortNames: ["sts"] });
export const storageClasses = define("StorageClass", {
  group: "storage.k8s.io",
  namespaced: false,
  shortNames: ["sc"],
});

const rbac = { group: "rbac.authorization.k8s.io" } as const;
export const roles = define("Role", rbac);
export const roleBindings = define("RoleBinding", rbac);
export const clusterRoles = define("ClusterRole", { ...rbac, namespaced: false });
export const clusterRoleBindings = define("ClusterRoleBinding", { ...rbac, namespaced: false });
const networking = { group: "networking.k8s.io" } as const;
export const networkPolicies = define("NetworkPolicy", {
  ...networking,
  resource: "networkpolicies",
  shortNames: ["netpol"],
});
export const ingresses = define("Ingress", { ...networking, hasStatus: true, shortNames: ["ing"] });
export const ingressClasses = define("IngressClass", { ...networking, namespaced: false });
export const podDisruptionBudgets = define("PodDisruptionBudget", {
  group: "policy",
  hasStatus: true,
  shortNames: ["pdb"],
});
export const customResourceDefinitions = define("CustomResourceDefinition", {
  group: "apiextensions.k8s.io",
  namespaced: false,
  hasStatus: true,
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
});

export const builtinKinds: readonly Kind[] = [
  namespaces,
  nodes,
  configMaps,
  secrets,
  serviceAccounts,
  pods,
  services,
  deployments,
  daemonSets,
  statefulSets,
  storageClasses,
  roles,
  roleBindings,
  clusterRoles,
  clusterRoleBindings,
  networkPolicies,
  ingresses,
  ingressClasses,
  podDisruptionBudgets,
  customResourceDefinitions,
];

export function apiVersionOf(kind: Pick<Kind, "group" | "version">): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}

/** Under which the objects of a kind are stored, whatever version they are asked for in. */
export function kindKey(kind: Pick<Kind, "group" | "resource">): string {
  return `${kind.group}/${kind.resource}`;
}

/** As in messages: `configmaps`, `deployments.apps`. */
export function qualifiedName(kind: Kind): string {
  return kind.group === "" ? kind.resource : `${kind.resource}.${kind.group}`;
}
