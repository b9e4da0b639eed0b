import { permanentNamespaces } from "#sandbox/kubernetes/admission.ts";
import { newNode } from "#sandbox/kubernetes/behaviours/nodes.ts";
import {
  configMaps,
  daemonSets,
  deployments,
  type Kind,
  namespaces,
  nodes,
  serviceAccounts,
  services,
  storageClasses,
} from "#sandbox/kubernetes/kinds.ts";
import { type Cluster, create } from "#sandbox/kubernetes/operations.ts";
import type { NewObject } from "#sandbox/kubernetes/store.ts";

export interface ClusterSeed {
  readonly distribution: "kind" | "k3s";
  /** Image tag's version, as in `v1.36.1`. */
  readonly version: string;
  readonly podSubnet: string;
  readonly serviceSubnet: string;
}

export interface NodeSeed {
  readonly name: string;
  readonly role: "control-plane" | "worker";
  readonly address: string;
  /** Labels of the configuration. */
  readonly labels: Readonly<Record<string, string>>;
  /** 0 for the first node: its number in the pod subnet. */
  readonly index: number;
  /** kind keeps pods off the control plane of clusters with workers. */
  readonly tainted: boolean;
  /** Name of the kind cluster; undefined for k3s. */
  readonly kindCluster: string | undefined;
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** What is there once the API server of a new cluster has come up. */
export function seedControlPlane(cluster: Cluster, seed: ClusterSeed): void {
  seedNamespaces(cluster, seed.serviceSubnet);
  const kind = seed.distribution === "kind";
  seedCoreDns(cluster, { ...seed, replicas: kind ? 2 : 1, image: CORE_DNS[seed.distribution] });
  if (!kind) return;
  const image = `registry.k8s.io/kube-proxy:${seed.version}`;
  ensure(cluster, daemonSets, daemonSet("kube-proxy", { "k8s-app": "kube-proxy" }, image));
}

/** What every API server has: its namespaces, and the Service of itself. */
export function seedNamespaces(cluster: Cluster, serviceSubnet: string): void {
  for (const name of permanentNamespaces)
    ensure(cluster, namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  ensure(cluster, services, service("default", "kubernetes", addressIn(serviceSubnet, 1), [443], {}));
}

export interface CoreDnsSeed {
  readonly serviceSubnet: string;
  readonly replicas: number;
  readonly image: string;
  /** Of its Deployment, besides `k8s-app`. */
  readonly labels?: Readonly<Record<string, string>>;
}

export function seedCoreDns(cluster: Cluster, { serviceSubnet, replicas, image, labels = {} }: CoreDnsSeed): void {
  const selector = { "k8s-app": "kube-dns" };
  ensure(cluster, services, service("kube-system", "kube-dns", addressIn(serviceSubnet, 10), [53, 9153], selector));
  ensure(cluster, serviceAccounts, serviceAccount("kube-system", "coredns"));
  ensure(cluster, configMaps, coreDnsSettings);
  ensure(cluster, deployments, deployment("coredns", "kube-system", { ...selector, ...labels }, replicas, image));
}

/** kind's step "Installing CNI". */
export function seedNetwork(cluster: Cluster): void {
  ensure(
    cluster,
    daemonSets,
    daemonSet("kindnet", { app: "kindnet" }, "docker.io/kindest/kindnetd:v20260528-9350a3b1"),
  );
}

/** kind's step "Installing StorageClass". */
export function seedStorage(cluster: Cluster): void {
  ensure(cluster, namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "local-path-storage" } });
  ensure(
    cluster,
    deployments,
    deployment(
      "local-path-provisioner",
      "local-path-storage",
      { app: "local-path-provisioner" },
      1,
      "docker.io/kindest/local-path-provisioner:v20260528-9350a3b1",
    ),
  );
  ensure(cluster, storageClasses, storageClass("standard"));
}

