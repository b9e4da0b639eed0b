import type { ClusterRecord } from "#sandbox/aws/eks/state.ts";
import { daemonSets, deployments, serviceAccounts, storageClasses } from "#sandbox/kubernetes/kinds.ts";
import { type Cluster, remove } from "#sandbox/kubernetes/operations.ts";
import {
  daemonSet,
  ensure,
  seedCoreDns,
  seedNamespaces,
  serviceAccount,
  storageClass,
} from "#sandbox/kubernetes/seed.ts";

/** DaemonSet that makes the pod network; nodes of Auto Mode bring theirs along. */
export const networkDaemonSet = "aws-node";

const system = "kube-system";
const registry = "602401143452.dkr.ecr.us-east-1.amazonaws.com";

export function isAutoMode({ cluster }: Pick<ClusterRecord, "cluster">): boolean {
  return cluster.computeConfig?.enabled === true;
}

/** What is there once the API server of a new cluster has come up. */
export function seedCluster(api: Cluster, record: ClusterRecord): void {
  seedNamespaces(api, record.cluster.kubernetesNetworkConfig.serviceIpv4Cidr);
  // Auto Mode runs name resolution, network and storage on its nodes, and not as workloads.
  if (isAutoMode(record)) return;
  ensure(api, storageClasses, storageClass("gp2", "kubernetes.io/aws-ebs", false));
  if (!record.selfManagedAddons) return;
  for (const name of ["vpc-cni", "coredns", "kube-proxy"]) installAddon(api, record, name);
}

/** The workloads of an addon. Made once: an addon takes over what is there. */
export function installAddon(api: Cluster, { cluster }: Pick<ClusterRecord, "cluster">, addon: string): void {
  switch (addon) {
    case "vpc-cni":
      ensure(api, serviceAccounts, serviceAccount(system, "aws-node"));
      ensure(
        api,
        daemonSets,
        daemonSet(networkDaemonSet, { "k8s-app": "aws-node" }, `${registry}/amazon-k8s-cni:v1.21.1`),
      );
      return;
    case "kube-proxy":
      ensure(
        api,
        daemonSets,
        daemonSet("kube-proxy", { "k8s-app": "kube-proxy" }, `${registry}/eks/kube-proxy:v${cluster.version}.0`),
      );
      return;
    case "coredns":
      seedCoreDns(api, {
        serviceSubnet: cluster.kubernetesNetworkConfig.serviceIpv4Cidr,
        replicas: 2,
        image: `${registry}/eks/coredns:v1.13.1`,
        labels: { "eks.amazonaws.com/component": "coredns" },
      });
      return;
    case "eks-pod-identity-agent":
      ensure(
        api,
        daemonSets,
        daemonSet(addon, { "app.kubernetes.io/name": addon }, `${registry}/eks/eks-pod-identity-agent:v0.1.33`),
      );
      return;
    default:
      throw new Error(`the sandbox has no workloads for the addon ${addon}`);
  }
}

/** Takes away what `installAddon` has made and pods run of; names of Services and accounts stay, as on AWS. */
export function uninstallAddon(api: Cluster, addon: string): void {
  const kind = addon === "coredns" ? deployments : daemonSets;
  const name = addon === "vpc-cni" ? networkDaemonSet : addon;
  if (api.store.get(kind, system, name) !== undefined) remove(api, kind, system, name);
}
