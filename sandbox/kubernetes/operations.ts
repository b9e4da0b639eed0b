import { isObject, type Json, type JsonObject, listAt, objectAt, stringAt, valueAt } from "#sandbox/json.ts";
import { admitCreate, admitDelete, admitUpdate, companions } from "#sandbox/kubernetes/admission.ts";
import { apiVersionOf, type Kind, type KubernetesObject, namespaces } from "#sandbox/kubernetes/kinds.ts";
import { mergePatch } from "#sandbox/kubernetes/patch.ts";
import {
  alreadyExists,
  badRequest,
  forbidden,
  invalid,
  modified,
  notFound,
  preconditionFailed,
} from "#sandbox/kubernetes/status.ts";
import { type NewObject, type ObjectStore, timestamp } from "#sandbox/kubernetes/store.ts";

/** What the operations work on. */
export interface Cluster {
  readonly store: ObjectStore;
  readonly kinds: readonly Kind[];
  /** PEM of the cluster's own authority, handed out in each namespace. */
  readonly authority: string;
}

/** `dryRun` checks and answers, and stores nothing. */
export interface WriteOptions {
  readonly dryRun?: boolean;
}

export interface DeleteOptions extends WriteOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  /** Leaves the objects that this one owns. */
  readonly orphan?: boolean;
}

/** The part of an object that one write may touch. */
export type Subresource = "status" | undefined;

export function read(cluster: Cluster, kind: Kind, namespace: string, name: string): KubernetesObject {
  const object = cluster.store.get(kind, namespace, name);
  if (object === undefined) throw notFound(kind, name);
  return object;
}

export function create(
  cluster: Cluster,
  kind: Kind,
  namespace: string,
  body: JsonObject,
  options: WriteOptions = {},
): KubernetesObject {
  const object = asNewObject(kind, namespace, body);
  const { name } = object.metadata;
  if (stringAt(body, "metadata", "resourceVersion") !== "") {
    throw badRequest("resourceVersion should not be set on objects to be created");
  }
  if (cluster.store.get(kind, namespace, name) !== undefined) throw alreadyExists(kind, name);
  const admitted = admitCreate(kind, object, cluster.store);
  if (options.dryRun === true) return preview(kind, admitted);
  const stored = cluster.store.create(kind, admitted);
  for (const [companionKind, companion] of companions(kind, stored, cluster.authority)) {
    cluster.store.create(companionKind, companion);
  }
  return stored;
}

