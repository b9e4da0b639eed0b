import { durations } from "#sandbox/aws/eks/durations.ts";
import { isAutoMode } from "#sandbox/aws/eks/seed.ts";
import {
  type LoadBalancer,
  type Location,
  type Place,
  placeOf,
  randomHex,
  recordOf,
  type VpcConfig,
} from "#sandbox/aws/eks/state.ts";
import type { LoadBalancerHost, LoadBalancerRules } from "#sandbox/cloud/load-balancers.ts";
import type { KubernetesObject } from "#sandbox/kubernetes/kinds.ts";

const autoMode: LoadBalancerRules = {
  finalizer: "service.eks.amazonaws.com/resources",
  className: "eks.amazonaws.com/nlb",
};
const classic: LoadBalancerRules = { finalizer: "service.kubernetes.io/load-balancer-cleanup" };

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

/** The load balancers of a cluster: network ones of Auto Mode, or classic ones. */
export function loadBalancerHost(place: Place, cluster: string): LoadBalancerHost {
  const { cloud, region, state } = place;
  const find = (uid: string) => Object.values(state.loadBalancers).find((one) => one.serviceUid === uid);
  return {
    cloud,
    durations: { create: durations.loadBalancerCreate, remove: durations.loadBalancerDelete },
    rules() {
      const record = state.clusters[cluster];
      if (record === undefined) return undefined;
      return isAutoMode(record) ? autoMode : classic;
    },
    find(uid) {
      const found = find(uid);
      return found && { hostname: found.hostname };
    },
    make(service) {
      const record = recordOf(place, cluster);
      const made = newLoadBalancer(region, record.cluster.resourcesVpcConfig, service, isAutoMode(record));
      state.loadBalancers[made.name] = made;
      cloud.save();
    },
    drop(uid) {
      const found = find(uid);
      if (found !== undefined) delete state.loadBalancers[found.name];
      cloud.save();
    },
  };
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
