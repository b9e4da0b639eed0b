import { durations } from "#sandbox/aws/eks/durations.ts";
import { autoMachines, startMachines } from "#sandbox/aws/eks/nodes.ts";
import { isAutoMode } from "#sandbox/aws/eks/seed.ts";
import { type Place, recordOf } from "#sandbox/aws/eks/state.ts";
import { later } from "#sandbox/cloud/later.ts";
import { stringAt } from "#sandbox/json.ts";
import { coalesce } from "#sandbox/kubernetes/behaviours/coalesce.ts";
import { pods } from "#sandbox/kubernetes/kinds.ts";
import type { Cluster } from "#sandbox/kubernetes/operations.ts";

/** So many that replicas which keep apart find a place each. */
const wantedNodes = 2;

/** EKS Auto Mode: machines come when a pod has no place. They stay until the cluster goes. */
export class AutoMode {
  readonly #api: Cluster;
  readonly #place: Place;
  readonly #name: string;
  readonly #registered: () => void;
  readonly #unsubscribe: () => void;
  readonly #review = coalesce(() => this.#startWhatIsMissing());
  #starting = false;
  #stopped = false;

  constructor(api: Cluster, place: Place, name: string, registered: () => void) {
    this.#api = api;
    this.#place = place;
    this.#name = name;
    this.#registered = registered;
    this.#unsubscribe = api.store.subscribe(({ kind }) => {
      if (kind === pods) this.#review.ask();
    });
    this.#review.ask();
  }

  stop(): void {
    this.#stopped = true;
    this.#review.stop();
    this.#unsubscribe();
  }

  #startWhatIsMissing(): void {
    const { state } = this.#place;
    const record = state.clusters[this.#name];
    if (this.#starting || record === undefined || !isAutoMode(record)) return;
    if (record.cluster.computeConfig?.nodePools.length === 0) return;
    const auto = record.nodes.filter(({ group }) => group === undefined);
    const isWaiting = this.#api.store
      .list(pods)
      .some((pod) => stringAt(pod, "status", "phase") === "Pending" && stringAt(pod, "spec", "nodeName") === "");
    if (!isWaiting || auto.length >= wantedNodes) return;
    this.#starting = true;
    later(this.#place.cloud, durations.nodeStart, () => {
      this.#starting = false;
      if (this.#stopped || state.clusters[this.#name] === undefined) return;
      const missing = wantedNodes - auto.length;
      startMachines(this.#place, this.#name, autoMachines(recordOf(this.#place, this.#name), missing));
      this.#registered();
    });
  }
}
