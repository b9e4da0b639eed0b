import { type Health, healthOf } from "#sandbox/argocd/health.ts";
import { permitsKind } from "#sandbox/argocd/project.ts";
import { Failed, Refused } from "#sandbox/argocd/verdict.ts";
import { type JsonObject, listAt, stringAt } from "#sandbox/json.ts";
import { apiVersionOf, type Kind, type KubernetesObject } from "#sandbox/kubernetes/kinds.ts";
import { apply, type Cluster, remove } from "#sandbox/kubernetes/operations.ts";
import { StatusError } from "#sandbox/kubernetes/status.ts";

/** Namespace of Argo CD and of all that it is told by. */
export const argocdNamespace = "argocd";
const trackingAnnotation = "argocd.argoproj.io/tracking-id";
const waveAnnotation = "argocd.argoproj.io/sync-wave";
const optionsAnnotation = "argocd.argoproj.io/sync-options";
const manager = "argocd-controller";

/** One object that an Application wants, has, or no longer wants. */
export interface Tracked {
  /** Undefined while the cluster serves no such kind. */
  readonly kind: Kind | undefined;
  readonly gvk: { readonly group: string; readonly version: string; readonly kind: string };
  readonly name: string;
  /** Empty for what lives in no namespace. */
  readonly namespace: string;
  /** Undefined for what is to go. */
  readonly target: JsonObject | undefined;
  readonly live: KubernetesObject | undefined;
  readonly synced: boolean;
  readonly wave: number;
}

interface Options {
  readonly application: string;
  readonly namespace: string;
  readonly project: unknown;
}

/** What an Application's objects are, compared with what the cluster has. @throws Failed, Refused */
export function compareObjects(
  cluster: Cluster,
  objects: readonly { readonly [key: string]: unknown }[],
  options: Options,
): readonly Tracked[] {
  const wanted = objects.map((object) => compareOne(cluster, object as JsonObject, options));
  const identities = new Set(wanted.map(identityOf));
  const left = findTracked(cluster, options.application)
    .filter((one) => !identities.has(identityOf(one)))
    .map((one) => ({ ...one, target: undefined, synced: prunes(one.live) === false }));
  return [...wanted, ...left];
}

/** Everything in the cluster that an Application has made. */
export function findTracked(cluster: Cluster, application: string): readonly Tracked[] {
  return cluster.store.all().flatMap(({ kind, object }): readonly Tracked[] => {
    const { name, namespace = "" } = object.metadata;
    const gvk = { group: kind.group, version: kind.version, kind: kind.kind };
    const id = stringAt(object, "metadata", "annotations", trackingAnnotation);
    // A copy of an object has the mark of the one that it was copied from.
    if (id !== trackingId(application, gvk, namespace, name)) return [];
    return [{ kind, gvk, name, namespace, target: undefined, live: object, synced: false, wave: 0 }];
  });
}

function trackingId(application: string, { group, kind }: Tracked["gvk"], namespace: string, name: string): string {
  return `${application}:${group}/${kind}:${namespace}/${name}`;
}

function compareOne(cluster: Cluster, object: JsonObject, options: Options): Tracked {
  const apiVersion = stringAt(object, "apiVersion");
  const [group = "", version = ""] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const gvk = { group, version, kind: stringAt(object, "kind") };
  const kind = cluster.kinds.all.find((one) => one.group === group && one.version === version && one.kind === gvk.kind);
  const name = stringAt(object, "metadata", "name");
  refuseUnknown(object, `${gvk.kind} ${name}`);
  const wave = Number(stringAt(object, "metadata", "annotations", waveAnnotation) || 0);
  const namespace = kind?.namespaced === false ? "" : stringAt(object, "metadata", "namespace") || options.namespace;
  if (kind === undefined) return { kind, gvk, name, namespace, target: object, live: undefined, synced: false, wave };
  if (!permitsKind(options.project, kind)) {
    const project = stringAt(options.project, "metadata", "name");
    throw new Failed(`resource ${gvk.group}:${gvk.kind} is not permitted in project ${project}`);
  }
  const { namespace: _namespace, ...metadata } = object.metadata as JsonObject;
  const annotations = {
    ...(metadata.annotations as JsonObject | undefined),
    [trackingAnnotation]: trackingId(options.application, gvk, namespace, name),
  };
  const target: JsonObject = {
    ...object,
    metadata: { ...metadata, annotations, ...(namespace === "" ? {} : { namespace }) },
  };
  const live = cluster.store.get(kind, namespace, name);
  return {
    kind,
    gvk,
    name,
    namespace,
    target,
    live,
    synced: live !== undefined && isApplied(cluster, kind, live, target),
    wave,
  };
}

/** What isn't there yet is never tried here without being made, so that the last one changes nothing. */
const knownOptions: ReadonlySet<string> = new Set([
  "",
  "Prune=false",
  "ServerSideApply=true",
  "SkipDryRunOnMissingResource=true",
]);

