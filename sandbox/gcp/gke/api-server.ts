import { AutoNodes, type AutoNodesHost } from "#sandbox/cloud/auto-nodes.ts";
import { publicKeyOf, signToken } from "#sandbox/cloud/cluster-issuer.ts";
import { controlPlanesOf } from "#sandbox/cloud/control-planes.ts";
import { publishKeys } from "#sandbox/cloud/issuers.ts";
import { type LoadBalancerHost, LoadBalancers } from "#sandbox/cloud/load-balancers.ts";
import { publicAddresses } from "#sandbox/cloud/public-addresses.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { authenticator } from "#sandbox/gcp/gke/authenticator.ts";
import { machinesOf } from "#sandbox/gcp/gke/machines.ts";
import { canPull, dropLoadBalancerRule, makeLoadBalancerRules } from "#sandbox/gcp/gke/network.ts";
import {
  allClusters,
  type ClusterKey,
  changeCluster,
  idOf,
  isAutopilot,
  type StoredCluster,
  tryFindCluster,
} from "#sandbox/gcp/gke/state.ts";
import { gitVersion } from "#sandbox/gcp/gke/versions.ts";
import { stringAt } from "#sandbox/json.ts";
import { daemonSets, deployments, storageClasses } from "#sandbox/kubernetes/kinds.ts";
import type { Cluster } from "#sandbox/kubernetes/operations.ts";
import { daemonSet, deployment, ensure, seedCoreDns, seedNamespaces, storageClass } from "#sandbox/kubernetes/seed.ts";
import type { IssueToken } from "#sandbox/kubernetes/token-request.ts";

/** Real milliseconds. */
const durations = { nodeStart: 90_000, loadBalancer: { create: 40_000, remove: 30_000 } };
const keyId = "sandbox-gke";
/** DaemonSet that makes the pod network. */
const networkDaemonSet = "anetd";

/** Brings up the API server of a cluster: a new one, or the one that it had. @throws when its port is taken */
export async function openApiServer(cloud: GcpCloud, cluster: StoredCluster): Promise<void> {
  const id = idOf(cluster);
  const controlPlane = await controlPlanesOf(cloud).open(id, cluster.controlPlane, {
    token: authenticator(cloud, cluster),
    issueToken: issueTokens(cloud, cluster),
    version: gitVersion(versionOf(cluster)),
    networkDaemonSet,
    canPull(image) {
      const current = tryFindCluster(cloud, cluster);
      return current !== undefined && canPull(cloud, current, image);
    },
    seed: (api) => seedCluster(api, cluster),
    controllers: [
      (api) => new LoadBalancers(api, loadBalancerHost(cloud, cluster)),
      (api) => new AutoNodes(api, autoNodesHost(cloud, cluster)),
    ],
  });
  changeCluster(cloud, cluster, { controlPlane });
  publishKeys(cloud, issuerOf(cluster), [publicKeyOf(cluster.issuerKey, keyId)]);
  refreshNodes(cloud, cluster);
}

/** Takes it away. Tokens of a cluster that is gone can't be verified. */
export async function removeApiServer(cloud: GcpCloud, cluster: StoredCluster): Promise<void> {
  publishKeys(cloud, issuerOf(cluster), []);
  await controlPlanesOf(cloud).remove(idOf(cluster), cluster.controlPlane);
}

/** Opens the API servers that were open when the daemon ended. @param failed for clusters whose port another program has */
export async function resumeApiServers(
  cloud: GcpCloud,
  failed: (cluster: string, error: unknown) => void,
): Promise<void> {
  for (const cluster of allClusters(cloud)) {
    if (cluster.controlPlane === undefined) continue;
    await openApiServer(cloud, cluster).catch((error: unknown) => failed(cluster.name, error));
  }
}

/** After any change of a cluster's machines or its version. */
export function refreshNodes(cloud: GcpCloud, key: ClusterKey): void {
  const cluster = tryFindCluster(cloud, key);
  if (cluster === undefined) return;
  controlPlanesOf(cloud).setVersion(idOf(cluster), gitVersion(versionOf(cluster)));
  controlPlanesOf(cloud).showNodes(idOf(cluster), machinesOf(cluster));
}

