import { createHash } from "node:crypto";
import { tryParseCidr } from "#lib/fleet/cidr.ts";
import { invalidArgument } from "#sandbox/gcp/api/faults.ts";
import { formatEndpoints, readEndpoints } from "#sandbox/gcp/gke/endpoints.ts";
import { isZone } from "#sandbox/gcp/gke/faults.ts";
import { countOf, zonesOf } from "#sandbox/gcp/gke/machines.ts";
import type { ClusterNetwork } from "#sandbox/gcp/gke/network.ts";
import { checkZones, defaultScopes, poolsGiven, readPool } from "#sandbox/gcp/gke/node-pools.ts";
import { type ClusterKey, isAutopilot, nameOf, poolsOf, type StoredCluster } from "#sandbox/gcp/gke/state.ts";
import { resolveVersion } from "#sandbox/gcp/gke/versions.ts";
import { newEtag } from "#sandbox/gcp/iam/state.ts";
import { isObject, type Json, type JsonObject, objectAt, stringAt, stringsAt, textsAt } from "#sandbox/json.ts";
import { mergePatch } from "#sandbox/kubernetes/patch.ts";

const clusterName = /^[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?$/;
const region = /^[a-z]+-[a-z]+\d{1,2}(?:-[a-z])?$/;
const [podRange, serviceRange] = ["10.112.0.0/14", "34.118.224.0/20"] as const;
const [labelKey, labelValue] = [/^[a-z][a-z0-9_-]{0,62}$/, /^[a-z0-9_-]{0,63}$/];

/** As recorded for a cluster that says no more than it must. */
const defaults: JsonObject = {
  addonsConfig: {
    gcePersistentDiskCsiDriverConfig: { enabled: true },
    kubernetesDashboard: { disabled: true },
    networkPolicyConfig: { disabled: true },
  },
  anonymousAuthenticationConfig: { mode: "ENABLED" },
  autopilot: {},
  autoscaling: { autoscalingProfile: "BALANCED" },
  binaryAuthorization: {},
  databaseEncryption: { currentState: "CURRENT_STATE_DECRYPTED", state: "DECRYPTED" },
  defaultMaxPodsConstraint: { maxPodsPerNode: "110" },
  enterpriseConfig: { clusterTier: "STANDARD" },
  legacyAbac: {},
  loggingConfig: { componentConfig: { enableComponents: ["SYSTEM_COMPONENTS", "WORKLOADS"] } },
  maintenancePolicy: { resourceVersion: "e3b0c442" },
  loggingService: "logging.googleapis.com/kubernetes",
  monitoringConfig: {
    advancedDatapathObservabilityConfig: {},
    componentConfig: { enableComponents: ["SYSTEM_COMPONENTS"] },
    managedPrometheusConfig: { enabled: true },
  },
  monitoringService: "monitoring.googleapis.com/kubernetes",
  nodePoolAutoConfig: { nodeKubeletConfig: { insecureKubeletReadonlyPortEnabled: false } },
  nodePoolDefaults: { nodeConfigDefaults: { loggingConfig: { variantConfig: { variant: "DEFAULT" } } } },
  notificationConfig: { pubsub: {} },
  podAutoscaling: { hpaProfile: "PERFORMANCE" },
  rbacBindingConfig: {
    enableInsecureBindingSystemAuthenticated: true,
    enableInsecureBindingSystemUnauthenticated: true,
  },
  securityPostureConfig: { mode: "BASIC", vulnerabilityMode: "VULNERABILITY_MODE_UNSPECIFIED" },
  shieldedNodes: { enabled: true },
  userManagedKeysConfig: {},
};

/** A cluster as a request wants it, with all that it leaves out. @throws GcpFault 400 */
export function readCluster(key: ClusterKey, given: JsonObject, place: ClusterNetwork, now: Date): JsonObject {
  if (!region.test(key.location)) throw invalidArgument(`Location "${key.location}" does not exist.`);
  if (!clusterName.test(key.name)) {
    throw invalidArgument(
      `Invalid value for field "cluster.name": "${key.name}". Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?)'.`,
    );
  }
  const isAutomatic = objectAt(given, "autopilot").enabled === true;
  if (isAutomatic && isZone(key.location)) throw invalidArgument("Autopilot clusters must be regional clusters.");
  const releaseChannel = readChannel(given, isAutomatic);
  const version = resolveVersion(stringAt(releaseChannel, "channel"), stringAt(given, "initialClusterVersion"));
  const zones = textsAt(given, "locations");
  checkZones(key.location, zones);
  const plain = { ...given, nodePools: undefined, initialNodeCount: undefined, nodeConfig: undefined };
  const fields: JsonObject = {
    ...objectAt(mergePatch(defaults, plain)),
    ...networkOf(key, given, place),
    ...labelsOf(stringsAt(given, "resourceLabels")),
    ...workloadIdentityOf(key, given, isAutomatic),
    ...(isAutomatic ? autopilotFields(given) : {}),
    name: key.name,
    location: key.location,
    zone: key.location,
    locations: zones.length > 0 ? [...zones] : [...zonesOf(key.location)],
    releaseChannel,
    controlPlaneEndpointsConfig: readEndpoints(endpointsIn(given)),
    initialClusterVersion: version,
    currentMasterVersion: version,
    currentNodeVersion: version,
    createTime: now.toISOString().replace(/\.\d+Z$/, "+00:00"),
    id: createHash("sha256")
      .update(`${nameOf(key)} ${now.getTime()}`)
      .digest("hex"),
    etag: newEtag(),
    selfLink: `https://container.googleapis.com/v1/${nameOf(key)}`,
    status: "PROVISIONING",
  };
  // gcloud describes a node pool even so.
  if (isAutomatic) return fields;
  // Shown again where the request has it.
  const counted = given.initialNodeCount === undefined ? {} : { initialNodeCount: given.initialNodeCount };
  return { ...fields, ...counted, nodePools: poolsGiven(given).map((pool) => readPool({ ...key, fields }, pool)) };
}

function autopilotFields(given: JsonObject): JsonObject {
  return {
    autopilot: { ...objectAt(given, "autopilot"), enabled: true },
    autoscaling: {
      autoprovisioningNodePoolDefaults: {
        imageType: "COS_CONTAINERD",
        management: { autoRepair: true, autoUpgrade: true },
        oauthScopes: defaultScopes,
        serviceAccount: "default",
        ...objectAt(given, "autoscaling", "autoprovisioningNodePoolDefaults"),
      },
      autoscalingProfile: "OPTIMIZE_UTILIZATION",
      enableNodeAutoprovisioning: true,
    },
    verticalPodAutoscaling: { enabled: true },
  };
}

/** Without a channel only where none is asked for by its name. */
export function readChannel(given: JsonObject, isAutomatic: boolean): JsonObject {
  const channel = stringAt(given, "releaseChannel", "channel") || "REGULAR";
  if (channel !== "UNSPECIFIED") return { channel };
  if (isAutomatic) throw invalidArgument("Autopilot clusters must be enrolled in a release channel.");
  return {};
}

/** The older fields for addresses of API servers are still taken. */
function endpointsIn(given: JsonObject): JsonObject {
  const networks = given.masterAuthorizedNetworksConfig;
  const older = networks === undefined ? {} : { ipEndpointsConfig: { authorizedNetworksConfig: networks } };
  return objectAt(mergePatch(older, objectAt(given, "controlPlaneEndpointsConfig")));
}

function networkOf({ projectId, location }: ClusterKey, given: JsonObject, place: ClusterNetwork): JsonObject {
  const { network, subnetwork } = place;
  const policy = objectAt(given, "ipAllocationPolicy");
  const pods = rangeOf(stringAt(policy, "clusterIpv4CidrBlock") || stringAt(given, "clusterIpv4Cidr"), podRange);
  const services = rangeOf(stringAt(policy, "servicesIpv4CidrBlock"), serviceRange);
  const region = location.replace(/-[a-z]$/, "");
  return {
    clusterIpv4Cidr: pods,
    servicesIpv4Cidr: services,
    network,
    subnetwork,
    ipAllocationPolicy: {
      podCidrOverprovisionConfig: {},
      stackType: "IPV4",
      ...policy,
      useIpAliases: true,
      clusterIpv4Cidr: pods,
      clusterIpv4CidrBlock: pods,
      servicesIpv4Cidr: services,
      servicesIpv4CidrBlock: services,
    },
    networkConfig: {
      serviceExternalIpsConfig: {},
      ...objectAt(given, "networkConfig"),
      network: `projects/${projectId}/global/networks/${network}`,
      subnetwork: `projects/${projectId}/regions/${region}/subnetworks/${subnetwork}`,
    },
  };
}

/** @param asked a range, or only its size: `/16` @throws GcpFault 400 */
function rangeOf(asked: string, standard: string): string {
  if (asked === "") return standard;
  const range = asked.startsWith("/") ? `${standard.split("/")[0]}${asked}` : asked;
  if (tryParseCidr(range) === undefined) throw invalidArgument(`Invalid CIDR block "${asked}".`);
  return range;
}

/** @throws GcpFault 400 for another pool than the project's own */
export function workloadIdentityOf({ projectId }: ClusterKey, given: JsonObject, isAutomatic: boolean): JsonObject {
  const own = `${projectId}.svc.id.goog`;
  const asked = stringAt(given, "workloadIdentityConfig", "workloadPool");
  if (asked !== "" && asked !== own) throw invalidArgument(`Currently, the only supported workload pool is "${own}".`);
  return asked === "" && !isAutomatic ? {} : { workloadIdentityConfig: { workloadPool: own } };
}

/** Labels with the fingerprint that changes of them have to name. @throws GcpFault 400 */
export function labelsOf(resourceLabels: Readonly<Record<string, string>>): JsonObject {
  const wrong = Object.entries(resourceLabels).find(([key, value]) => !labelKey.test(key) || !labelValue.test(value));
  if (wrong !== undefined) throw invalidArgument(`Invalid resource label "${wrong[0]}": "${wrong[1]}".`);
  const sorted = JSON.stringify(Object.entries(resourceLabels).sort());
  const labelFingerprint = createHash("sha256").update(sorted).digest("hex").slice(0, 8);
  return { resourceLabels: { ...resourceLabels }, labelFingerprint };
}

/** A cluster as GKE answers it. */
export function formatCluster(cluster: StoredCluster): JsonObject {
  const { fields, autoNodes } = cluster;
  const count = poolsOf(cluster).reduce((sum, pool) => sum + countOf(pool), autoNodes.length);
  const { resourceLabels, ...others } = fields;
  const hasLabels = isObject(resourceLabels) && Object.keys(resourceLabels).length > 0;
  return {
    ...others,
    ...(hasLabels ? { resourceLabels } : {}),
    ...formatEndpoints(cluster),
    ...(isAutopilot(cluster) ? {} : poolFields(cluster)),
    ...(count === 0 || fields.status === "PROVISIONING" ? {} : { currentNodeCount: count }),
  };
}

/** Of the first pool, as clusters had one once. */
function poolFields(cluster: StoredCluster): JsonObject {
  const pools = poolsOf(cluster);
  const [first] = pools;
  if (first === undefined) return {};
  return {
    nodeConfig: first.config as Json,
    instanceGroupUrls: pools.flatMap((pool) => textsAt(pool, "instanceGroupUrls")),
  };
}
