import { type JsonObject, listAt, numberAt, objectAt, stringAt, stringsAt } from "#sandbox/json.ts";
import { coalesce } from "#sandbox/kubernetes/behaviours/coalesce.ts";
import { type Condition, conditionStatus, withConditions } from "#sandbox/kubernetes/behaviours/conditions.ts";
import {
  daemonSets,
  deployments,
  type Kind,
  type KubernetesObject,
  nodes,
  pods,
  statefulSets,
} from "#sandbox/kubernetes/kinds.ts";
import { randomSuffix } from "#sandbox/kubernetes/operations.ts";
import type { NewObject, ObjectStore } from "#sandbox/kubernetes/store.ts";
import { timestamp } from "#sandbox/kubernetes/store.ts";
import type { Pace } from "#sandbox/pace.ts";

/** From being placed on a node to Running and Ready. */
const START_MS = 300;
/** Until an image that could not be pulled is tried again. */
const PULL_AGAIN_MS = 10_000;

const WORKLOADS: readonly Kind[] = [deployments, daemonSets, statefulSets];

/** Deployments, DaemonSets and StatefulSets make pods; pods find a node, start, and count in their owner's status. */
export class WorkloadBehaviour {
  readonly #store: ObjectStore;
  readonly #pace: Pace;
  readonly #canPull: (image: string) => boolean;
  readonly #unsubscribe: () => void;
  readonly #starting = new Map<string, Timer>();
  readonly #review = coalesce(() => this.#reconcile());