/** What would make Argo CD do something that isn't emulated. */
function refuseUnknown(object: JsonObject, what: string): void {
  for (const annotation of ["argocd.argoproj.io/hook", "helm.sh/hook"]) {
    if (stringAt(object, "metadata", "annotations", annotation) !== "") {
      throw new Refused(`${what}: the sandbox knows no hooks (${annotation})`);
    }
  }
  const options = stringAt(object, "metadata", "annotations", optionsAnnotation).split(",");
  const unknown = options.find((option) => !knownOptions.has(option.trim()));
  if (unknown !== undefined) throw new Refused(`${what}: the sandbox doesn't know the sync option ${unknown}`);
}

/** Whether applying would change nothing but the owners of fields. */
function isApplied(cluster: Cluster, kind: Kind, live: KubernetesObject, target: JsonObject): boolean {
  try {
    const options = { manager, force: true, dryRun: true };
    const { object } = apply(
      cluster,
      kind,
      live.metadata.namespace ?? "",
      live.metadata.name,
      undefined,
      target,
      options,
    );
    return Bun.deepEquals(withoutOwners(object), withoutOwners(live));
  } catch (error) {
    // The sync will say why it can't be applied.
    if (error instanceof StatusError) return false;
    throw error;
  }
}

function withoutOwners({ metadata, status: _status, ...rest }: KubernetesObject): object {
  const { managedFields: _owners, resourceVersion: _version, generation: _generation, ...kept } = metadata;
  return { ...rest, metadata: kept };
}

/** Undefined for an object that isn't there. */
function prunes(live: KubernetesObject | undefined): boolean | undefined {
  if (live === undefined) return undefined;
  return !stringAt(live, "metadata", "annotations", optionsAnnotation).split(",").includes("Prune=false");
}

/** Kinds that others need come first, those that need others last. */
const kindOrder = [
  "Namespace",
  "NetworkPolicy",
  "PodDisruptionBudget",
  "ServiceAccount",
  "Secret",
  "ConfigMap",
  "StorageClass",
  "CustomResourceDefinition",
  "ClusterRole",
  "ClusterRoleBinding",
  "Role",
  "RoleBinding",
  "Service",
  "DaemonSet",
  "Pod",
  "Deployment",
  "StatefulSet",
  "IngressClass",
  "Ingress",
];

/** Applies what isn't as wanted, wave by wave, then takes out what is no longer wanted. @returns what could not be done */
export function syncObjects(cluster: Cluster, tracked: readonly Tracked[], prune: boolean): readonly string[] {
  const failures: string[] = [];
  const place = ({ gvk: { kind } }: Tracked) => (kindOrder.includes(kind) ? kindOrder.indexOf(kind) : kindOrder.length);
  const ordered = tracked.toSorted((a, b) => a.wave - b.wave || place(a) - place(b) || a.name.localeCompare(b.name));
  for (const one of ordered) {
    if (one.synced || one.target === undefined) continue;
    if (one.kind === undefined) {
      failures.push(`the server could not find the requested resource (${one.gvk.kind} ${one.name})`);
      continue;
    }
    try {
      apply(cluster, one.kind, one.namespace, one.name, undefined, one.target, { manager, force: true });
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      failures.push(error.message);
    }
  }
  if (!prune || failures.length > 0) return failures;
  for (const { kind, target, live, namespace, name } of ordered.toReversed()) {
    const wanted = target !== undefined || live === undefined || kind === undefined;
    if (wanted || prunes(live) !== true || live.metadata.deletionTimestamp !== undefined) continue;
    // It may have gone meanwhile, with its namespace.
    if (cluster.store.get(kind, namespace, name) !== undefined) remove(cluster, kind, namespace, name);
  }
  return failures;
}

export function identityOf({ gvk, namespace, name }: Tracked): string {
  return `${gvk.group}/${gvk.kind} ${namespace}/${name}`;
}

export function healthOfTracked({ live, target }: Tracked): Health | undefined {
  if (live === undefined) return { status: "Missing" };
  return target === undefined ? undefined : healthOf(live);
}

/** As `status.resources` of an Application has it. */
export function describeTracked(one: Tracked): JsonObject {
  const { gvk, name, namespace, wave } = one;
  const health = healthOfTracked(one);
  return {
    ...(gvk.group === "" ? {} : { group: gvk.group }),
    version: gvk.version,
    kind: gvk.kind,
    ...(namespace === "" ? {} : { namespace }),
    name,
    status: one.synced ? "Synced" : "OutOfSync",
    ...(health === undefined ? {} : { health: { ...health } }),
    ...(one.target === undefined ? { requiresPruning: true } : {}),
    ...(wave === 0 ? {} : { syncWave: wave }),
  };
}

/** `argoproj.io/v1alpha1/Application`, as definitions of kinds are found by. */
export function findKind(cluster: Cluster, kind: string): Kind | undefined {
  return cluster.kinds.all.find((one) => one.kind === kind && apiVersionOf(one) === "argoproj.io/v1alpha1");
}

export function finalizersOf(object: KubernetesObject): readonly string[] {
  return listAt(object, "metadata", "finalizers").map(String);
}
