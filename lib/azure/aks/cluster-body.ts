import type { Json } from "#lib/azure/clients.ts";
import { aksRanges, defaultSystemNodes, kubernetesOfAks } from "#lib/azure/fleet/defaults.ts";
import type { AksCluster } from "#lib/azure/fleet/types.ts";
import { aksNameOf, nodeGroupOf } from "#lib/azure/names.ts";
import type { BodyRule, BodyRules } from "#lib/cloud/body.ts";
import { minorOf } from "#lib/cloud/upgrade.ts";
import { formatAddress, tryParseCidr } from "#lib/fleet/cidr.ts";

/** Length of the first label of the API server's name: https://learn.microsoft.com/azure/aks/aks-resource-limits */
const longestPrefix = 54;
/** Kubernetes' own is the first address of the range; AKS asks for another one. */
const dnsAddress = 10;
/** No address of the internet, because an empty list allows all: https://learn.microsoft.com/azure/aks/api-server-authorized-ip-ranges */
const nobody = "0.0.0.0/32";

/** An AKS cluster as Resource Manager takes it. Undefined fields keep what AKS chooses. */
export function clusterBody(cluster: AksCluster): Json {
  const isAutomatic = cluster.mode === "automatic";
  const version = kubernetesOfAks(cluster);
  return {
    location: cluster.region,
    sku: { name: isAutomatic ? "Automatic" : "Base", tier: "Standard" },
    identity: { type: "SystemAssigned" },
    properties: {
      kubernetesVersion: version,
      dnsPrefix: aksNameOf(cluster).slice(0, longestPrefix).replace(/-+$/, ""),
      nodeResourceGroup: nodeGroupOf(cluster),
      enableRBAC: true,
      // Entra's users and identities only, by roles of Azure.
      disableLocalAccounts: true,
      aadProfile: { managed: true, enableAzureRBAC: true },
      oidcIssuerProfile: { enabled: true },
      securityProfile: { workloadIdentity: { enabled: true } },
      apiServerAccessProfile: { authorizedIPRanges: rangesOf(cluster) },
      networkProfile: networkOf(cluster, isAutomatic),
      ...(isAutomatic ? {} : nodesOf(cluster, version)),
      autoUpgradeProfile: {
        // Automatic upgrades itself, unless the fleet chooses how.
        upgradeChannel: cluster.upgradeChannel ?? (isAutomatic ? undefined : "none"),
        nodeOSUpgradeChannel: "NodeImage",
      },
    },
  };
}

/** AKS Automatic has the same network, and takes only its ranges. */
function networkOf({ podCidr = aksRanges.pods, serviceCidr = aksRanges.services }: AksCluster, isAutomatic: boolean) {
  const ranges = { podCidr, serviceCidr, dnsServiceIP: dnsServiceIp(serviceCidr) };
  if (isAutomatic) return ranges;
  return {
    ...ranges,
    networkPlugin: "azure",
    networkPluginMode: "overlay",
    networkDataplane: "cilium",
    networkPolicy: "cilium",
  };
}

/** System nodes, and node auto-provisioning for workloads. AKS Automatic decides both. */
function nodesOf(cluster: AksCluster, version: string): Json {
  const { vmSize, count } = cluster.systemNodes ?? defaultSystemNodes;
  return {
    agentPoolProfiles: [
      {
        name: "system",
        mode: "System",
        type: "VirtualMachineScaleSets",
        osType: "Linux",
        orchestratorVersion: version,
        vmSize,
        count,
      },
    ],
    nodeProvisioningProfile: { mode: "Auto" },
  };
}

function dnsServiceIp(serviceCidr: string): string | undefined {
  const range = tryParseCidr(serviceCidr);
  return range === undefined ? undefined : formatAddress(range.first + dnsAddress);
}

/** A range of all addresses is no limit, which AKS writes as an empty list. */
function rangesOf({ publicAccessCidrs: ranges }: AksCluster): readonly string[] {
  if (ranges.length === 0) return [nobody];
  return ranges.some((range) => range.endsWith("/0")) ? [] : ranges.toSorted();
}

/** How a cluster is compared and changed. */
export function clusterRules({ upgradeChannel = "none" }: AksCluster): BodyRules {
  // AKS answers the patch, and its own upgrades are no drift.
  const same: BodyRule = (wanted, found) => {
    const [to, from] = [minorOf(String(wanted)), minorOf(String(found))];
    return upgradeChannel === "none" || upgradeChannel === "patch" ? to === from : to <= from;
  };
  const isDowngrade: BodyRule = (wanted, found) => minorOf(String(wanted)) < minorOf(String(found));
  const version = "properties.kubernetesVersion";
  const nodeVersion = "properties.agentPoolProfiles.orchestratorVersion";
  return {
    immutable: [
      "location",
      "sku.name",
      "properties.agentPoolProfiles.vmSize",
      "properties.dnsPrefix",
      "properties.networkProfile",
      "properties.nodeResourceGroup",
    ],
    anyCase: ["location", "sku", "identity", "properties.agentPoolProfiles", "properties.nodeResourceGroup"],
    sets: ["properties.apiServerAccessProfile.authorizedIPRanges"],
    same: { [version]: same, [nodeVersion]: same },
    replaces: { [version]: isDowngrade, [nodeVersion]: isDowngrade },
  };
}
