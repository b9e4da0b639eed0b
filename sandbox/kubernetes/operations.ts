import { isObject, type Json, type JsonObject, listAt, objectAt, stringAt, valueAt } from "#sandbox/json.ts";
import { admitCreate, admitDelete, admitUpdate, companions } from "#sandbox/kubernetes/admission.ts";
import type { KindRegistry } from "#sandbox/kubernetes/custom-kinds.ts";
import { applyFields, updateFields, type Write } from "#sandbox/kubernetes/fields/managers.ts";
import { checkTypes, prune, TypeFault, withoutEmptyMaps } from "#sandbox/kubernetes/fields/typed.ts";
import { apiVersionOf, type Kind, type KubernetesObject, namespaces } from "#sandbox/kubernetes/kinds.ts";
import { mergePatch } from "#sandbox/kubernetes/patch.ts";
import { checkCustomObject, withDefaults } from "#sandbox/kubernetes/schema/custom-object.ts";
import {
  alreadyExists,
  applyConflict,
  badRequest,
  forbidden,
  invalid,
  modified,
  notFound,
  preconditionFailed,
  StatusError,
} from "#sandbox/kubernetes/status.ts";
import { type NewObject, type ObjectStore, timestamp } from "#sandbox/kubernetes/store.ts";

/** What the operations work on. */
export interface Cluster {
  readonly store: ObjectStore;
  readonly kinds: KindRegistry;
  /** PEM of the cluster's own authority, handed out in each namespace. */
  readonly authority: string;
}

export interface WriteOptions {
  /** Check and answer, and store nothing. */
  readonly dryRun?: boolean;
  /** Who owns the fields that are written. Undefined for what the cluster itself writes: no account is kept of that. */
  readonly manager?: string;
  /** What becomes of fields that the kind doesn't have: Strict refuses them, otherwise they are left out. */
  readonly fieldValidation?: "Ignore" | "Warn" | "Strict";
}

export interface ApplyOptions extends WriteOptions {
  readonly manager: string;
  /** Take fields from those who own them. */
  readonly force: boolean;
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
  const object = asNewObject(kind, namespace, decode(cluster, kind, body, options));
  const { name } = object.metadata;
  if (stringAt(body, "metadata", "resourceVersion") !== "") {
    throw badRequest("resourceVersion should not be set on objects to be created");
  }
  if (cluster.store.get(kind, namespace, name) !== undefined) throw alreadyExists(kind, name);
  const write = writeOf(cluster, kind, undefined, options);
  const owned = write === undefined ? object : (updateFields(undefined, object as JsonObject, write) as NewObject);
  return store(cluster, kind, owned, options);
}

/** Checks a new object once more, as what it is now, and stores it. */
function store(cluster: Cluster, kind: Kind, object: NewObject, options: WriteOptions): KubernetesObject {
  const admitted = complete(cluster, kind, admitCreate(kind, object, cluster.store));
  if (options.dryRun === true) return preview(kind, admitted);
  const stored = cluster.store.create(kind, admitted);
  for (const [companionKind, companion] of companions(kind, stored, cluster.authority)) {
    cluster.store.create(companionKind, companion);
  }
  return stored;
}

/** Server-side apply: makes the object, or puts what is applied over it. */
export function apply(
  cluster: Cluster,
  kind: Kind,
  namespace: string,
  name: string,
  subresource: Subresource,
  body: JsonObject,
  options: ApplyOptions,
): { readonly object: KubernetesObject; readonly made: boolean } {
  const live = cluster.store.get(kind, namespace, name);
  checkApplied(kind, namespace, name, body);
  if (valueAt(body, "metadata", "managedFields") !== undefined) throw badRequest("metadata.managedFields must be nil");
  if (live === undefined && subresource !== undefined) throw notFound(kind, name);
  const version = stringAt(body, "metadata", "resourceVersion");
  if (live !== undefined && version !== "" && version !== live.metadata.resourceVersion) throw modified(kind, name);
  const schema = cluster.kinds.schemaOf(kind);
  try {
    checkTypes(body, schema);
  } catch (error) {
    if (!(error instanceof TypeFault)) throw error;
    const what = `${stringAt(body, "metadata", "namespace")}/${stringAt(body, "metadata", "name")}`;
    const gvk = `${apiVersionOf(kind)}, Kind=${kind.kind}`;
    throw new StatusError(500, "", `failed to create typed patch object (${what}; ${gvk}): ${error.message}`);
  }
  const write = { ...writeFor(cluster, kind, subresource, options.manager), force: options.force };
  const result = applyFields(live, touched(kind, body, subresource), write);
  if ("conflicts" in result) throw applyConflict(result.conflicts);
  if (live === undefined) {
    const { uid: _uid, resourceVersion: _version, ...metadata } = objectAt(result.object, "metadata");
    const placed = { ...metadata, name, ...(kind.namespaced ? { namespace } : {}) };
    const made = { ...result.object, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: placed } as NewObject;
    return { object: store(cluster, kind, made, options), made: true };
  }
  if (result.object === live) return { object: live, made: false };
  return { object: replace(cluster, kind, live, result.object, subresource, options), made: false };
}

