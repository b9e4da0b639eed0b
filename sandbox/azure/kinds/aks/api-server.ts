import type { StoredResource } from "#sandbox/azure/arm/kind.ts";
import { findResource, resourcesOfType } from "#sandbox/azure/arm/store.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { authenticator } from "#sandbox/azure/kinds/aks/authenticator.ts";
import { issueTokens } from "#sandbox/azure/kinds/aks/issuer.ts";
import { sizeOf } from "#sandbox/azure/kinds/aks/limits.ts";
import { networkDaemonSet, seedCluster } from "#sandbox/azure/kinds/aks/seed.ts";
import {
  type AutoNode,
  changeHidden,
  clusterType,
  hiddenOf,
  isHosted,
  poolsOf,
  randomName,
} from "#sandbox/azure/kinds/aks/state.ts";
import { AutoNodes, type AutoNodesHost } from "#sandbox/cloud/auto-nodes.ts";
import { controlPlanesOf } from "#sandbox/cloud/control-planes.ts";
import { type LoadBalancerHost, LoadBalancers } from "#sandbox/cloud/load-balancers.ts";
import { freeAddress, machineNode } from "#sandbox/cloud/nodes.ts";
import { publicAddresses } from "#sandbox/cloud/public-addresses.ts";
import { stringAt, textsAt } from "#sandbox/json.ts";
import type { NewObject } from "#sandbox/kubernetes/store.ts";

/** Real milliseconds. */
const durations = { nodeStart: 60_000, loadBalancer: { create: 30_000, remove: 30_000 } };
/** Of the virtual network that AKS makes. */
const nodeSubnet = "10.224.0.0/16";
/** Azure keeps the first ones of a subnet. */
const firstHost = 4;
const autoNodeSize = "Standard_D4as_v5";

/** The id of a cluster's API server. */
export function serverIdOf(clusterId: string): string {
  return clusterId.toLowerCase();
}

/** Brings up the API server of a cluster: a new one, or the one that it had. @throws when its port is taken */
export async function openApiServer(cloud: AzureCloud, cluster: StoredResource): Promise<void> {
  const { id } = cluster;
  const controlPlane = await controlPlanesOf(cloud).open(serverIdOf(id), hiddenOf(cluster).controlPlane, {
    token: authenticator(cloud, id),
    issueToken: issueTokens(cloud, id),
    version: versionOf(cluster),
    networkDaemonSet: isHosted(cluster) ? undefined : networkDaemonSet,
    seed: (api) => seedCluster(api, cluster),
    controllers: [
      (api) => new LoadBalancers(api, loadBalancerHost(cloud, id)),
      (api) => new AutoNodes(api, autoNodesHost(cloud, id)),
    ],
  });
  changeHidden(cloud, id, { controlPlane });
  refreshNodes(cloud, id);
  // It may have gone with its resource group in the meantime.
  if (findResource(cloud, id) === undefined) await controlPlanesOf(cloud).remove(serverIdOf(id), controlPlane);
}

/** The clusters, as the sandbox's command line lists those of all clouds. */
export function clustersOf(cloud: AzureCloud): readonly object[] {
  return resourcesOfType(cloud, clusterType).map((cluster) => {
    const { port } = hiddenOf(cluster).controlPlane ?? {};
    return {
      name: cluster.name,
      account: cluster.id.split("/")[2],
      region: cluster.location,
      status: stringAt(cluster, "properties", "provisioningState"),
      version: stringAt(cluster, "properties", "currentKubernetesVersion"),
      endpoint: port === undefined ? null : `https://127.0.0.1:${port}`,
    };
  });
}

/** Opens the API servers that were open when the daemon ended. @param failed for clusters whose port another program has */
export async function resumeAks(cloud: AzureCloud, failed: (cluster: string, error: unknown) => void): Promise<void> {
  for (const cluster of resourcesOfType(cloud, clusterType)) {
    if (hiddenOf(cluster).controlPlane === undefined) continue;
    await openApiServer(cloud, cluster).catch((error: unknown) => failed(cluster.name, error));
  }
}

/** As the API server says it: `v1.35.7`. */
export function versionOf(cluster: StoredResource): string {
  return `v${stringAt(cluster, "properties", "currentKubernetesVersion")}`;
}

/** After any change of a cluster's machines. */
export function refreshNodes(cloud: AzureCloud, clusterId: string): void {
  const cluster = findResource(cloud, clusterId);
  if (cluster === undefined) return;
  const machines = [...poolMachines(cloud, cluster), ...autoMachines(cluster)];
  controlPlanesOf(cloud).showNodes(serverIdOf(clusterId), machines);
}

