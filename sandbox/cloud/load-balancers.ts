import { later, type Paced } from "#sandbox/cloud/later.ts";
import { listAt, objectAt, stringAt } from "#sandbox/json.ts";
import { coalesce } from "#sandbox/kubernetes/behaviours/coalesce.ts";
import { type KubernetesObject, services } from "#sandbox/kubernetes/kinds.ts";
import { type Cluster, removeFinalizer } from "#sandbox/kubernetes/operations.ts";

/** Where a load balancer is reached, as the status of its Service says it. */
export type Ingress = { readonly hostname: string } | { readonly ip: string };

/** What a cloud makes and keeps of load balancers. */
export interface LoadBalancerHost {
  readonly cloud: Paced;
  /** Real milliseconds. */
  readonly durations: { readonly create: number; readonly remove: number };
  /** How the cloud serves this cluster; undefined when the cluster is gone. */
  rules(): LoadBalancerRules | undefined;
  find(serviceUid: string): Ingress | undefined;
  make(service: KubernetesObject): void;
  drop(serviceUid: string): void;
}

export interface LoadBalancerRules {
  /** Holds a Service back until its load balancer is gone. */
  readonly finalizer: string;
  /** Class that is served besides Services without one: those of another class are another controller's. */
  readonly className?: string;
}

/** Gives Services of the type LoadBalancer one, and takes it away with them. */
export class LoadBalancers {
  readonly #api: Cluster;
  readonly #host: LoadBalancerHost;
  readonly #unsubscribe: () => void;
  readonly #review = coalesce(() => this.#reconcile());
  /** Services that something is under way for, by uid. */
  readonly #busy = new Set<string>();
  #stopped = false;

  constructor(api: Cluster, host: LoadBalancerHost) {
    this.#api = api;
    this.#host = host;
    this.#unsubscribe = api.store.subscribe(({ kind }) => {
      if (kind === services) this.#review.ask();
    });
    this.#review.ask();
  }

  stop(): void {
    this.#stopped = true;
    this.#review.stop();
    this.#unsubscribe();
  }

  #reconcile(): void {
    const rules = this.#host.rules();
    if (rules === undefined) return;
    const { finalizer } = rules;
    for (const service of this.#api.store.list(services)) {
      const { uid, deletionTimestamp } = service.metadata;
      if (this.#busy.has(uid)) continue;
      const isHeld = listAt(service, "metadata", "finalizers").includes(finalizer);
      if (deletionTimestamp === undefined && wantsOne(service, rules)) {
        if (!isHeld) this.#hold(service, finalizer);
        if (this.#host.find(uid) === undefined) this.#make(service);
        else this.#publish(service);
      } else if (isHeld) this.#remove(service, finalizer);
    }
  }

  #hold(service: KubernetesObject, finalizer: string): void {
    const before = listAt(service, "metadata", "finalizers") as readonly string[];
    this.#api.store.update(services, {
      ...service,
      metadata: { ...service.metadata, finalizers: [...before, finalizer] },
    });
  }

  #make(service: KubernetesObject): void {
    this.#during(service, this.#host.durations.create, () => {
      const current = this.#current(service);
      const rules = this.#host.rules();
      if (current === undefined || rules === undefined || !wantsOne(current, rules)) return;
      this.#host.make(current);
      this.#publish(current);
    });
  }

  #publish(service: KubernetesObject): void {
    const ingress = this.#host.find(service.metadata.uid);
    if (ingress === undefined) return;
    const status = { ...objectAt(service, "status"), loadBalancer: { ingress: [ingress] } };
    this.#api.store.update(services, { ...service, status });
  }

  #remove(service: KubernetesObject, finalizer: string): void {
    this.#during(service, this.#host.durations.remove, () => {
      this.#host.drop(service.metadata.uid);
      const current = this.#current(service);
      if (current === undefined) return;
      const status = { ...objectAt(current, "status"), loadBalancer: {} };
      removeFinalizer(this.#api, services, { ...current, status }, finalizer);
    });
  }

  #during(service: KubernetesObject, durationMs: number, work: () => void): void {
    const { uid } = service.metadata;
    this.#busy.add(uid);
    later(this.#host.cloud, durationMs, () => {
      this.#busy.delete(uid);
      if (this.#stopped) return;
      work();
      this.#review.ask();
    });
  }

  #current({ metadata }: KubernetesObject): KubernetesObject | undefined {
    const found = this.#api.store.get(services, metadata.namespace ?? "", metadata.name);
    return found?.metadata.uid === metadata.uid ? found : undefined;
  }
}

function wantsOne(service: KubernetesObject, { className }: LoadBalancerRules): boolean {
  const own = stringAt(service, "spec", "loadBalancerClass");
  return stringAt(service, "spec", "type") === "LoadBalancer" && (own === "" || own === className);
}
