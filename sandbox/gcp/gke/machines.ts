import { freeAddress, machineNode } from "#sandbox/cloud/nodes.ts";
import { invalidArgument } from "#sandbox/gcp/api/faults.ts";
import { isZone } from "#sandbox/gcp/gke/faults.ts";
import { type AutoNode, poolsOf, type StoredCluster } from "#sandbox/gcp/gke/state.ts";
import { gitVersion } from "#sandbox/gcp/gke/versions.ts";
import { type JsonObject, listAt, numberAt, objectAt, stringAt, stringsAt, textsAt } from "#sandbox/json.ts";
import type { NewObject } from "#sandbox/kubernetes/store.ts";

/** Of the subnetwork that projects have in a region; Google keeps the first addresses. */
const [subnet, firstHost] = ["10.128.0.0/20", 2] as const;
const autopilotType = "ek-standard-8";
/** Zones that the other regions lack. */
const zoneLetters: Readonly<Record<string, string>> = { "europe-west1": "bcd", "us-east1": "bcd" };

/** Zones of a location: three of a region. */
export function zonesOf(location: string): readonly string[] {
  if (isZone(location)) return [location];
  return [...(zoneLetters[location] ?? "abc")].map((letter) => `${location}-${letter}`);
}

/** Nodes that a pool has in all of its zones. */
export function countOf(pool: JsonObject): number {
  return (numberAt(pool, "initialNodeCount") ?? 0) * textsAt(pool, "locations").length;
}

/** Machines of node pools and of Autopilot as nodes. New versions are new machines with new names. */
export function machinesOf(cluster: StoredCluster): readonly NewObject[] {
  const taken = new Set<string>();
  const nextAddress = (): string => {
    const address = freeAddress(subnet, taken, firstHost) ?? "";
    taken.add(address);
    return address;
  };
  const pools = poolsOf(cluster).flatMap((pool) =>
    Array.from({ length: countOf(pool) }, (_, index) => poolMachine(cluster, pool, index, nextAddress())),
  );
  return [...pools, ...cluster.autoNodes.map((node) => autoMachine(cluster, node, nextAddress()))];
}

function poolMachine(cluster: StoredCluster, pool: JsonObject, index: number, address: string): NewObject {
  const [name, version] = [stringAt(pool, "name"), stringAt(pool, "version")];
  const zones = textsAt(pool, "locations");
  const config = objectAt(pool, "config");
  return machine(cluster, {
    prefix: `gke-${cluster.name}-${name}`,
    key: `${name} ${index} ${version}`,
    zone: zones[index % zones.length] ?? "",
    type: stringAt(config, "machineType"),
    address,
    version,
    taints: listAt(config, "taints").map((taint) => ({
      key: stringAt(taint, "key"),
      value: stringAt(taint, "value"),
      effect: taintEffects[stringAt(taint, "effect")] ?? "NoSchedule",
    })),
    labels: { "cloud.google.com/gke-nodepool": name, ...stringsAt(config, "labels") },
  });
}

const taintEffects: Readonly<Record<string, string>> = {
  NO_EXECUTE: "NoExecute",
  NO_SCHEDULE: "NoSchedule",
  PREFER_NO_SCHEDULE: "PreferNoSchedule",
};

function autoMachine(cluster: StoredCluster, { number, version }: AutoNode, address: string): NewObject {
  const zones = zonesOf(cluster.location);
  return machine(cluster, {
    prefix: `gk3-${cluster.name}-pool-1`,
    key: `auto ${number} ${version}`,
    zone: zones[number % zones.length] ?? "",
    type: autopilotType,
    address,
    version,
    labels: { "cloud.google.com/gke-nodepool": "pool-1" },
  });
}

interface Machine {
  readonly prefix: string;
  /** Tells it from the cluster's others. */
  readonly key: string;
  readonly zone: string;
  readonly type: string;
  readonly address: string;
  readonly version: string;
  readonly taints?: readonly object[];
  readonly labels: Readonly<Record<string, string>>;
}

function machine(cluster: StoredCluster, { prefix, key, type, version, zone, labels, ...more }: Machine): NewObject {
  const group = Bun.hash.crc32(`${cluster.projectId} ${cluster.name} ${prefix}`).toString(16).padStart(8, "0");
  const own = (Bun.hash.crc32(`${cluster.projectId} ${cluster.name} ${key}`) % 36 ** 4).toString(36).padStart(4, "0");
  const name = `${prefix.slice(0, 45)}-${group}-${own}`;
  const { cpu, memoryGib, architecture } = sizeOf(type);
  return machineNode({
    ...more,
    name,
    zone,
    architecture,
    instanceType: type,
    region: zone.replace(/-[a-z]$/, ""),
    providerId: `gce://${cluster.projectId}/${zone}/${name}`,
    labels: {
      "cloud.google.com/gke-os-distribution": "cos",
      "cloud.google.com/machine-family": familyOf(type),
      ...labels,
    },
    version: gitVersion(version),
    osImage: "Container-Optimized OS from Google",
    capacity: { cpu: String(cpu), memory: `${memoryGib}Gi`, pods: "110" },
  });
}

/** Shared-core types, whose names do not say their size. */
const sharedCores: Readonly<Record<string, readonly [number, number]>> = {
  "e2-medium": [2, 4],
  "e2-micro": [2, 1],
  "e2-small": [2, 2],
  "g1-small": [1, 2],
};
/** GiB for each vCPU. */
const memoryRatios: Readonly<Record<string, number>> = { highcpu: 1, standard: 4, highmem: 8 };

function tryReadSize(type: string): readonly [number, number] | undefined {
  const [, ratio = "", cpu] = /^[a-z][a-z0-9]{1,3}-([a-z]+)-(\d+)(?:-lssd)?$/.exec(type) ?? [];
  const perCore = memoryRatios[ratio];
  return cpu === undefined || perCore === undefined ? sharedCores[type] : [Number(cpu), Number(cpu) * perCore];
}

function sizeOf(type: string) {
  const [cpu, memoryGib] = tryReadSize(type) ?? [2, 4];
  const architecture = /^(t2a|c4a|n4a)-/.test(type) ? ("arm64" as const) : ("amd64" as const);
  return { cpu, memoryGib, architecture };
}

function familyOf(type: string): string {
  return type.split("-")[0] ?? "";
}

/** @throws GcpFault 400 for an unknown machine type */
export function checkMachineType(type: string, location: string): void {
  if (tryReadSize(type) !== undefined) return;
  throw invalidArgument(`Machine type with name "${type}" does not exist in zone "${zonesOf(location)[0]}".`);
}