/** The part of what is applied that this write may touch. */
function touched(kind: Kind, body: JsonObject, subresource: Subresource): JsonObject {
  if (subresource === "status") return { metadata: { name: stringAt(body, "metadata", "name") }, status: body.status };
  if (!kind.hasStatus) return body;
  const { status: _status, ...rest } = body;
  return rest;
}

function checkApplied(kind: Kind, namespace: string, name: string, body: JsonObject): void {
  const [apiVersion, bodyKind] = [stringAt(body, "apiVersion"), stringAt(body, "kind")];
  if (apiVersion !== apiVersionOf(kind) || bodyKind !== kind.kind) {
    const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
    throw badRequest(`invalid object type: ${group}/${version}, Kind=${bodyKind}`);
  }
  checkIdentity(kind, namespace, name, body);
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
  const wanted = decode(cluster, kind, changeTo(current), options);
  checkIdentity(kind, namespace, name, wanted);
  const version = stringAt(wanted, "metadata", "resourceVersion");
  if (version !== "" && version !== current.metadata.resourceVersion) throw modified(kind, name);
  const uid = stringAt(wanted, "metadata", "uid");
  if (uid !== "") checkPrecondition(kind, current, "UID", uid);
  return replace(cluster, kind, current, wanted, subresource, options);
}

function replace(
  cluster: Cluster,
  kind: Kind,
  current: KubernetesObject,
  wanted: JsonObject,
  subresource: Subresource,
  options: WriteOptions & { readonly force?: boolean },
): KubernetesObject {
  const next = merged(kind, current, wanted, subresource);
  checkImmutable(kind, current, next);
  admitUpdate(kind, next);
  const admitted = complete(cluster, kind, next);
  const write = writeOf(cluster, kind, subresource, options);
  // What was applied has its owners already.
  const owned =
    write === undefined || options.force !== undefined
      ? admitted
      : (updateFields(current, admitted, write) as KubernetesObject);
  if (options.dryRun === true) return owned;
  const stored = cluster.store.update(kind, owned);
  return finishDeletion(cluster, kind, stored) ?? stored;
}

function writeOf(cluster: Cluster, kind: Kind, subresource: Subresource, { manager }: WriteOptions): Write | undefined {
  return manager === undefined ? undefined : writeFor(cluster, kind, subresource, manager);
}

function writeFor(cluster: Cluster, kind: Kind, subresource: Subresource, manager: string): Write {
  return {
    manager,
    subresource: subresource ?? "",
    apiVersion: apiVersionOf(kind),
    schema: cluster.kinds.schemaOf(kind),
    now: timestamp(),
  };
}

/** A body without what its kind doesn't have. What the cluster itself writes is as it should be. */
function decode(cluster: Cluster, kind: Kind, body: JsonObject, options: WriteOptions): JsonObject {
  if (options.manager === undefined) return body;
  const schema = cluster.kinds.schemaOf(kind);
  const { value, unknown } = prune(body, schema);
  const refuse = (why: string) =>
    badRequest(`${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${why}`);
  if (unknown.length > 0 && options.fieldValidation === "Strict") {
    const fields = unknown.map((field) => `unknown field "${field}"`).join(", ");
    throw refuse(`strict decoding error: ${fields}`);
  }
  try {
    checkTypes(value, schema);
  } catch (error) {
    if (error instanceof TypeFault) throw refuse(error.message.replace(/^\./, ""));
    throw error;
  }
  return isObject(value) ? value : body;
}