/** The clusters, as the sandbox's command line lists those of all clouds. */
export function clustersOf(cloud: GcpCloud): readonly object[] {
  return allClusters(cloud).map((cluster) => ({
    name: cluster.name,
    account: cluster.projectId,
    region: cluster.location,
    status: stringAt(cluster, "fields", "status"),
    version: versionOf(cluster),
    endpoint: cluster.controlPlane === undefined ? null : `https://127.0.0.1:${cluster.controlPlane.port}`,
  }));
}

function versionOf({ fields }: StoredCluster): string {
  return stringAt(fields, "currentMasterVersion");
}

/** URL of its issuer without `https://`. */
function issuerOf(cluster: ClusterKey): string {
  return `container.googleapis.com/v1/${idOf(cluster)}`;
}

/** Tokens of service accounts, for workload identity. */
function issueTokens(cloud: GcpCloud, key: ClusterKey): IssueToken {
  return async (claims) => {
    const cluster = tryFindCluster(cloud, key);
    if (cluster === undefined) throw new Error(`${idOf(key)} is gone`);
    const url = `https://${issuerOf(key)}`;
    return await signToken({ url, key: cluster.issuerKey, keyId, now: cloud.now() }, claims);
  };
}

/** What is there once the API server of a new cluster has come up. */
function seedCluster(api: Cluster, cluster: StoredCluster): void {
  const serviceSubnet = stringAt(cluster, "fields", "servicesIpv4Cidr");
  seedNamespaces(api, serviceSubnet);
  ensure(api, storageClasses, storageClass("standard-rwo", "pd.csi.storage.gke.io"));
  ensure(api, storageClasses, storageClass("premium-rwo", "pd.csi.storage.gke.io", false));
  const registry = "gke.gcr.io";
  ensure(api, daemonSets, daemonSet(networkDaemonSet, { "k8s-app": "cilium" }, `${registry}/cilium/cilium:v1.17.8`));
  ensure(
    api,
    daemonSets,
    daemonSet("gke-metadata-server", { "k8s-app": "gke-metadata-server" }, `${registry}/gke-metadata-server:0.5.1`),
  );
  seedCoreDns(api, { serviceSubnet, replicas: 2, image: `${registry}/coredns:v1.13.1` });
  ensure(
    api,
    deployments,
    deployment(
      "metrics-server",
      "kube-system",
      { "k8s-app": "metrics-server" },
      1,
      `${registry}/metrics-server:v0.8.0`,
    ),
  );
}

function autoNodesHost(cloud: GcpCloud, key: ClusterKey): AutoNodesHost {
  return {
    cloud,
    startMs: durations.nodeStart,
    count() {
      const cluster = tryFindCluster(cloud, key);
      return cluster !== undefined && isAutopilot(cluster) ? cluster.autoNodes.length : undefined;
    },
    start(count) {
      const cluster = tryFindCluster(cloud, key);
      if (cluster === undefined) return;
      const { autoNodes } = cluster;
      const version = versionOf(cluster);
      const started = Array.from({ length: count }, (_, index) => ({ number: autoNodes.length + index, version }));
      changeCluster(cloud, key, { autoNodes: [...autoNodes, ...started] });
      refreshNodes(cloud, key);
    },
  };
}

function loadBalancerHost(cloud: GcpCloud, key: ClusterKey): LoadBalancerHost {
  const host = publicAddresses({
    cloud,
    durations: durations.loadBalancer,
    finalizer: "service.kubernetes.io/load-balancer-cleanup",
    read: () => tryFindCluster(cloud, key)?.loadBalancers,
    keep: (loadBalancers) => changeCluster(cloud, key, { loadBalancers }),
  });
  return {
    ...host,
    make(service) {
      host.make(service);
      const cluster = tryFindCluster(cloud, key);
      if (cluster !== undefined) makeLoadBalancerRules(cloud, cluster, service.metadata.uid);
    },
    drop(uid) {
      host.drop(uid);
      dropLoadBalancerRule(cloud, key, uid);
    },
  };
}
