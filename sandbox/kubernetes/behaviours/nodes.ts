import { listAt, objectAt, stringAt } from "#sandbox/json.ts";
import { type Condition, conditionStatus, withConditions } from "#sandbox/kubernetes/behaviours/conditions.ts";
import { daemonSets, type KubernetesObject, nodes } from "#sandbox/kubernetes/kinds.ts";
import type { NewObject, ObjectStore } from "#sandbox/kubernetes/store.ts";
import type { Pace } from "#sandbox/pace.ts";

/** From a node's pod network to its Ready condition: seconds on the real ones, shortened as everything in the sandbox. */
const READY_AFTER_MS = 600;
/** The controller manager's node-monitor-grace-period: so long after its last sign a node counts as lost. */
const LOST_AFTER_MS = 40_000;

const NOT_READY_TAINT = "node.kubernetes.io/not-ready";
const UNREACHABLE_TAINT = "node.kubernetes.io/unreachable";

/** Kubelets as far as others see them: their nodes become Ready, and stop being so when their machine is gone. */
export class NodeBehaviour {
  readonly #store: ObjectStore;
  readonly #pace: Pace;
  readonly #needsDaemonSet: string | undefined;
  readonly #timers = new Map<string, { readonly towards: "True" | "Unknown"; readonly timer: Timer }>();
  readonly #unsubscribe: () => void;
  #running: ReadonlySet<string> = new Set();

  /** `needsDaemonSet` names the pod network that a node waits for; undefined when the network is built in. */
  constructor(store: ObjectStore, pace: Pace, needsDaemonSet: string | undefined) {
    this.#store = store;
    this.#pace = pace;
    this.#needsDaemonSet = needsDaemonSet;
    this.#unsubscribe = store.subscribe(({ kind }) => {
      if (kind === nodes || kind === daemonSets) this.#review();
    });
  }

  /** Which nodes have a machine that runs. */
  setRunning(names: ReadonlySet<string>): void {
    this.#running = names;
    this.#review();
  }

  stop(): void {
    this.#unsubscribe();
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #review(): void {
    const hasNetwork =
      this.#needsDaemonSet === undefined ||
      this.#store.get(daemonSets, "kube-system", this.#needsDaemonSet) !== undefined;
    for (const node of this.#store.list(nodes)) {
      const name = node.metadata.name;
      const ready = conditionStatus(node, "Ready");
      if (!this.#running.has(name)) this.#schedule(name, ready === "True" ? "Unknown" : undefined, LOST_AFTER_MS);
      else this.#schedule(name, ready !== "True" && hasNetwork ? "True" : undefined, READY_AFTER_MS);
    }
  }

  #schedule(name: string, towards: "True" | "Unknown" | undefined, afterMs: number): void {
    const pending = this.#timers.get(name);
    if (pending?.towards === towards) return;
    clearTimeout(pending?.timer);
    this.#timers.delete(name);
    if (towards === undefined) return;
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      const node = this.#store.get(nodes, "", name);
      if (node !== undefined) this.#store.update(nodes, towards === "True" ? readyNode(node) : lostNode(node));
    }, this.#pace.scale(afterMs));
    this.#timers.set(name, { towards, timer });
  }
}

export interface NewNode {
  readonly name: string;
  readonly architecture: "amd64" | "arm64";
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: object;
  readonly taints?: readonly object[];
  /** Besides its name. */
  readonly addresses: readonly { readonly type: string; readonly address: string }[];
  readonly capacity: { readonly cpu: string; readonly memory: string; readonly pods: string };
  readonly nodeInfo: {
    readonly containerRuntimeVersion: string;
    readonly kubeletVersion: string;
    readonly osImage: string;
  };
}

/** A node as its kubelet registers it: NotReady, since it has no pod network yet. */
export function newNode(node: NewNode): NewObject {
  const { name, architecture, labels, spec, taints = [], addresses, capacity, nodeInfo } = node;
  const system = {
    architecture,
    bootID: crypto.randomUUID(),
    kernelVersion: "6.12.0-sandbox",
    machineID: crypto.randomUUID().replaceAll("-", ""),
    operatingSystem: "linux",
    systemUUID: crypto.randomUUID(),
  };
  const message =
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady " +
    "message:Network plugin returns error: cni plugin not initialized";
  const registered = {
    status: {
      addresses: [...addresses, { type: "Hostname", address: name }],
      capacity,
      allocatable: capacity,
      nodeInfo: { ...system, ...nodeInfo },
    },
  };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        "beta.kubernetes.io/arch": architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        ...labels,
      },
    },
    spec: { ...spec, taints: [...taints, { key: NOT_READY_TAINT, effect: "NoSchedule" }] },
    status: withReady(registered, { status: "False", reason: "KubeletNotReady", message }),
  };
}

function readyNode(node: KubernetesObject): KubernetesObject {
  const ready = { status: "True", reason: "KubeletReady", message: "kubelet is posting ready status" } as const;
  return { ...node, spec: withTaint(node, undefined), status: withReady(node, ready) };
}

function lostNode(node: KubernetesObject): KubernetesObject {
  const message = "Kubelet stopped posting node status.";
  const lost = { status: "Unknown", reason: "NodeStatusUnknown", message } as const;
  return { ...node, spec: withTaint(node, UNREACHABLE_TAINT), status: withReady(node, lost) };
}

function withReady(node: { readonly [key: string]: unknown }, condition: Omit<Condition, "type">) {
  return withConditions(objectAt(node, "status"), [{ type: "Ready", ...condition }], "lastHeartbeatTime");
}

/** The node's spec with the taint of its state, or without one. */
function withTaint(node: KubernetesObject, key: string | undefined) {
  const states = [NOT_READY_TAINT, UNREACHABLE_TAINT];
  const others = listAt(node, "spec", "taints").filter((taint) => !states.includes(stringAt(taint, "key")));
  const taints = key === undefined ? others : [...others, { key, effect: "NoSchedule" }];
  const { taints: _taints, ...spec } = objectAt(node, "spec");
  return taints.length === 0 ? spec : { ...spec, taints: taints as (typeof spec)["taints"] };
}
