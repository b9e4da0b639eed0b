import type { StoredResource } from "#sandbox/azure/arm/kind.ts";
import { isHosted } from "#sandbox/azure/kinds/aks/state.ts";
import { objectAt, stringAt } from "#sandbox/json.ts";
import { daemonSets, deployments, storageClasses } from "#sandbox/kubernetes/kinds.ts";
import type { Cluster } from "#sandbox/kubernetes/operations.ts";
import { daemonSet, deployment, ensure, seedCoreDns, seedNamespaces, storageClass } from "#sandbox/kubernetes/seed.ts";

/** DaemonSet that makes the pod network of node pools. */
export const networkDaemonSet = "azure-cns";

const registry = "mcr.microsoft.com/oss/v2/kubernetes";

/** What is there once the API server of a new cluster has come up. */
export function seedCluster(api: Cluster, cluster: StoredResource): void {
  const serviceSubnet = stringAt(cluster, "properties", "networkProfile", "serviceCidr");
  const version = stringAt(cluster, "properties", "currentKubernetesVersion");
  seedNamespaces(api, serviceSubnet);
  ensure(api, storageClasses, storageClass("default", "disk.csi.azure.com"));
  ensure(api, storageClasses, storageClass("azurefile-csi", "file.csi.azure.com", false));
  // AKS Automatic runs the rest on machines that nobody sees.
  if (isHosted(cluster)) return;
  const network = "mcr.microsoft.com/containernetworking/azure-cns:v1.7.8";
  ensure(api, daemonSets, daemonSet(networkDaemonSet, { "k8s-app": networkDaemonSet }, network));
  ensure(api, daemonSets, daemonSet("kube-proxy", { component: "kube-proxy" }, `${registry}/kube-proxy:v${version}`));
  seedCoreDns(api, { serviceSubnet, replicas: 2, image: `${registry}/coredns:v1.13.1` });
  deploy(api, "metrics-server", `${registry}/metrics-server:v0.8.0`);
  if (objectAt(cluster, "properties", "securityProfile", "workloadIdentity").enabled === true) {
    deploy(api, "azure-wi-webhook-controller-manager", "mcr.microsoft.com/oss/azure/workload-identity/webhook:v1.5.1");
  }
}

function deploy(api: Cluster, name: string, image: string): void {
  ensure(api, deployments, deployment(name, "kube-system", { app: name }, 2, image));
}
