import { later, type Paced } from "#sandbox/cloud/later.ts";
import { stringAt } from "#sandbox/json.ts";
import { coalesce } from "#sandbox/kubernetes/behaviours/coalesce.ts";
import { conditionStatus } from "#sandbox/kubernetes/behaviours/conditions.ts";
import { nodes, pods } from "#sandbox/kubernetes/kinds.ts";
import type { Cluster } from "#sandbox/kubernetes/operations.ts";

/** So many that replicas which keep apart find a place each. */
const wantedNodes = 2;

/** What a cloud does to start machines for pods. */
export interface AutoNodesHost {
  readonly cloud: Paced;
  /** From a pod without a place to a machine that has joined, in real milliseconds. */
  readonly startMs: number;
  /** Machines started for pods so far; undefined when the cluster is gone or starts none. */
  count(): number | undefined;
  start(count: number): void;
}

/** Node auto-provisioning: machines come when a pod has no place. They stay until the cluster goes. */
export class AutoNodes {
  readonly #api: Cluster;
  readonly #host: AutoNodesHost;
  readonly #unsubscribe: () => void;
  readonly #review = coalesce(() => this.#startWhatIsMissing());
  #starting = false;
  #stopped = false;

  constructor(api: Cluster, host: AutoNodesHost) {
    this.#api = api;
    this.#host = host;
    this.#unsubscribe = api.store.subscribe(({ kind }) => {
      if (kind === pods || kind === nodes) this.#review.ask();
    });
    this.#review.ask();
  }

  stop(): void {
    this.#stopped = true;
    this.#review.stop();
    this.#unsubscribe();
  }

  #startWhatIsMissing(): void {
    if (this.#starting || this.#missing() === 0) return;
    this.#starting = true;
    later(this.#host.cloud, this.#host.startMs, () => {
      this.#starting = false;
      const missing = this.#stopped ? 0 : this.#missing();
      if (missing > 0) this.#host.start(missing);
    });
  }

  #missing(): number {
    const count = this.#host.count();
    if (count === undefined || count >= wantedNodes) return 0;
    const { store } = this.#api;
    const isWaiting = store
      .list(pods)
      .some((pod) => stringAt(pod, "status", "phase") === "Pending" && stringAt(pod, "spec", "nodeName") === "");
    // One that has just joined takes pods soon.
    const isComing = store.list(nodes).some((node) => conditionStatus(node, "Ready") !== "True");
    return isWaiting && !isComing ? wantedNodes - count : 0;
  }
}