/** Machines of a scale set are named by the set and their number in it, and keep both when an upgrade replaces their disk. */
function poolMachines(cloud: AzureCloud, cluster: StoredResource): readonly NewObject[] {
  const taken = new Set<string>(hiddenOf(cluster).autoNodes.map(({ address }) => address));
  return poolsOf(cloud, cluster).flatMap((pool) => {
    const set = `aks-${pool.name}-${numberOf(cluster.id)}-vmss`;
    return Array.from({ length: pool.count }, (_, index) => {
      const address = freeAddress(nodeSubnet, taken, firstHost) ?? "";
      taken.add(address);
      return machine(cluster, {
        name: `${set}${index.toString(36).padStart(6, "0")}`,
        providerPath: `virtualMachineScaleSets/${set}/virtualMachines/${index}`,
        size: pool.vmSize,
        zone: "0",
        address,
        version: pool.currentOrchestratorVersion,
        taints: textsAt(pool, "nodeTaints").map(readTaint),
        labels: {
          agentpool: pool.name,
          "kubernetes.azure.com/agentpool": pool.name,
          "kubernetes.azure.com/mode": pool.mode.toLowerCase(),
        },
      });
    });
  });
}

function autoMachines(cluster: StoredResource): readonly NewObject[] {
  return hiddenOf(cluster).autoNodes.map(({ name, zone, address, version }) =>
    machine(cluster, {
      name,
      providerPath: `virtualMachines/${name}`,
      size: autoNodeSize,
      zone: `${cluster.location}-${zone}`,
      address,
      version,
      labels: {
        "karpenter.sh/nodepool": "default",
        "karpenter.sh/capacity-type": "on-demand",
        "karpenter.sh/initialized": "true",
        "karpenter.sh/registered": "true",
      },
    }),
  );
}

interface Machine {
  readonly name: string;
  /** After `providers/Microsoft.Compute/`. */
  readonly providerPath: string;
  readonly size: string;
  /** `0` without availability zones. */
  readonly zone: string;
  readonly address: string;
  readonly version: string;
  readonly taints?: readonly object[];
  readonly labels: Readonly<Record<string, string>>;
}

function machine(cluster: StoredResource, { providerPath, size, labels, version, ...machine }: Machine): NewObject {
  const group = stringAt(cluster, "properties", "nodeResourceGroup");
  const subscription = cluster.id.split("/")[2];
  const cores = sizeOf(size)?.cores ?? 2;
  return machineNode({
    ...machine,
    // `p` among the features of a size is for Arm.
    architecture: /^Standard_[A-Z]+\d+[a-z]*p/.test(size) ? "arm64" : "amd64",
    instanceType: size,
    region: cluster.location ?? "",
    providerId: `azure:///subscriptions/${subscription}/resourceGroups/${group.toLowerCase()}/providers/Microsoft.Compute/${providerPath}`,
    labels: { "kubernetes.azure.com/cluster": group, "kubernetes.azure.com/os-sku": "Ubuntu", ...labels },
    version: `v${version}`,
    osImage: "Ubuntu 24.04.3 LTS",
    capacity: { cpu: String(cores), memory: `${cores * 4}Gi`, pods: "250" },
  });
}

/** @param text `CriticalAddonsOnly=true:NoSchedule` */
function readTaint(text: string): object {
  const [, key = "", value = "", effect = ""] = /^([^=:]*)(?:=([^:]*))?:(.*)$/.exec(text) ?? [];
  return { key, value, effect };
}

/** Eight digits that all scale sets of a cluster have in their names. */
function numberOf(clusterId: string): string {
  return String((Bun.hash.crc32(serverIdOf(clusterId)) % 90_000_000) + 10_000_000);
}

/** Node auto-provisioning, or the machines of AKS Automatic. */
function autoNodesHost(cloud: AzureCloud, clusterId: string): AutoNodesHost {
  return {
    cloud,
    startMs: durations.nodeStart,
    count() {
      const cluster = findResource(cloud, clusterId);
      if (cluster === undefined) return undefined;
      const isAuto = stringAt(cluster, "properties", "nodeProvisioningProfile", "mode") === "Auto";
      return isAuto ? hiddenOf(cluster).autoNodes.length : undefined;
    },
    start(count) {
      const cluster = findResource(cloud, clusterId);
      if (cluster === undefined) return;
      const { autoNodes } = hiddenOf(cluster);
      const started = Array.from({ length: count }, (_, index): AutoNode => {
        const number = autoNodes.length + index;
        return {
          name: `aks-default-${randomName(5)}`,
          zone: String((number % 3) + 1),
          // Above those of node pools.
          address: `10.224.128.${firstHost + number}`,
          version: stringAt(cluster, "properties", "currentKubernetesVersion"),
        };
      });
      changeHidden(cloud, clusterId, { autoNodes: [...autoNodes, ...started] });
      refreshNodes(cloud, clusterId);
    },
  };
}

/** Public addresses in front of the node resource group's load balancer. */
function loadBalancerHost(cloud: AzureCloud, clusterId: string): LoadBalancerHost {
  return publicAddresses({
    cloud,
    durations: durations.loadBalancer,
    finalizer: "service.kubernetes.io/load-balancer-cleanup",
    read() {
      const cluster = findResource(cloud, clusterId);
      return cluster === undefined ? undefined : hiddenOf(cluster).loadBalancers;
    },
    keep: (loadBalancers) => changeHidden(cloud, clusterId, { loadBalancers }),
  });
}