  constructor(store: ObjectStore, pace: Pace, canPull: (image: string) => boolean = () => true) {
    this.#store = store;
    this.#pace = pace;
    this.#canPull = canPull;
    this.#unsubscribe = store.subscribe(({ kind }) => {
      if (kind === nodes || kind === pods || WORKLOADS.includes(kind)) this.#review.ask();
    });
    this.#review.ask();
  }

  stop(): void {
    this.#review.stop();
    this.#unsubscribe();
    for (const timer of this.#starting.values()) clearTimeout(timer);
    this.#starting.clear();
  }

  #reconcile(): void {
    for (const kind of WORKLOADS) {
      for (const workload of this.#store.list(kind)) this.#reconcilePods(kind, workload);
    }
    for (const pod of this.#store.list(pods)) this.#reconcilePod(pod);
    for (const kind of WORKLOADS) {
      for (const workload of this.#store.list(kind)) {
        this.#store.update(kind, withCounts(kind, workload, this.#podsOf(workload)));
      }
    }
  }

  #reconcilePods(kind: Kind, workload: KubernetesObject): void {
    const existing = this.#podsOf(workload).filter((pod) => {
      const current = stringAt(pod, "metadata", "labels", hashLabel(kind)) === templateHash(workload);
      // Of what was written before: a rollout that goes in one step.
      if (!current) this.#store.remove(pods, pod);
      return current;
    });
    if (kind === daemonSets) {
      const wanted = this.#nodesFor(workload).map((node) => node.metadata.name);
      for (const pod of existing) {
        if (!wanted.includes(stringAt(pod, "spec", "nodeName"))) this.#store.remove(pods, pod);
      }
      for (const nodeName of wanted) {
        if (existing.some((pod) => stringAt(pod, "spec", "nodeName") === nodeName)) continue;
        this.#store.create(pods, podOf(kind, workload, randomSuffix(), nodeName));
      }
      return;
    }
    const replicas = numberAt(workload, "spec", "replicas") ?? 1;
    for (const pod of existing.slice(replicas)) this.#store.remove(pods, pod);
    const taken = new Set(existing.map((pod) => pod.metadata.name));
    for (let index = 0, missing = replicas - existing.length; missing > 0; index++) {
      const pod = podOf(kind, workload, kind === statefulSets ? String(index) : randomSuffix());
      if (taken.has(pod.metadata.name)) continue;
      this.#store.create(pods, pod);
      missing--;
    }
  }

  #reconcilePod(pod: KubernetesObject): void {
    if (stringAt(pod, "status", "phase") !== "Pending" || this.#starting.has(pod.metadata.uid)) return;
    const placed = stringAt(pod, "spec", "nodeName") === "" ? this.#place(pod) : pod;
    if (placed === undefined) return;
    this.#startLater(pod, START_MS);
  }

  #startLater(pod: KubernetesObject, ms: number): void {
    const { uid, name, namespace = "" } = pod.metadata;
    const start = (): void => {
      this.#starting.delete(uid);
      const current = this.#store.get(pods, namespace, name);
      if (current?.metadata.uid !== uid) return;
      const missing = imagesOf(current).find((image) => !this.#canPull(image));
      if (missing !== undefined) this.#startLater(current, PULL_AGAIN_MS);
      this.#store.update(
        pods,
        missing === undefined ? running(current, this.#addressFor(current)) : withoutImage(current, missing),
      );
    };
    this.#starting.set(uid, setTimeout(start, this.#pace.scale(ms)));
  }

  /** Binds a pod to the node with the fewest pods, or says why there is none. */
  #place(pod: KubernetesObject): KubernetesObject | undefined {
    const all = this.#store.list(nodes);
    const load = (node: KubernetesObject) =>
      this.#store.list(pods).filter((other) => stringAt(other, "spec", "nodeName") === node.metadata.name).length;
    const [best] = all
      .filter((node) => conditionStatus(node, "Ready") === "True" && fits(node, pod.spec))
      .toSorted((a, b) => load(a) - load(b));
    const status = objectAt(pod, "status");
    if (best !== undefined) {
      return this.#store.update(pods, {
        ...pod,
        spec: { ...objectAt(pod, "spec"), nodeName: best.metadata.name },
        status: withConditions(status, [{ type: "PodScheduled", status: "True" }]),
      });
    }
    const message = `0/${all.length} nodes are available: no node is ready and fits the pod.`;
    const unschedulable = { type: "PodScheduled", status: "False", reason: "Unschedulable", message } as const;
    this.#store.update(pods, { ...pod, status: withConditions(status, [unschedulable]) });
    return undefined;
  }

  #nodesFor(workload: KubernetesObject): readonly KubernetesObject[] {
    // As the real controller, a DaemonSet does not wait for a node to be Ready.
    const spec = objectAt(workload, "spec", "template", "spec");
    return this.#store.list(nodes).filter((node) => fits(node, spec, ["node.kubernetes.io/"]));
  }

  #podsOf(workload: KubernetesObject): readonly KubernetesObject[] {
    const { uid, namespace } = workload.metadata;
    return this.#store
      .list(pods, namespace)
      .filter((pod) => listAt(pod, "metadata", "ownerReferences").some((owner) => stringAt(owner, "uid") === uid));
  }

  #addressFor(pod: KubernetesObject): string {
    const node = this.#store.get(nodes, "", stringAt(pod, "spec", "nodeName"));
    const own = listAt(node, "status", "addresses").find((item) => stringAt(item, "type") === "InternalIP");
    const address = stringAt(own, "address");
    if (objectAt(pod, "spec").hostNetwork === true) return address;
    // Where a node has no range of its own, its pods are in the same network as the node.
    const range = stringAt(node, "spec", "podCIDR") || address;
    const prefix = range.split(".").slice(0, 3).join(".");
    const taken = new Set(this.#store.list(pods).map((other) => stringAt(other, "status", "podIP"))).add(address);
    for (let last = 2; last < 255; last++) if (!taken.has(`${prefix}.${last}`)) return `${prefix}.${last}`;
    return "";
  }
}

/** Node selector and taints; taints whose key begins with one of `ignoring` do not count. */
function fits(node: KubernetesObject, podSpec: unknown, ignoring: readonly string[] = []): boolean {
  const labels = stringsAt(node, "metadata", "labels");
  const selected = Object.entries(stringsAt(podSpec, "nodeSelector")).every(([key, value]) => labels[key] === value);
  const tolerations = listAt(podSpec, "tolerations");
  const tolerated = listAt(node, "spec", "taints").every((taint) => {
    const key = stringAt(taint, "key");
    if (ignoring.some((prefix) => key.startsWith(prefix))) return true;
    return tolerations.some((toleration) => {
      const tolerated = stringAt(toleration, "key");
      const effect = stringAt(toleration, "effect");
      return (tolerated === "" || tolerated === key) && (effect === "" || effect === stringAt(taint, "effect"));
    });
  });
  return selected && tolerated && objectAt(node, "spec").unschedulable !== true;
}

