import { findSubnets } from "#sandbox/aws/eks/network.ts";
import { isAutoMode } from "#sandbox/aws/eks/seed.ts";
import { type ClusterRecord, changeRecord, type Node, type Place, randomHex } from "#sandbox/aws/eks/state.ts";
import { gitVersionOf } from "#sandbox/aws/eks/versions.ts";
import { freeAddress, machineNode } from "#sandbox/cloud/nodes.ts";
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

/** Starts machines, spread over their subnets. `refreshNodes` makes them nodes. */
export function startMachines(place: Place, name: string, machines: Machines): void {
  const subnets = findSubnets(place, machines.subnets);
  for (let index = 0; index < machines.count; index++) {
    const subnet = subnets[index % subnets.length];
    if (subnet === undefined) return;
    const address = addressFor(place, subnet.id, subnet.cidr);
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

/** The Node objects of a cluster's machines. */
export function nodesOf(place: Place, record: ClusterRecord): readonly NewObject[] {
  return record.nodes.map((node) => nodeObject(place, record, node));
}

function addressFor({ state }: Place, subnetId: string, cidr: string): string {
  const nodes = Object.values(state.clusters).flatMap((record) => record.nodes);
  const taken = new Set(nodes.filter((node) => node.subnetId === subnetId).map(({ address }) => address));
  const address = freeAddress(cidr, taken, firstHost);
  if (address === undefined) throw new Error(`the subnet ${subnetId} has no address left`);
  return address;
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
  return machineNode({
    name: node.name,
    architecture: isArm ? "arm64" : "amd64",
    instanceType: node.instanceType,
    region,
    zone: node.zone,
    providerId: `aws:///${node.zone}/${node.instanceId}`,
    address: node.address,
    internalName: hostName(node.address, region),
    labels: own,
    version: gitVersionOf(group?.version ?? record.cluster.version),
    osImage: isAutoMode(record) ? "Bottlerocket (EKS Auto, Standard)" : "Amazon Linux 2023",
    capacity: { cpu: "2", memory: "3935156Ki", pods: "29" },
  });
}
