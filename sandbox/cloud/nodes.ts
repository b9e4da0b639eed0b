import { formatAddress, tryParseCidr } from "#lib/fleet/cidr.ts";
import { stringAt } from "#sandbox/json.ts";
import { newNode } from "#sandbox/kubernetes/behaviours/nodes.ts";
import { nodes, pods } from "#sandbox/kubernetes/kinds.ts";
import { type Cluster, remove } from "#sandbox/kubernetes/operations.ts";
import { ensure } from "#sandbox/kubernetes/seed.ts";
import type { NewObject } from "#sandbox/kubernetes/store.ts";

/** A machine of a cloud as its kubelet and the cloud's controller describe it. */
export interface MachineNode {
  readonly name: string;
  readonly architecture: "amd64" | "arm64";
  readonly instanceType: string;
  readonly region: string;
  /** As in the label `topology.kubernetes.io/zone`. */
  readonly zone: string;
  /** `aws:///us-east-1a/i-0123…` */
  readonly providerId: string;
  readonly address: string;
  /** Its name in the network, where the cloud gives it one. */
  readonly internalName?: string;
  /** Those of this cloud alone. */
  readonly labels: Readonly<Record<string, string>>;
  readonly taints?: readonly object[];
  /** `v1.36.1` */
  readonly version: string;
  readonly osImage: string;
  readonly capacity: { readonly cpu: string; readonly memory: string; readonly pods: string };
}

export function machineNode(machine: MachineNode): NewObject {
  const { name, architecture, instanceType, region, zone, address, internalName } = machine;
  return newNode({
    name,
    architecture,
    labels: {
      "beta.kubernetes.io/instance-type": instanceType,
      "node.kubernetes.io/instance-type": instanceType,
      "topology.kubernetes.io/region": region,
      "topology.kubernetes.io/zone": zone,
      ...machine.labels,
    },
    spec: { providerID: machine.providerId },
    taints: machine.taints ?? [],
    addresses: [
      { type: "InternalIP", address },
      ...(internalName === undefined ? [] : [{ type: "InternalDNS", address: internalName }]),
    ],
    capacity: machine.capacity,
    nodeInfo: {
      containerRuntimeVersion: "containerd://2.1.5",
      kubeletVersion: machine.version,
      osImage: machine.osImage,
    },
  });
}

/** Makes the Node objects of a cluster say what machines there are. */
export function showNodes(api: Cluster, machines: readonly NewObject[]): void {
  const versionOf = (node: unknown) => stringAt(node, "status", "nodeInfo", "kubeletVersion");
  const wanted = new Map(machines.map((machine) => [machine.metadata.name, versionOf(machine)]));
  // A machine of another version has been made anew under its name.
  const gone = api.store.list(nodes).filter((node) => wanted.get(node.metadata.name) !== versionOf(node));
  for (const { metadata } of gone) {
    remove(api, nodes, "", metadata.name);
    // Their controllers create them again on other nodes.
    for (const pod of api.store.list(pods)) {
      if (stringAt(pod, "spec", "nodeName") === metadata.name) api.store.remove(pods, pod);
    }
  }
  for (const machine of machines) ensure(api, nodes, machine);
}

/** @param firstHost addresses of a subnet below it are the cloud's own; undefined when all are taken */
export function freeAddress(cidr: string, taken: ReadonlySet<string>, firstHost: number): string | undefined {
  const range = tryParseCidr(cidr);
  for (let host = (range?.first ?? 0) + firstHost; host < (range?.last ?? 0); host++) {
    const address = formatAddress(host);
    if (!taken.has(address)) return address;
  }
  return undefined;
}