/** Replaces an object by what `change` makes of it; the object's own metadata cannot be changed by it. */
export function change(
  cluster: Cluster,
  kind: Kind,
  namespace: string,
  name: string,
  subresource: Subresource,
  changeTo: (current: KubernetesObject) => JsonObject,
  options: WriteOptions = {},
): KubernetesObject {
  const current = read(cluster, kind, namespace, name);
  const wanted = changeTo(current);
  checkIdentity(kind, namespace, name, wanted);
  const version = stringAt(wanted, "metadata", "resourceVersion");
  if (version !== "" && version !== current.metadata.resourceVersion) throw modified(kind, name);
  const uid = stringAt(wanted, "metadata", "uid");
  if (uid !== "" && uid !== current.metadata.uid) {
    throw preconditionFailed(
      kind,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`,
    );
  }
  const next = merged(kind, current, wanted, subresource);
  checkImmutable(kind, current, next);
  admitUpdate(kind, next);
  if (options.dryRun === true) return next;
  const stored = cluster.store.update(kind, next);
  return finishDeletion(cluster, kind, stored) ?? stored;
}

/** Returns the object as it was last, or as it now waits for its finalizers. */
export function remove(
  cluster: Cluster,
  kind: Kind,
  namespace: string,
  name: string,
  options: DeleteOptions = {},
): { readonly object: KubernetesObject; readonly gone: boolean } {
  const current = read(cluster, kind, namespace, name);
  admitDelete(kind, name);
  for (const [field, wanted, found] of [
    ["UID", options.uid, current.metadata.uid],
    ["ResourceVersion", options.resourceVersion, current.metadata.resourceVersion],
  ] as const) {
    if (wanted !== undefined && wanted !== found) {
      const where = field === "UID" ? "UID in object meta" : "ResourceVersion in object meta";
      throw preconditionFailed(
        kind,
        name,
        `Precondition failed: ${field} in precondition: ${wanted}, ${where}: ${found}`,
      );
    }
  }
  if (options.dryRun === true) return { object: current, gone: true };
  const marked: KubernetesObject = {
    ...current,
    metadata: { ...current.metadata, deletionTimestamp: timestamp(), deletionGracePeriodSeconds: 0 },
    ...(kind === namespaces ? { status: { phase: "Terminating" } } : {}),
  };
  if (kind === namespaces) {
    const terminating = cluster.store.update(kind, marked);
    emptyNamespace(cluster, name);
    return { object: removeNow(cluster, kind, terminating), gone: true };
  }
  if (listAt(current, "metadata", "finalizers").length > 0) {
    const waiting = valueAt(current, "metadata", "deletionTimestamp") === undefined;
    return { object: waiting ? cluster.store.update(kind, marked) : current, gone: false };
  }
  return { object: removeNow(cluster, kind, current, options.orphan), gone: true };
}

export function applyMergePatch(current: KubernetesObject, patch: Json): JsonObject {
  const patched = mergePatch(current as JsonObject, patch);
  if (!isObject(patched)) throw badRequest("a merge patch must be an object");
  return patched;
}

/** The finalizers of a deleted object are done: it goes. */
function finishDeletion(cluster: Cluster, kind: Kind, object: KubernetesObject): KubernetesObject | undefined {
  const isDeleted = object.metadata.deletionTimestamp !== undefined;
  if (!isDeleted || listAt(object, "metadata", "finalizers").length > 0) return undefined;
  return removeNow(cluster, kind, object);
}

function removeNow(cluster: Cluster, kind: Kind, object: KubernetesObject, orphan = false): KubernetesObject {
  const removed = cluster.store.remove(kind, object);
  if (!orphan) removeOwned(cluster, object.metadata.uid);
  return removed;
}

/** Objects whose only owner is gone go as well, as Kubernetes' garbage collector does it (here at once). */
function removeOwned(cluster: Cluster, uid: string): void {
  for (const { kind, object } of cluster.store.all()) {
    const owners = listAt(object, "metadata", "ownerReferences");
    if (owners.length === 0 || !owners.every((owner) => stringAt(owner, "uid") === uid)) continue;
    if (cluster.store.get(kind, object.metadata.namespace ?? "", object.metadata.name) === undefined) continue;
    remove(cluster, kind, object.metadata.namespace ?? "", object.metadata.name);
  }
}

function emptyNamespace(cluster: Cluster, namespace: string): void {
  for (const { kind, object } of cluster.store.all()) {
    if (!kind.namespaced || object.metadata.namespace !== namespace) continue;
    if (cluster.store.get(kind, namespace, object.metadata.name) !== undefined) removeNow(cluster, kind, object);
  }
}

/** Checks a body's identity and fills in its namespace and generated name. */
function asNewObject(kind: Kind, namespace: string, body: JsonObject): NewObject {
  const metadata = objectAt(body, "metadata");
  const prefix = stringAt(metadata, "generateName");
  const name = stringAt(metadata, "name") || (prefix === "" ? "" : prefix + randomSuffix());
  if (name === "") throw invalid(kind, "", "metadata.name", "Required value: name or generateName is required");
  checkIdentity(kind, namespace, name, body);
  const {
    uid: _uid,
    resourceVersion: _resourceVersion,
    creationTimestamp: _creationTimestamp,
    generation: _generation,
    deletionTimestamp: _deletionTimestamp,
    managedFields: _managedFields,
    ...kept
  } = metadata;
  return {
    ...body,
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { ...kept, name, ...(kind.namespaced ? { namespace } : {}) },
  };
}

function checkIdentity(kind: Kind, namespace: string, name: string, body: JsonObject): void {
  const apiVersion = stringAt(body, "apiVersion");
  const bodyKind = stringAt(body, "kind");
  if ((apiVersion !== "" && apiVersion !== apiVersionOf(kind)) || (bodyKind !== "" && bodyKind !== kind.kind)) {
    throw badRequest(
      `${bodyKind} in version "${apiVersion}" cannot be handled as a ${kind.kind}: no kind "${bodyKind}" is registered ` +
        `for version "${apiVersion}" at this path`,
    );
  }
  const bodyName = stringAt(body, "metadata", "name");
  if (bodyName !== "" && bodyName !== name) {
    throw badRequest(`the name of the object (${bodyName}) does not match the name on the URL (${name})`);
  }
  const bodyNamespace = stringAt(body, "metadata", "namespace");
  if (bodyNamespace !== "" && bodyNamespace !== namespace) {
    throw badRequest(
      `the namespace of the provided object does not match the namespace sent on the request ` +
        `(${bodyNamespace} is not ${namespace})`,
    );
  }
}

/** `wanted` with the fields that only the server sets, and with only the part that this write may touch. */
function merged(kind: Kind, current: KubernetesObject, wanted: JsonObject, subresource: Subresource): KubernetesObject {
  if (subresource === "status") return { ...current, status: wanted.status };
  const { metadata: currentMetadata } = current;
  const next: KubernetesObject = {
    ...wanted,
    apiVersion: current.apiVersion,
    kind: current.kind,
    metadata: {
      ...objectAt(wanted, "metadata"),
      name: currentMetadata.name,
      ...(currentMetadata.namespace === undefined ? {} : { namespace: currentMetadata.namespace }),
      uid: currentMetadata.uid,
      resourceVersion: currentMetadata.resourceVersion,
      creationTimestamp: currentMetadata.creationTimestamp,
      ...(currentMetadata.deletionTimestamp === undefined
        ? {}
        : { deletionTimestamp: currentMetadata.deletionTimestamp }),
    },
  };
  if (kind.hasStatus) {
    if (current.status === undefined) delete next.status;
    else next.status = current.status;
  }
  const { generation } = currentMetadata;
  if (generation !== undefined) {
    next.metadata.generation = Bun.deepEquals(current.spec, next.spec) ? generation : generation + 1;
  }
  return next;
}

function checkImmutable(kind: Kind, current: KubernetesObject, next: KubernetesObject): void {
  const immutable = (field: string) => invalid(kind, current.metadata.name, field, "field is immutable");
  if (current.immutable === true && !Bun.deepEquals(current.data, next.data)) throw immutable("data");
  if (kind.group === "apps" && !Bun.deepEquals(objectAt(current, "spec").selector, objectAt(next, "spec").selector)) {
    throw immutable("spec.selector");
  }
  if (kind.resource === "storageclasses" && current.provisioner !== next.provisioner) {
    throw forbidden(kind, current.metadata.name, "updates to provisioner are forbidden.");
  }
}

function preview(kind: Kind, object: NewObject): KubernetesObject {
  const metadata = { ...object.metadata, uid: crypto.randomUUID(), creationTimestamp: timestamp() };
  return { ...object, kind: kind.kind, metadata } as unknown as KubernetesObject;
}

/** Five letters and digits, none of which can form a word. */
export function randomSuffix(): string {
  const alphabet = "bcdfghjklmnpqrstvwxz2456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(5)), (byte) => alphabet[byte % alphabet.length]).join("");
}