/** What is stored of an object. Custom resources are held to the schema of their definition, and filled in by it. */
function complete<Stored extends NewObject>(cluster: Cluster, kind: Kind, object: Stored): Stored {
  const schema = cluster.kinds.schemaOf(kind);
  const openApi = cluster.kinds.openApiOf(kind);
  if (openApi === undefined) return withoutEmptyMaps(object as unknown as Json, schema) as unknown as Stored;
  const filled = withDefaults(object as unknown as Json, openApi);
  const fault = checkCustomObject(filled, openApi);
  if (fault !== undefined) throw invalid(kind, object.metadata.name, ...fault);
  const metadata = withoutEmptyMaps({ metadata: objectAt(filled, "metadata") }, schema);
  return { ...objectAt(filled), ...objectAt(metadata) } as unknown as Stored;
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
  if (options.uid !== undefined) checkPrecondition(kind, current, "UID", options.uid);
  if (options.resourceVersion !== undefined)
    checkPrecondition(kind, current, "ResourceVersion", options.resourceVersion);
  if (options.dryRun === true) return { object: current, gone: true };
  const marked: KubernetesObject = {
    ...current,
    metadata: { ...current.metadata, deletionTimestamp: timestamp(), deletionGracePeriodSeconds: 0 },
    ...(kind === namespaces ? { status: { ...objectAt(current, "status"), phase: "Terminating" } } : {}),
  };
  if (finalizersOf(kind, current).length > 0) {
    const waiting = valueAt(current, "metadata", "deletionTimestamp") === undefined;
    return { object: waiting ? cluster.store.update(kind, marked) : current, gone: false };
  }
  return { object: removeNow(cluster, kind, current, options.orphan), gone: true };
}

function checkPrecondition(
  kind: Kind,
  { metadata }: KubernetesObject,
  field: "UID" | "ResourceVersion",
  wanted: string,
): void {
  const found = field === "UID" ? metadata.uid : metadata.resourceVersion;
  if (wanted === found) return;
  const why = `Precondition failed: ${field} in precondition: ${wanted}, ${field} in object meta: ${found}`;
  throw preconditionFailed(kind, metadata.name, why);
}

export function applyMergePatch(current: KubernetesObject, patch: Json): JsonObject {
  const patched = mergePatch(current as JsonObject, patch);
  if (!isObject(patched)) throw badRequest("a merge patch must be an object");
  return patched;
}

/** The finalizers of a deleted object are done: it goes. */
function finishDeletion(cluster: Cluster, kind: Kind, object: KubernetesObject): KubernetesObject | undefined {
  const isDeleted = object.metadata.deletionTimestamp !== undefined;
  if (!isDeleted || finalizersOf(kind, object).length > 0) return undefined;
  return removeNow(cluster, kind, object);
}

/** A namespace has its own in another place. */
function finalizersOf(kind: Kind, object: KubernetesObject): readonly unknown[] {
  const own = kind === namespaces ? listAt(object, "spec", "finalizers") : [];
  return [...listAt(object, "metadata", "finalizers"), ...own];
}

/** What holds an object back is done; it goes when it was the last such thing and somebody deleted it. */
export function removeFinalizer(cluster: Cluster, kind: Kind, object: KubernetesObject, finalizer: string): void {
  const without = (list: readonly unknown[]) => list.filter((one) => one !== finalizer) as string[];
  const finalizers = without(listAt(object, "metadata", "finalizers"));
  const { finalizers: _before, ...metadata } = object.metadata;
  const next: KubernetesObject = {
    ...object,
    metadata: finalizers.length === 0 ? metadata : { ...metadata, finalizers },
    ...(kind === namespaces
      ? { spec: { ...objectAt(object, "spec"), finalizers: without(listAt(object, "spec", "finalizers")) } }
      : {}),
  };
  const stored = cluster.store.update(kind, next);
  finishDeletion(cluster, kind, stored);
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
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
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
