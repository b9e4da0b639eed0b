import { formatAddress, tryParseCidr } from "#lib/fleet/cidr.ts";
import { findSubnets } from "#sandbox/aws/eks/network.ts";
import { isAutoMode } from "#sandbox/aws/eks/seed.ts";
import { type ClusterRecord, changeRecord, type Node, type Place, randomHex } from "#sandbox/aws/eks/state.ts";
import { gitVersionOf } from "#sandbox/aws/eks/versions.ts";
import { stringAt } from "#sandbox/json.ts";
import { newNode } from "#sandbox/kubernetes/behaviours/nodes.ts";
import { nodes, pods } from "#sandbox/kubernetes/kinds.ts";
import { type Cluster, remove } from "#sandbox/kubernetes/operations.ts";
import { ensure } from "#sandbox/kubernetes/seed.ts";
import type { NewObject } from "#sandbox/kubernetes/store.ts";

/** Addresses of a subnet below this one are AWS's own, and those of interfaces that were there first. */
const firstHost = 10;
const autoInstanceType = "c6a.large";

export interface Machines {
  readonly count: number;
  readonly subnets: readonly string[];
  readonly instanceType: string;
  /** Node group; missing for Auto Mode. */
  readonly group?: string;
}

export function autoMachines({ cluster }: ClusterRecord, count: number): Machines {
  return { count, subnets: cluster.resourcesVpcConfig.subnetIds, instanceType: autoInstanceType };
}

/** Starts machines, spread over their subnets. `registerNodes` makes them nodes. */
export function startMachines(place: Place, name: string, machines: Machines): void {
  const subnets = findSubnets(place, machines.subnets);
  for (let index = 0; index < machines.count; index++) {
    const subnet = subnets[index % subnets.length];
    if (subnet === undefined) return;
    const address = freeAddress(place, subnet.id, subnet.cidr);
    const instanceId = `i-${randomHex(17)}`;
    const { group } = machines;
    const node: Node = {
      instanceId,
      name: group === undefined ? instanceId : hostName(address, place.region),
      instanceType: machines.instanceType,
      subnetId: subnet.id,
      zone: subnet.zone,
      address,
      ...(group === undefined ? {} : { group }),
    };
    changeRecord(place, name, (record) => ({ nodes: [...record.nodes, node] }));
  }
}

/** Makes the Node objects of a cluster say what machines there are. */
export function registerNodes(api: Cluster, place: Place, record: ClusterRecord): void {
  const wanted = new Set(record.nodes.map(({ name }) => name));
  for (const node of record.nodes) ensure(api, nodes, nodeObject(place, record, node));
  const gone = api.store.list(nodes).filter(({ metadata }) => !wanted.has(metadata.name));
  for (const { metadata } of gone) {
    remove(api, nodes, "", metadata.name);
    // Their controllers create them again on other nodes.
    for (const pod of api.store.list(pods)) {
      if (stringAt(pod, "spec", "nodeName") === metadata.name) api.store.remove(pods, pod);
    }
  }
}

function freeAddress({ state }: Place, subnetId: string, cidr: string): string {
  const taken = new Set(
    Object.values(state.clusters)
      .flatMap((record) => record.nodes)
      .filter((node) => node.subnetId === subnetId)
      .map(({ address }) => address),
  );
  const range = tryParseCidr(cidr);
  for (let host = (range?.first ?? 0) + firstHost; host < (range?.last ?? 0); host++) {
    const address = formatAddress(host);
    if (!taken.has(address)) return address;
  }
  throw new Error(`the subnet ${subnetId} has no address left`);
}

function hostName(address: string, region: string): string {
  const domain = region === "us-east-1" ? "ec2.internal" : `${region}.compute.internal`;
  return `ip-${address.replaceAll(".", "-")}.${domain}`;
}

function nodeObject({ region }: Place, record: ClusterRecord, node: Node): NewObject {
  const group = node.group === undefined ? undefined : record.nodeGroups[node.group];
  const isArm = /^\w+?\d+\w*?g/.test(node.instanceType.split(".")[0] ?? "");
  const own =
    group === undefined
      ? {
          "eks.amazonaws.com/compute-type": "auto",
          "eks.amazonaws.com/nodeclass": "default",
          "karpenter.sh/nodepool": record.cluster.computeConfig?.nodePools[0] ?? "",
          "karpenter.sh/capacity-type": "on-demand",
          "karpenter.sh/initialized": "true",
          "karpenter.sh/registered": "true",
        }
      : {
          "eks.amazonaws.com/nodegroup": group.nodegroupName,
          "eks.amazonaws.com/capacityType": group.capacityType,
        };
  return newNode({
    name: node.name,
    architecture: isArm ? "arm64" : "amd64",
    labels: {
      "beta.kubernetes.io/instance-type": node.instanceType,
      "node.kubernetes.io/instance-type": node.instanceType,
      "topology.kubernetes.io/region": region,
      "topology.kubernetes.io/zone": node.zone,
      ...own,
    },
    spec: { providerID: `aws:///${node.zone}/${node.instanceId}` },
    addresses: [
      { type: "InternalIP", address: node.address },
      { type: "InternalDNS", address: hostName(node.address, region) },
    ],
    capacity: { cpu: "2", memory: "3935156Ki", pods: "29" },
    nodeInfo: {
      containerRuntimeVersion: "containerd://2.1.5",
      kubeletVersion: gitVersionOf(group?.version ?? record.cluster.version),
      osImage: isAutoMode(record) ? "Bottlerocket (EKS Auto, Standard)" : "Amazon Linux 2023",
    },
  });
}