/** A kubelet registers its node: NotReady until the pod network is there. */
export function seedNode(cluster: Cluster, seed: ClusterSeed, node: NodeSeed): void {
  const kind = seed.distribution === "kind";
  const controlPlane = node.role === "control-plane";
  const roleLabels = controlPlane
    ? {
        "node-role.kubernetes.io/control-plane": kind ? "" : "true",
        ...(kind ? { "node.kubernetes.io/exclude-from-external-load-balancers": "" } : {}),
      }
    : {};
  const podCIDR = subnetOf(seed.podSubnet, node.index);
  const object = newNode({
    name: node.name,
    architecture: "amd64",
    labels: {
      ...(kind ? {} : { "beta.kubernetes.io/instance-type": "k3s", "node.kubernetes.io/instance-type": "k3s" }),
      ...node.labels,
      ...roleLabels,
    },
    spec: {
      podCIDR,
      podCIDRs: [podCIDR],
      providerID: kind ? `kind://docker/${node.kindCluster}/${node.name}` : `k3s://${node.name}`,
    },
    taints: node.tainted ? [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }] : [],
    addresses: [{ type: "InternalIP", address: node.address }],
    capacity: { cpu: String(node.cpus), memory: `${Math.floor(node.memoryBytes / 1024)}Ki`, pods: "110" },
    nodeInfo: {
      containerRuntimeVersion: kind ? "containerd://2.2.1" : "containerd://2.2.1-k3s1",
      kubeletVersion: gitVersion(seed),
      osImage: kind ? "Debian GNU/Linux 13 (trixie)" : "K3s dev",
    },
  });
  ensure(cluster, nodes, object);
}

/** `v1.36.1` for kind, `v1.36.1+k3s1` for k3s. */
export function gitVersion(seed: Pick<ClusterSeed, "version" | "distribution">): string {
  return seed.distribution === "kind" ? seed.version : seed.version.replace(/-(k3s\d+)$/, "+$1");
}

const coreDnsSettings: NewObject = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "coredns", namespace: "kube-system" },
  data: { Corefile: ".:53 {\n    errors\n    health\n    ready\n    forward . /etc/resolv.conf\n}\n" },
};

const CORE_DNS = {
  kind: "registry.k8s.io/coredns/coredns:v1.14.2",
  k3s: "rancher/mirrored-coredns-coredns:1.14.2",
} as const;

/** Seeding twice changes nothing. */
export function ensure(cluster: Cluster, kind: Kind, object: NewObject): void {
  const namespace = object.metadata.namespace ?? "";
  if (cluster.store.get(kind, namespace, object.metadata.name) !== undefined) return;
  create(cluster, kind, namespace, object as Parameters<typeof create>[3]);
}

export function serviceAccount(namespace: string, name: string): NewObject {
  return { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } };
}

function service(
  namespace: string,
  name: string,
  clusterIP: string,
  ports: readonly number[],
  selector: Readonly<Record<string, string>>,
): NewObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace, labels: selector },
    spec: {
      type: "ClusterIP",
      clusterIP,
      clusterIPs: [clusterIP],
      ports: ports.map((port) => ({ name: `port-${port}`, port, protocol: "TCP", targetPort: port })),
      ...(Object.keys(selector).length === 0 ? {} : { selector }),
    },
    status: { loadBalancer: {} },
  };
}

function podSpec(name: string, image: string): Readonly<Record<string, unknown>> {
  return {
    containers: [{ name, image, imagePullPolicy: "IfNotPresent", resources: {} }],
    restartPolicy: "Always",
    dnsPolicy: "ClusterFirst",
    schedulerName: "default-scheduler",
    priorityClassName: "system-cluster-critical",
  };
}

export function deployment(
  name: string,
  namespace: string,
  labels: Readonly<Record<string, string>>,
  replicas: number,
  image: string,
): NewObject {
  const tolerations = [
    { key: "CriticalAddonsOnly", operator: "Exists" },
    { key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" },
  ];
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: 1 } },
      template: { metadata: { labels }, spec: { ...podSpec(name, image), tolerations } },
    },
  };
}

export function daemonSet(name: string, labels: Readonly<Record<string, string>>, image: string): NewObject {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name, namespace: "kube-system", labels },
    spec: {
      selector: { matchLabels: labels },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      template: {
        metadata: { labels },
        spec: { ...podSpec(name, image), hostNetwork: true, tolerations: [{ operator: "Exists" }] },
      },
    },
  };
}

export function storageClass(name: string, provisioner = "rancher.io/local-path", isDefault = true): NewObject {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: {
      name,
      ...(isDefault ? { annotations: { "storageclass.kubernetes.io/is-default-class": "true" } } : {}),
    },
    provisioner,
    reclaimPolicy: "Delete",
    volumeBindingMode: "WaitForFirstConsumer",
  };
}

/** The n-th address of an IPv4 subnet. */
function addressIn(subnet: string, n: number): string {
  const [base = "0.0.0.0"] = subnet.split("/");
  const value = base.split(".").reduce((sum, part) => sum * 256 + Number(part), 0) + n;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** The n-th /24 of an IPv4 subnet: the pods of one node. */
export function subnetOf(subnet: string, n: number): string {
  return `${addressIn(subnet, n * 256)}/24`;
}
