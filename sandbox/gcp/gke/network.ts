import { createHash } from "node:crypto";
import { overlap, tryParseCidr } from "#lib/fleet/cidr.ts";
import type { GcpCall } from "#sandbox/gcp/api/behaviour.ts";
import { invalidArgument } from "#sandbox/gcp/api/faults.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import {
  nameOf as computeName,
  defaultNetwork,
  drop,
  linkTo,
  listIn,
  pathIn,
  store,
  tryFind,
} from "#sandbox/gcp/compute/state.ts";
import { allClusters, type ClusterKey, idOf, type StoredCluster } from "#sandbox/gcp/gke/state.ts";
import { newId } from "#sandbox/gcp/iam/state.ts";
import { type JsonObject, listAt, objectAt, stringAt } from "#sandbox/json.ts";

/** Names of a network and of a subnetwork in it. */
export interface ClusterNetwork {
  readonly network: string;
  readonly subnetwork: string;
}

/** Where a new cluster is to be. @throws GcpFault 400 */
export function findClusterNetwork({ cloud }: GcpCall, key: ClusterKey, given: JsonObject): ClusterNetwork {
  const { projectId } = key;
  const network = lastWord(stringAt(given, "network")) || defaultNetwork;
  const found = tryFind(cloud, projectId, `global/networks/${network}`);
  if (found === undefined) throw invalidArgument(`Project "${projectId}" has no network named "${network}".`);
  const isAuto = found.autoCreateSubnetworks === true;
  const subnetwork = lastWord(stringAt(given, "subnetwork")) || (isAuto ? network : "");
  if (subnetwork === "") {
    throw invalidArgument(`Network "${network}" uses manual subnet mode and requires specifying a subnetwork.`);
  }
  const path = subnetworkPath(key.location, subnetwork);
  const isIn = stringAt(tryFind(cloud, projectId, path), "network") === stringAt(found, "selfLink");
  if (isIn || (isAuto && subnetwork === network)) return { network, subnetwork };
  throw invalidArgument(`Subnetwork "${computeName(projectId, path)}" is not valid for Network "${network}".`);
}

/** @throws GcpFault 400 for pods or services with addresses of nodes */
export function checkRanges({ cloud }: GcpCall, { projectId, location }: ClusterKey, fields: JsonObject): void {
  const subnetwork = tryFind(cloud, projectId, subnetworkPath(location, stringAt(fields, "subnetwork")));
  const nodes = tryParseCidr(stringAt(subnetwork, "ipCidrRange"));
  if (nodes === undefined) return;
  for (const field of ["clusterIpv4Cidr", "servicesIpv4Cidr"]) {
    const text = stringAt(fields, field);
    const range = tryParseCidr(text);
    if (range === undefined || !overlap(nodes, range)) continue;
    throw invalidArgument(
      `Requested CIDR ${text} conflicts with ${stringAt(subnetwork, "ipCidrRange")} of subnetwork "${stringAt(subnetwork, "name")}".`,
    );
  }
}

/** What keeps a subnetwork from being deleted: an address of a control plane in it. @param path below the project */
export function subnetworkUser(cloud: GcpCloud, projectId: string, path: string): string | undefined {
  const user = allClusters(cloud).find(
    (cluster) =>
      cluster.projectId === projectId &&
      stringAt(cluster, "fields", "networkConfig", "subnetwork") === computeName(projectId, path),
  );
  if (user === undefined) return undefined;
  const [, region] = path.split("/");
  return computeName(projectId, `regions/${region}/addresses/gk3-${user.name.slice(0, 30)}-${hashOf(user)}-pe`);
}

/** Firewall rules of a cluster, which go with it. */
export function makeRules(cloud: GcpCloud, cluster: StoredCluster): void {
  for (const end of ["all", "exkubelet", "inkubelet", "vms"]) makeRule(cloud, cluster, `${ruleOf(cluster)}-${end}`, "");
}

export function dropRules(cloud: GcpCloud, cluster: StoredCluster): void {
  for (const [path] of listIn(cloud, cluster.projectId, "global/firewalls")) {
    if (path.startsWith(`global/firewalls/${ruleOf(cluster)}-`)) drop(cloud, cluster.projectId, path);
  }
}

/** Rules of a load balancer. That for health checks is made with the first one and outlives the cluster. */
export function makeLoadBalancerRules(cloud: GcpCloud, cluster: StoredCluster, uid: string): void {
  const id = createHash("sha256").update(idOf(cluster)).digest("hex").slice(0, 16);
  makeRule(cloud, cluster, `k8s-${id}-node-http-hc`, JSON.stringify({ "kubernetes.io/cluster-id": id }));
  makeRule(cloud, cluster, loadBalancerRule(uid), JSON.stringify({ "kubernetes.io/service-name": uid }));
}

export function dropLoadBalancerRule(cloud: GcpCloud, { projectId }: ClusterKey, uid: string): void {
  drop(cloud, projectId, `global/firewalls/${loadBalancerRule(uid)}`);
}

function makeRule(cloud: GcpCloud, cluster: StoredCluster, name: string, description: string): void {
  const { projectId } = cluster;
  const path = `global/firewalls/${name}`;
  if (tryFind(cloud, projectId, path) !== undefined) return;
  store(cloud, projectId, path, {
    kind: "compute#firewall",
    id: newId(),
    name,
    description,
    direction: "INGRESS",
    network: linkTo(projectId, pathIn(projectId, stringAt(cluster, "fields", "networkConfig", "network"), "")),
    selfLink: linkTo(projectId, path),
  });
}

/** Registries that nodes without NAT reach, by Private Google Access. */
const googleRegistry = /^([a-z0-9-]+\.)?gcr\.io\/|^[a-z0-9-]+\.pkg\.dev\//;

/** Whether the nodes of a cluster reach the registry of an image: private ones reach the internet only by NAT. */
export function canPull(cloud: GcpCloud, { projectId, location, fields }: StoredCluster, image: string): boolean {
  if (googleRegistry.test(image) || objectAt(fields, "networkConfig").defaultEnablePrivateNodes !== true) return true;
  const network = linkTo(projectId, pathIn(projectId, stringAt(fields, "networkConfig", "network"), ""));
  return listIn(cloud, projectId, `regions/${regionOf(location)}/routers`).some(
    ([, router]) =>
      stringAt(router, "network") === network &&
      listAt(router, "nats").some((nat) => stringAt(nat, "sourceSubnetworkIpRangesToNat").startsWith("ALL_")),
  );
}

function ruleOf(cluster: ClusterKey): string {
  return `gke-${cluster.name.slice(0, 40)}-${hashOf(cluster)}`;
}

function loadBalancerRule(uid: string): string {
  return `k8s-fw-a${uid.replaceAll("-", "").slice(0, 31)}`;
}

function hashOf(cluster: ClusterKey): string {
  return createHash("sha256").update(idOf(cluster)).digest("hex").slice(0, 8);
}

function subnetworkPath(location: string, name: string): string {
  return `regions/${regionOf(location)}/subnetworks/${name}`;
}

function regionOf(location: string): string {
  return location.replace(/-[a-z]$/, "");
}

function lastWord(link: string): string {
  return link.split("/").at(-1) ?? "";
}
