import { objectAt } from "#sandbox/json.ts";
import { cleanupFinalizer } from "#sandbox/kubernetes/admission.ts";
import { coalesce } from "#sandbox/kubernetes/behaviours/coalesce.ts";
import { conditionStatus, withConditions } from "#sandbox/kubernetes/behaviours/conditions.ts";
import { customKind } from "#sandbox/kubernetes/custom-kinds.ts";
import { customResourceDefinitions, type KubernetesObject, kindKey, namespaces } from "#sandbox/kubernetes/kinds.ts";
import { type Cluster, remove, removeFinalizer } from "#sandbox/kubernetes/operations.ts";
import type { Pace } from "#sandbox/pace.ts";

/** From a definition to the kind that it defines being served. */
const ESTABLISHED_MS = 150;

/** Definitions of kinds become established; those that are deleted take their objects along, and so do namespaces. */
export class DefinitionBehaviour {
  readonly #cluster: Cluster;
  readonly #pace: Pace;
  readonly #timers = new Map<string, Timer>();
  readonly #unsubscribe: () => void;
  readonly #review = coalesce(() => this.#reconcile());

  constructor(cluster: Cluster, pace: Pace) {
    this.#cluster = cluster;
    this.#pace = pace;
    this.#unsubscribe = cluster.store.subscribe(({ kind, type, object }) => {
      if (kind === customResourceDefinitions && type === "DELETED") cluster.kinds.forget(object);
      if (kind === customResourceDefinitions || kind === namespaces || type === "DELETED") this.#review.ask();
    });
    this.#review.ask();
  }

  stop(): void {
    this.#review.stop();
    this.#unsubscribe();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #reconcile(): void {
    const { store, kinds } = this.#cluster;
    for (const definition of store.list(customResourceDefinitions)) {
      if (definition.metadata.deletionTimestamp !== undefined) this.#empty(definition);
      else if (conditionStatus(definition, "Established") === "True") kinds.define(definition);
      else this.#establish(definition);
    }
    for (const namespace of store.list(namespaces)) {
      if (namespace.metadata.deletionTimestamp !== undefined) this.#emptyNamespace(namespace);
    }
  }

  #establish({ metadata: { name, uid } }: KubernetesObject): void {
    if (this.#timers.has(uid)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(uid);
      const { store } = this.#cluster;
      const definition = store.get(customResourceDefinitions, "", name);
      if (definition?.metadata.uid !== uid) return;
      const status = withConditions(objectAt(definition, "status"), [
        { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" },
        {
          type: "Established",
          status: "True",
          reason: "InitialNamesAccepted",
          message: "the initial names have been accepted",
        },
      ]);
      const { version } = customKind(definition);
      const acceptedNames = objectAt(definition, "spec", "names");
      store.update(customResourceDefinitions, {
        ...definition,
        status: { ...status, acceptedNames, storedVersions: [version] },
      });
    }, this.#pace.scale(ESTABLISHED_MS));
    this.#timers.set(uid, timer);
  }

  /** Objects with finalizers of their own hold the definition up until somebody has done what they stand for. */
  #empty(definition: KubernetesObject): void {
    const kind = this.#cluster.kinds.find(kindKey(customKind(definition)));
    const objects = kind === undefined ? [] : this.#cluster.store.list(kind);
    if (kind === undefined || objects.length === 0) {
      removeFinalizer(this.#cluster, customResourceDefinitions, definition, cleanupFinalizer);
      return;
    }
    for (const { metadata } of objects) {
      if (metadata.deletionTimestamp === undefined)
        remove(this.#cluster, kind, metadata.namespace ?? "", metadata.name);
    }
  }

  #emptyNamespace(namespace: KubernetesObject): void {
    const { store } = this.#cluster;
    const inside = store
      .all()
      .filter(({ kind, object }) => kind.namespaced && object.metadata.namespace === namespace.metadata.name);
    if (inside.length === 0) {
      removeFinalizer(this.#cluster, namespaces, namespace, "kubernetes");
      return;
    }
    for (const { kind, object } of inside) {
      const { name, namespace: within = "", deletionTimestamp } = object.metadata;
      // Others may have gone with their owner meanwhile.
      if (deletionTimestamp === undefined && store.get(kind, within, name) !== undefined) {
        remove(this.#cluster, kind, within, name);
      }
    }
  }
}
