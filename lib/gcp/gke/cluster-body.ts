import type { BodyRules } from "#lib/cloud/body.ts";
import { minorOf } from "#lib/cloud/upgrade.ts";
import type { Json } from "#lib/gcp/clients.ts";
import { defaultNodePool, kubernetesOfGke } from "#lib/gcp/fleet/defaults.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";
import { emailOf, gkeNameOf, serviceAccountNames } from "#lib/gcp/names.ts";

/** Name of the only node pool of a standard cluster. */
const poolName = "default";
/** Access of nodes is their service account's roles; scopes limit it only further. */
const scopes = ["https://www.googleapis.com/auth/cloud-platform"];

/** What is compared with a cluster that exists, as GKE answers it. */
export function clusterBody(account: GcpAccount, cluster: GkeCluster): Json {
  return {
    autopilot: { enabled: isAutopilot(cluster) },
    currentMasterVersion: kubernetesOfGke(cluster),
    releaseChannel: { channel: channelOf(cluster) },
    controlPlaneEndpointsConfig: endpointsOf(cluster),
    network: gkeNameOf(cluster),
    subnetwork: gkeNameOf(cluster),
    networkConfig: { defaultEnablePrivateNodes: true },
    workloadIdentityConfig: { workloadPool: workloadPoolOf(account) },
    ipAllocationPolicy: {
      clusterIpv4CidrBlock: cluster.podCidr,
      servicesIpv4CidrBlock: cluster.serviceCidr,
    },
    ...(isAutopilot(cluster) ? {} : { nodePools: [wantedPool(cluster)] }),
  };
}

/** What a new cluster is created from. @param version of GKE: `1.36.2-gke.1234000` */
export function newCluster(account: GcpAccount, cluster: GkeCluster, version: string, resourceLabels: Json): Json {
  const { currentMasterVersion: _, nodePools: __, ipAllocationPolicy, ...body } = clusterBody(account, cluster);
  const serviceAccount = emailOf(account, serviceAccountNames.nodes);
  return {
    ...body,
    name: gkeNameOf(cluster),
    initialClusterVersion: version,
    resourceLabels,
    ipAllocationPolicy: { ...withoutUndefined(ipAllocationPolicy), useIpAliases: true },
    ...(isAutopilot(cluster)
      ? { autoscaling: { autoprovisioningNodePoolDefaults: { serviceAccount, oauthScopes: scopes } } }
      : { nodePools: [newPool(cluster, serviceAccount)] }),
  };
}

function withoutUndefined(value: unknown): Json {
  return Object.fromEntries(Object.entries(Object(value)).filter(([, one]) => one !== undefined));
}

function wantedPool({ nodePool: { machineType, countPerZone } = defaultNodePool }: GkeCluster) {
  return { name: poolName, initialNodeCount: countPerZone, config: { machineType } };
}

function newPool(cluster: GkeCluster, serviceAccount: string): Json {
  const { config, ...pool } = wantedPool(cluster);
  // Pods get credentials of their own service accounts, and not the node's.
  const workloadMetadataConfig = { mode: "GKE_METADATA" };
  return { ...pool, config: { ...config, serviceAccount, oauthScopes: scopes, workloadMetadataConfig } };
}

function isAutopilot({ mode = "autopilot" }: GkeCluster): boolean {
  return mode === "autopilot";
}

export function channelOf({ releaseChannel = "regular" }: GkeCluster): string {
  return releaseChannel.toUpperCase();
}

/** Pods of all clusters of a project get their credentials from this pool. */
export function workloadPoolOf({ projectId }: Pick<GcpAccount, "projectId">): string {
  return `${projectId}.svc.id.goog`;
}

/** How the API server is reached: by its name, where IAM admits, or by a public address from some ranges. */
function endpointsOf({ publicAccessCidrs: ranges }: GkeCluster): Json {
  if (ranges === undefined) {
    return { dnsEndpointConfig: { allowExternalTraffic: true }, ipEndpointsConfig: { enabled: false } };
  }
  return {
    dnsEndpointConfig: { allowExternalTraffic: false },
    ipEndpointsConfig: {
      enabled: true,
      enablePublicEndpoint: true,
      authorizedNetworksConfig: {
        enabled: true,
        // Else every machine in Google Cloud is let in, of whatever customer.
        gcpPublicCidrsAccessEnabled: false,
        cidrBlocks: ranges.map((cidrBlock) => ({ cidrBlock })),
      },
    },
  };
}

/** GKE takes names and paths, and answers names. */
function isNamed(wanted: unknown, found: unknown): boolean {
  return String(found).split("/").at(-1) === wanted;
}

/** How a cluster is compared. GKE upgrades it within its channel: the fleet's version is the lower bound. */
export const clusterRules: BodyRules = {
  immutable: ["autopilot", "ipAllocationPolicy", "network", "nodePools", "subnetwork"],
  sets: ["controlPlaneEndpointsConfig.ipEndpointsConfig.authorizedNetworksConfig.cidrBlocks"],
  same: {
    currentMasterVersion: (wanted, found) => minorOf(String(wanted)) <= minorOf(String(found)),
    network: isNamed,
    subnetwork: isNamed,
  },
};

/** Updates, in the order in which they are made: GKE takes one of them at a time. @param fields that differ, by their first part */
export function updatesOf(fields: readonly string[], body: Json, version: () => string): readonly Json[] {
  const updates: Readonly<Record<string, () => Json>> = {
    releaseChannel: () => ({ desiredReleaseChannel: body.releaseChannel }),
    currentMasterVersion: () => ({ desiredMasterVersion: version() }),
    controlPlaneEndpointsConfig: () => ({ desiredControlPlaneEndpointsConfig: body.controlPlaneEndpointsConfig }),
    networkConfig: () => ({ desiredDefaultEnablePrivateNodes: true }),
    workloadIdentityConfig: () => ({ desiredWorkloadIdentityConfig: body.workloadIdentityConfig }),
  };
  return Object.entries(updates).flatMap(([field, update]) => (fields.includes(field) ? [update()] : []));
}
