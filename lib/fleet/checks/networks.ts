import type { Cidr } from "#lib/fleet/cidr.ts";
import { overlap, readCidr, tryFreeRange, tryParseCidr } from "#lib/fleet/cidr.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import { type Providers, podCidrOf, serviceCidrOf } from "#lib/fleet/provider.ts";
import type { Cluster, Fleet } from "#lib/fleet/types.ts";

/** Kubernetes allocates a /24 per node from the pod range, and no tool here accepts more than a /8. */
const shortestPrefix = 8;
const longestPrefix = 24;

export function checkNetworks(fleet: Fleet, providers: Providers): readonly Fault[] {
  return [
    ...fleet.clusters.flatMap((cluster) => [...checkForm(cluster), ...checkWithin(cluster, providers)]),
    ...[...meshes(fleet.clusters)].flatMap(([mesh, members]) => checkMesh(mesh, members, providers)),
  ];
}

function checkForm(cluster: Cluster): readonly Fault[] {
  return (["podCidr", "serviceCidr"] as const).flatMap((field): readonly Fault[] => {
    const text = cluster[field];
    if (text === undefined) return [];
    const at = { where: `cluster ${cluster.name}`, provider: cluster.provider } as const;
    const reading = readCidr(text);
    if (reading.kind === "malformed") {
      const hint = `write ${field}: "${reading.instead ?? "10.64.0.0/16"}"`;
      return [{ code: "InvalidCidr", ...at, message: `invalid ${field} "${text}": ${reading.why}`, hint }];
    }
    if (isFit(reading.cidr)) return [];
    return [
      {
        code: "InvalidCidr",
        ...at,
        message: `invalid ${field} "${text}": /${reading.cidr.prefix} isn't /${shortestPrefix} to /${longestPrefix}`,
        hint: `write a range such as ${field}: "10.64.0.0/16"`,
      },
    ];
  });
}

function isFit({ prefix }: Cidr): boolean {
  return prefix >= shortestPrefix && prefix <= longestPrefix;
}

/** Undefined for an unknown range, and for one that `checkForm` has already reported. */
function tryRange(text: string | undefined): Cidr | undefined {
  const range = text === undefined ? undefined : tryParseCidr(text);
  return range !== undefined && isFit(range) ? range : undefined;
}

/** If a pod and a service share an address, traffic to it is ambiguous. */
function checkWithin(cluster: Cluster, providers: Providers): readonly Fault[] {
  const pods = podCidrOf(cluster, providers);
  const services = serviceCidrOf(cluster, providers);
  const podRange = tryRange(pods);
  const serviceRange = tryRange(services);
  if (podRange === undefined || serviceRange === undefined || !overlap(podRange, serviceRange)) return [];
  const field = cluster.podCidr === undefined ? "serviceCidr" : "podCidr";
  return [
    {
      code: "OverlappingRanges",
      where: `cluster ${cluster.name}`,
      message: `pod range ${pods} overlaps service range ${services}`,
      hint: suggest(field, [podRange, serviceRange]),
      provider: cluster.provider,
    },
  ];
}

function meshes(clusters: readonly Cluster[]): ReadonlyMap<string, readonly Cluster[]> {
  const members = new Map<string, Cluster[]>();
  for (const cluster of clusters) {
    if (cluster.mesh !== undefined) members.set(cluster.mesh, [...(members.get(cluster.mesh) ?? []), cluster]);
  }
  return members;
}

function checkMesh(mesh: string, members: readonly Cluster[], providers: Providers): readonly Fault[] {
  const faults: Fault[] = [];
  const placed: { readonly cluster: Cluster; readonly text: string; readonly range: Cidr }[] = [];
  const taken = members.flatMap((member) =>
    [podCidrOf(member, providers), serviceCidrOf(member, providers)].flatMap((text) => tryRange(text) ?? []),
  );
  for (const cluster of members) {
    const text = podCidrOf(cluster, providers);
    const at = { where: `cluster ${cluster.name}`, provider: cluster.provider } as const;
    if (text === undefined) {
      const message = `in mesh "${mesh}", but its pod range isn't known before ${cluster.provider} has made it`;
      faults.push({ code: "MeshRangeUnknown", ...at, message, hint: suggest("podCidr", taken) });
      continue;
    }
    const range = tryRange(text);
    if (range === undefined) continue;
    const other = placed.find((candidate) => overlap(candidate.range, range));
    if (other !== undefined) {
      faults.push({
        code: "OverlappingMeshRanges",
        ...at,
        message: `pod range ${text} overlaps ${other.text} of ${other.cluster.name} in mesh "${mesh}"`,
        hint: suggest("podCidr", taken),
      });
    }
    placed.push({ cluster, text, range });
  }
  return faults;
}

function suggest(field: "podCidr" | "serviceCidr", taken: readonly Cidr[]): string {
  const free = tryFreeRange(taken);
  return free === undefined ? `give it a free ${field}` : `give it a range of its own, e.g. ${field}: "${free}"`;
}
