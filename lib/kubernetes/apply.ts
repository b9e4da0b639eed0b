import type { Clock } from "#lib/clock.ts";
import { FleetError } from "#lib/errors.ts";
import { type KubernetesApi, KubernetesStatusError } from "#lib/kubernetes/api.ts";
import { isNamespaced, objectPath } from "#lib/kubernetes/discovery.ts";
import { formatReference, type KubernetesObject, type ObjectReference, referenceOf } from "#lib/kubernetes/object.ts";
import { findObject } from "#lib/kubernetes/objects.ts";
import { ownedFields } from "#lib/kubernetes/owned-fields.ts";
import { retrying } from "#lib/kubernetes/retry.ts";
import { waitFor } from "#lib/kubernetes/wait.ts";

export interface ApplyOptions {
  /** Field manager. */
  readonly manager: string;
  /** Take over fields of other managers instead of failing. @default false */
  readonly force?: boolean;
  /** Validate and answer without storing. @default false */
  readonly dryRun?: boolean;
  /** For namespaced objects without a namespace. @default "default" */
  readonly namespace?: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress?: (message: string) => void;
}

export interface Applied {
  readonly reference: ObjectReference;
  readonly outcome: "made" | "changed" | "unchanged";
  /** The object as stored. */
  readonly object: KubernetesObject;
}

/** An API server on a laptop handles about this many writes at once without queueing. */
const parallel = 8;
const establishedTimeoutMs = 60_000;
/** The server takes seconds to validate a large definition. */
const callTimeoutMs = 30_000;
const crd = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" } as const;

/**
 * Server-side apply of objects: first namespaces, then custom resource definitions, which are awaited, then the rest, several
 * at once. The result has the order of the objects.
 *
 * @throws FleetError ApplyConflict when another manager owns a field; KubernetesError, KindUnknown
 */
export async function applyObjects(
  api: KubernetesApi,
  objects: readonly KubernetesObject[],
  options: ApplyOptions,
): Promise<readonly Applied[]> {
  const results = new Map<KubernetesObject, Applied>();
  const stages: readonly ((object: KubernetesObject) => boolean)[] = [
    ({ kind }) => kind === "Namespace",
    ({ kind }) => kind === crd.kind,
    ({ kind }) => kind !== "Namespace" && kind !== crd.kind,
  ];
  for (const isOfStage of stages) {
    const stage = objects.filter(isOfStage);
    await forEachAtOnce(stage, async (object) => {
      results.set(object, await applyOne(api, object, options));
      options.progress?.(`applied ${results.size} of ${objects.length} objects`);
    });
    const definitions = stage.filter(({ kind }) => kind === crd.kind);
    if (definitions.length > 0 && options.dryRun !== true) await waitEstablished(api, definitions, options);
  }
  return objects.flatMap((object) => results.get(object) ?? []);
}

/** Stops at the first failure; running requests are awaited. */
async function forEachAtOnce<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const queue = [...items];
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined && failures.length === 0; item = queue.shift()) {
      try {
        await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  if (failures.length > 0) throw failures[0];
}

async function applyOne(api: KubernetesApi, object: KubernetesObject, options: ApplyOptions): Promise<Applied> {
  const { clock, signal } = options;
  signal.throwIfAborted();
  const placed = await retrying(clock, signal, () => place(api, object, options));
  const reference = referenceOf(placed);
  try {
    return await retrying(clock, signal, async () => {
      const before = await findObject(api, reference, { signal });
      const path = await objectPath(api, reference);
      if (path === undefined) throw unknownKind(reference);
      const query = new URLSearchParams({
        fieldManager: options.manager,
        force: String(options.force === true),
        ...(options.dryRun === true ? { dryRun: "All" } : {}),
      });
      const after = (await api.apply(`${path}?${query}`, placed, {
        signal,
        timeoutMs: callTimeoutMs,
      })) as KubernetesObject;
      if (before === undefined) return { reference, outcome: "made", object: after };
      const [was, is] = [before, after].map((one) => ownedFields(one, options.manager));
      return { reference, outcome: Bun.deepEquals(was, is) ? "unchanged" : "changed", object: after };
    });
  } catch (error) {
    throw explain(error, reference);
  }
}

/** Adds the default namespace to a namespaced object, and removes it from a cluster-scoped one. */
async function place(api: KubernetesApi, object: KubernetesObject, options: ApplyOptions): Promise<KubernetesObject> {
  const namespaced = await isNamespaced(api, object.apiVersion, object.kind);
  if (namespaced === undefined) throw unknownKind(referenceOf(object));
  const { namespace: named, ...metadata } = object.metadata;
  if (!namespaced) return { ...object, metadata: { ...metadata, name: object.metadata.name } };
  const namespace = named ?? options.namespace ?? "default";
  return { ...object, metadata: { ...metadata, name: object.metadata.name, namespace } };
}

function unknownKind(reference: ObjectReference): FleetError {
  const message = `${formatReference(reference)}: the server has no ${reference.kind} in ${reference.apiVersion}`;
  return new FleetError("KindUnknown", message, { hint: "apply the CustomResourceDefinition of the kind first" });
}

function explain(error: unknown, reference: ObjectReference): unknown {
  if (!(error instanceof KubernetesStatusError)) return error;
  const name = formatReference(reference);
  const conflicts = error.causes.filter(({ reason }) => reason === "FieldManagerConflict");
  if (conflicts.length === 0) {
    return new FleetError("KubernetesError", `${name}: ${error.message}`, { cause: error });
  }
  return new FleetError(
    "ApplyConflict",
    `${name}: other field managers own ${conflicts.length} of the applied fields`,
    {
      hint: "remove those fields from the manifest, or let their manager release them",
      details: conflicts.map(({ field, message }) => `${field}: ${message}`),
      cause: error,
    },
  );
}

async function waitEstablished(
  api: KubernetesApi,
  definitions: readonly KubernetesObject[],
  { clock, signal, progress = () => undefined }: ApplyOptions,
): Promise<void> {
  const names = new Set(definitions.map(({ metadata }) => metadata.name));
  await waitFor(api, {
    what: "definitions of kinds",
    collection: crd,
    pending(objects) {
      const waiting = objects.filter((object) => names.has(object.metadata.name) && !isEstablished(object));
      return waiting.length === 0 ? undefined : waiting.map(({ metadata }) => metadata.name).join(", ");
    },
    timeoutMs: establishedTimeoutMs,
    clock,
    signal,
    progress,
  });
}

function isEstablished(object: KubernetesObject): boolean {
  const status = object.status as
    | { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
    | undefined;
  return status?.conditions?.some(({ type, status: is }) => type === "Established" && is === "True") === true;
}
