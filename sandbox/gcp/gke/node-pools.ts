import { createHash } from "node:crypto";
import { invalidArgument } from "#sandbox/gcp/api/faults.ts";
import { checkMachineType, zonesOf } from "#sandbox/gcp/gke/machines.ts";
import { idOf, nameOf, type StoredCluster } from "#sandbox/gcp/gke/state.ts";
import { checkSkew } from "#sandbox/gcp/gke/versions.ts";
import { isObject, type JsonObject, numberAt, objectAt, stringAt, textsAt } from "#sandbox/json.ts";
import { mergePatch } from "#sandbox/kubernetes/patch.ts";

const poolName = /^[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?$/;
const mostNodes = 1_000;

export const defaultScopes = [
  "https://www.googleapis.com/auth/devstorage.read_only",
  "https://www.googleapis.com/auth/logging.write",
  "https://www.googleapis.com/auth/monitoring",
  "https://www.googleapis.com/auth/service.management.readonly",
  "https://www.googleapis.com/auth/servicecontrol",
  "https://www.googleapis.com/auth/trace.append",
];

/** As recorded for a pool that says no more than it must. */
const defaultConfig: JsonObject = {
  bootDisk: { diskType: "pd-balanced", sizeGb: "100" },
  diskSizeGb: 100,
  diskType: "pd-balanced",
  effectiveCgroupMode: "EFFECTIVE_CGROUP_MODE_V2",
  imageType: "COS_CONTAINERD",
  kubeletConfig: { insecureKubeletReadonlyPortEnabled: false, maxParallelImagePulls: 2 },
  machineType: "e2-medium",
  metadata: { "disable-legacy-endpoints": "true" },
  oauthScopes: defaultScopes,
  resourceLabels: { "goog-gke-node-pool-provisioning-model": "on-demand" },
  serviceAccount: "default",
  shieldedInstanceConfig: { enableIntegrityMonitoring: true },
  windowsNodeConfig: {},
};

const defaults: JsonObject = {
  initialNodeCount: 0,
  management: { autoRepair: true, autoUpgrade: true },
  maxPodsConstraint: { maxPodsPerNode: "110" },
  podIpv4CidrSize: 24,
  upgradeSettings: { maxSurge: 1, strategy: "SURGE" },
};

/** The whole pool from what a request says of it. @throws GcpFault 400 */
export function readPool(
  cluster: Pick<StoredCluster, "projectId" | "location" | "name" | "fields">,
  given: JsonObject,
): JsonObject {
  const name = stringAt(given, "name");
  if (!poolName.test(name)) throw invalidArgument(`Invalid value for field "node_pool.name": "${name}".`);
  const config = objectAt(mergePatch(defaultConfig, objectAt(given, "config")));
  checkMachineType(stringAt(config, "machineType"), cluster.location);
  const count = numberAt(given, "initialNodeCount") ?? 0;
  if (count < 0 || count > mostNodes)
    throw invalidArgument(`NodePool.initial_node_count must be between 0 and ${mostNodes}.`);
  const master = stringAt(cluster, "fields", "currentMasterVersion");
  const version = stringAt(given, "version") || master;
  checkSkew(version, master);
  const zones = textsAt(given, "locations");
  checkZones(cluster.location, zones);
  const locations = zones.length > 0 ? zones : textsAt(cluster, "fields", "locations");
  const isPrivate = objectAt(cluster, "fields", "networkConfig").defaultEnablePrivateNodes === true;
  const network = {
    ...(isPrivate ? { enablePrivateNodes: true } : {}),
    podIpv4CidrBlock: stringAt(cluster, "fields", "clusterIpv4Cidr"),
  };
  const merged = mergePatch(defaults, { ...given, networkConfig: { ...network, ...objectAt(given, "networkConfig") } });
  return {
    ...(isObject(merged) ? merged : {}),
    name,
    config,
    version,
    locations: [...locations],
    instanceGroupUrls: locations.map((zone) => groupUrl(cluster, name, zone)),
    selfLink: `https://container.googleapis.com/v1/${nameOf(cluster)}/nodePools/${name}`,
    status: "PROVISIONING",
  };
}

function groupUrl(cluster: Parameters<typeof readPool>[0], pool: string, zone: string): string {
  const hash = createHash("sha256")
    .update(`${idOf(cluster)} ${pool}`)
    .digest("hex")
    .slice(0, 8);
  const place = `https://www.googleapis.com/compute/v1/projects/${cluster.projectId}/zones/${zone}`;
  return `${place}/instanceGroupManagers/gke-${cluster.name.slice(0, 20)}-${pool.slice(0, 15)}-${hash}-grp`;
}

/** What a request says of the machines of a new cluster, as pools. @throws GcpFault 400 */
export function poolsGiven(given: JsonObject): readonly JsonObject[] {
  const pools = Array.isArray(given.nodePools) ? given.nodePools.filter(isObject) : [];
  const count = numberAt(given, "initialNodeCount") ?? 0;
  if (pools.length > 0) {
    if (count > 0 || given.nodeConfig !== undefined) {
      throw invalidArgument(
        "Cluster.initial_node_count and Cluster.node_config must not be set together with Cluster.node_pools.",
      );
    }
    const names = pools.map((pool) => stringAt(pool, "name"));
    if (new Set(names).size < names.length) throw invalidArgument("Node pool names must be unique.");
    return pools;
  }
  if (count < 1) throw invalidArgument("Cluster.initial_node_count must be greater than zero.");
  return [{ name: "default-pool", initialNodeCount: count, config: objectAt(given, "nodeConfig") }];
}

/** @throws GcpFault 400 for zones of another region */
export function checkZones(location: string, zones: readonly string[]): void {
  const region = location.replace(/-[a-z]$/, "");
  const wrong = zones.find((zone) => !/-[a-z]$/.test(zone) || zone.replace(/-[a-z]$/, "") !== region);
  if (wrong !== undefined)
    throw invalidArgument(`Location "${wrong}" is not in region "${region}" (${zonesOf(region).join(", ")}).`);
}
