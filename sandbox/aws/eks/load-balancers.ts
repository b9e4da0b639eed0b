import { durations } from "#sandbox/aws/eks/durations.ts";
import { isAutoMode } from "#sandbox/aws/eks/seed.ts";
import {
  type LoadBalancer,
  type Location,
  type Place,
  placeOf,
  randomHex,
  type VpcConfig,
} from "#sandbox/aws/eks/state.ts";
import { later } from "#sandbox/cloud/later.ts";
import { listAt, objectAt, stringAt } from "#sandbox/json.ts";
import { coalesce } from "#sandbox/kubernetes/behaviours/coalesce.ts";
import { type KubernetesObject, services } from "#sandbox/kubernetes/kinds.ts";
import { type Cluster, removeFinalizer } from "#sandbox/kubernetes/operations.ts";

/** Holds a Service back until its load balancer is gone. */
const finalizers = {
  auto: "service.eks.amazonaws.com/resources",
  classic: "service.kubernetes.io/load-balancer-cleanup",
};
const autoClass = "eks.amazonaws.com/nlb";

/**
 * What of clusters is in a VPC and holds up its deletion: network interfaces of control planes, of machines, and of load
 * balancers, these also after their cluster has gone.
 */
export function leftovers(at: Location, vpcId: string): readonly string[] {
  return interfacesIn(placeOf(at))
    .filter((one) => one.vpcId === vpcId)
    .map(({ description }) => description);
}

export function leftoversInSubnet(at: Location, subnetId: string): readonly string[] {
  return interfacesIn(placeOf(at))
    .filter((one) => one.subnetId === subnetId)
    .map(({ description }) => description);
}

interface Interface {
  readonly vpcId: string;
  readonly subnetId: string;
  readonly description: string;
}

function interfacesIn({ state }: Place): readonly Interface[] {
  const ofClusters = Object.values(state.clusters).flatMap(({ cluster, nodes }) => {
    const { vpcId, subnetIds } = cluster.resourcesVpcConfig;
    return [
      ...subnetIds.map((subnetId) => ({ vpcId, subnetId, description: `Amazon EKS ${cluster.name}` })),
      ...nodes.map(({ subnetId, instanceId }) => ({ vpcId, subnetId, description: `instance ${instanceId}` })),
    ];
  });
  const ofBalancers = Object.values(state.loadBalancers).flatMap(({ vpcId, interfaces, name }) =>
    interfaces.map(({ id, subnetId }) => ({ vpcId, subnetId, description: `${id} of load balancer ${name}` })),
  );
  return [...ofClusters, ...ofBalancers];
}

/** Gives Services of the type LoadBalancer one, and takes it away with them. */
export class LoadBalancers {
  readonly #api: Cluster;
  readonly #place: Place;
  readonly #name: string;
  readonly #unsubscribe: () => void;
  readonly #review = coalesce(() => this.#reconcile());
  /** Services that something is under way for, by uid. */
  readonly #busy = new Set<string>();
  #stopped = false;

  constructor(api: Cluster, place: Place, name: string) {
    this.#api = api;
    this.#place = place;
    this.#name = name;
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
    const record = this.#place.state.clusters[this.#name];
    if (record === undefined) return;
    const auto = isAutoMode(record);
    const finalizer = auto ? finalizers.auto : finalizers.classic;
    for (const service of this.#api.store.list(services)) {
      const { uid, deletionTimestamp } = service.metadata;
      if (this.#busy.has(uid)) continue;
      const isHeld = listAt(service, "metadata", "finalizers").includes(finalizer);
      if (deletionTimestamp === undefined && wantsOne(service, auto)) {
        if (!isHeld) this.#hold(service, finalizer);
        if (this.#find(service) === undefined) this.#make(service, auto);
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

  #make(service: KubernetesObject, auto: boolean): void {
    this.#during(service, durations.loadBalancerCreate, () => {
      const current = this.#current(service);
      const { state, cloud } = this.#place;
      const record = state.clusters[this.#name];
      if (current === undefined || record === undefined || !wantsOne(current, auto)) return;
      const made = newLoadBalancer(this.#place.region, record.cluster.resourcesVpcConfig, service, auto);
      state.loadBalancers[made.name] = made;
      cloud.save();
      this.#publish(current);
    });
  }

  #publish(service: KubernetesObject): void {
    const hostname = this.#find(service)?.hostname;
    if (hostname === undefined) return;
    const status = { ...objectAt(service, "status"), loadBalancer: { ingress: [{ hostname }] } };
    this.#api.store.update(services, { ...service, status });
  }

  #remove(service: KubernetesObject, finalizer: string): void {
    this.#during(service, durations.loadBalancerDelete, () => {
      const found = this.#find(service);
      const { state, cloud } = this.#place;
      if (found !== undefined) delete state.loadBalancers[found.name];
      cloud.save();
      const current = this.#current(service);
      if (current === undefined) return;
      const status = { ...objectAt(current, "status"), loadBalancer: {} };
      removeFinalizer(this.#api, services, { ...current, status }, finalizer);
    });
  }

  #during(service: KubernetesObject, durationMs: number, work: () => void): void {
    const { uid } = service.metadata;
    this.#busy.add(uid);
    later(this.#place.cloud, durationMs, () => {
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

  #find(service: KubernetesObject): LoadBalancer | undefined {
    const { uid } = service.metadata;
    return Object.values(this.#place.state.loadBalancers).find((one) => one.serviceUid === uid);
  }
}

/** Those of another class are another controller's. */
function wantsOne(service: KubernetesObject, auto: boolean): boolean {
  const className = stringAt(service, "spec", "loadBalancerClass");
  return (
    stringAt(service, "spec", "type") === "LoadBalancer" && (className === "" || (auto && className === autoClass))
  );
}

function newLoadBalancer(
  region: string,
  { vpcId, subnetIds }: Pick<VpcConfig, "vpcId" | "subnetIds">,
  { metadata }: KubernetesObject,
  auto: boolean,
): LoadBalancer {
  const { uid: serviceUid, name: service, namespace = "" } = metadata;
  const short = (text: string) => text.replaceAll(/[^a-z0-9]/g, "").slice(0, 8);
  const name = auto ? `k8s-${short(namespace)}-${short(service)}-${randomHex(10)}` : `a${randomHex(31)}`;
  const hostname = auto
    ? `${name}-${randomHex(16)}.elb.${region}.amazonaws.com`
    : `${name}-${crypto.getRandomValues(new Uint32Array(1))[0]}.${region}.elb.amazonaws.com`;
  const interfaces = subnetIds.map((subnetId) => ({ id: `eni-${randomHex(17)}`, subnetId }));
  return { name, hostname, vpcId, service: `${namespace}/${service}`, serviceUid, interfaces };
}