function podOf(kind: Kind, workload: KubernetesObject, suffix: string, nodeName?: string): NewObject {
  const { name, namespace = "default", uid } = workload.metadata;
  const template = objectAt(workload, "spec", "template");
  const hash = templateHash(workload);
  // Deployments make their pods through a ReplicaSet, whose hash is part of the name.
  const middle = kind === deployments ? `${hash}-` : "";
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${name}-${middle}${suffix}`,
      namespace,
      ...objectAt(template, "metadata"),
      labels: { ...objectAt(template, "metadata", "labels"), [hashLabel(kind)]: hash },
      ownerReferences: [
        { apiVersion: "apps/v1", kind: kind.kind, name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    spec: { ...objectAt(template, "spec"), ...(nodeName === undefined ? {} : { nodeName }) },
    status: { phase: "Pending" },
  };
}

function templateHash(workload: KubernetesObject): string {
  return Bun.hash(JSON.stringify(objectAt(workload, "spec", "template")))
    .toString(16)
    .slice(0, 10);
}

function hashLabel(kind: Kind): string {
  return kind === deployments ? "pod-template-hash" : "controller-revision-hash";
}

function imagesOf(pod: KubernetesObject): readonly string[] {
  return ["initContainers", "containers"].flatMap((field) =>
    listAt(pod, "spec", field).map((container) => stringAt(container, "image")),
  );
}

function withoutImage<Pod extends NewObject>(pod: Pod, image: string): Pod {
  const message = `Back-off pulling image "${image}"`;
  const containerStatuses = listAt(pod, "spec", "containers").map((container) => ({
    name: stringAt(container, "name"),
    image: stringAt(container, "image"),
    ready: false,
    started: false,
    restartCount: 0,
    state: { waiting: { reason: "ImagePullBackOff", message } },
  }));
  return { ...pod, status: { ...objectAt(pod, "status"), phase: "Pending", containerStatuses } };
}

/** A pod in which every container runs and is ready. */
function running<Pod extends NewObject>(pod: Pod, podIP: string): Pod {
  const now = timestamp();
  const ready: Condition[] = ["Initialized", "ContainersReady", "Ready", "PodScheduled"].map((type) => ({
    type,
    status: "True",
  }));
  const containerStatuses = listAt(pod, "spec", "containers").map((container) => ({
    name: stringAt(container, "name"),
    image: stringAt(container, "image"),
    ready: true,
    started: true,
    restartCount: 0,
    state: { running: { startedAt: now } },
  }));
  return {
    ...pod,
    status: {
      ...withConditions(objectAt(pod, "status"), ready),
      phase: "Running",
      podIP,
      podIPs: [{ ip: podIP }],
      startTime: now,
      containerStatuses,
    },
  };
}

function withCounts(kind: Kind, workload: KubernetesObject, owned: readonly KubernetesObject[]): KubernetesObject {
  const total = owned.length;
  const ready = owned.filter((pod) => conditionStatus(pod, "Ready") === "True").length;
  const status = objectAt(workload, "status");
  const observedGeneration = workload.metadata.generation ?? 1;
  if (kind === daemonSets) {
    return {
      ...workload,
      status: {
        ...status,
        currentNumberScheduled: total,
        desiredNumberScheduled: total,
        numberAvailable: ready,
        numberMisscheduled: 0,
        numberReady: ready,
        numberUnavailable: total - ready,
        observedGeneration,
        updatedNumberScheduled: total,
      },
    };
  }
  const counts: JsonObject = {
    ...status,
    observedGeneration,
    replicas: total,
    updatedReplicas: total,
    readyReplicas: ready,
    availableReplicas: ready,
    ...(kind === deployments ? { unavailableReplicas: total - ready } : {}),
  };
  if (kind === statefulSets) return { ...workload, status: counts };
  return { ...workload, status: withAvailability(counts, ready >= total) };
}

/** The conditions of a Deployment, left alone while they say the same. */
function withAvailability(status: JsonObject, available: boolean): JsonObject {
  const conditions: readonly Condition[] = available
    ? [
        {
          type: "Available",
          status: "True",
          reason: "MinimumReplicasAvailable",
          message: "Deployment has minimum availability.",
        },
        {
          type: "Progressing",
          status: "True",
          reason: "NewReplicaSetAvailable",
          message: "ReplicaSet has successfully progressed.",
        },
      ]
    : [
        {
          type: "Available",
          status: "False",
          reason: "MinimumReplicasUnavailable",
          message: "Deployment does not have minimum availability.",
        },
        { type: "Progressing", status: "True", reason: "ReplicaSetUpdated", message: "ReplicaSet is progressing." },
      ];
  const same = conditions.every(({ type, reason }) =>
    listAt(status, "conditions").some((item) => stringAt(item, "type") === type && stringAt(item, "reason") === reason),
  );
  return same ? status : withConditions(status, conditions, "lastUpdateTime");
}
