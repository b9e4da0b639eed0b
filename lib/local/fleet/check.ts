import { testedVersions } from "#lib/fleet/defaults.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import { firstLabel, isDnsName, parentName } from "#lib/fleet/names.ts";
import { type Fleet, isLocal, type LocalCluster, type LocalProvider } from "#lib/fleet/types.ts";
import { imageOf, tryImageKubernetes, workersOf } from "#lib/local/fleet/defaults.ts";

/**
 * kind accepts 50, but its node is called <name>-control-plane, which becomes a label value of at most 63 characters:
 * with 50 the node never registers, and the creation times out.
 * k3d: https://github.com/k3d-io/k3d/blob/v5.9.0/pkg/types/defaults.go (DefaultClusterNameMaxLength).
 */
const longestName: Readonly<Record<LocalProvider, number>> = { kind: 49, k3d: 32 };

/** Ports below 1024 require root. */
const lowestPort = 1024;
const highestPort = 65535;

/** Each node is a container with its own kubelet; a higher number is probably a typo. */
const mostWorkers = 20;

export function checkLocal(fleet: Fleet): readonly Fault[] {
  const clusters = fleet.clusters.filter(isLocal);
  return [
    ...clusters.flatMap((cluster) => [
      ...checkName(cluster),
      ...checkPort(cluster),
      ...checkNodes(cluster),
      ...checkVersion(cluster),
    ]),
    ...checkUniquePorts(clusters),
  ];
}

function checkName(cluster: LocalCluster): readonly Fault[] {
  // Malformed names are reported separately.
  if (!isDnsName(cluster.name)) return [];
  const faults: Fault[] = [];
  const longest = longestName[cluster.provider];
  if (cluster.name.length > longest) {
    faults.push({
      code: "NameTooLong",
      where: `cluster ${cluster.name}`,
      message: `name is ${cluster.name.length} characters long, ${cluster.provider} takes ${longest}`,
      hint: `shorten its first label to ${longest - ".internal".length} characters or fewer`,
      provider: cluster.provider,
    });
  }
  if (parentName(cluster.name) !== "internal") {
    faults.push({
      code: "NameOutsideInternal",
      where: `cluster ${cluster.name}`,
      message: `"${cluster.name}" isn't one label below internal`,
      hint: `name it "${firstLabel(cluster.name)}.internal"`,
      provider: cluster.provider,
    });
  }
  return faults;
}

function checkPort(cluster: LocalCluster): readonly Fault[] {
  const port = cluster.apiPort;
  if (Number.isInteger(port) && port >= lowestPort && port <= highestPort) return [];
  return [
    {
      code: "PortOutOfRange",
      where: `cluster ${cluster.name}`,
      message: `apiPort ${port} isn't a whole number from ${lowestPort} to ${highestPort}`,
      hint: "use a port near the others, such as 6553",
      provider: cluster.provider,
    },
  ];
}

function checkUniquePorts(clusters: readonly LocalCluster[]): readonly Fault[] {
  const owners = new Map<number, string>();
  return clusters.flatMap((cluster): readonly Fault[] => {
    const owner = owners.get(cluster.apiPort);
    if (owner === undefined) {
      owners.set(cluster.apiPort, cluster.name);
      return [];
    }
    return [
      {
        code: "DuplicatePort",
        where: `cluster ${cluster.name}`,
        message: `apiPort ${cluster.apiPort} is that of ${owner}`,
        hint: `use another port, e.g. apiPort: ${freePort(cluster.apiPort, clusters)}`,
        provider: cluster.provider,
      },
    ];
  });
}

function freePort(from: number, clusters: readonly LocalCluster[]): number {
  const taken = new Set(clusters.map(({ apiPort }) => apiPort));
  let port = from;
  while (taken.has(port)) port = port < highestPort ? port + 1 : lowestPort;
  return port;
}

function checkNodes(cluster: LocalCluster): readonly Fault[] {
  const faults: Fault[] = [];
  const at = { where: `cluster ${cluster.name}`, provider: cluster.provider } as const;
  const workers = workersOf(cluster);
  if (!Number.isInteger(workers) || workers < 0 || workers > mostWorkers) {
    faults.push({
      code: "WorkersOutOfRange",
      ...at,
      message: `workers ${workers} isn't a whole number from 0 to ${mostWorkers}`,
      hint: "use 0 for one node that does everything, or 1 to 3",
    });
  }
  const image = imageOf(cluster);
  if (!hasTag(image)) {
    faults.push({
      code: "ImageWithoutTag",
      ...at,
      message: `image "${image}" has no tag`,
      hint: `write the version, e.g. "${image.split("@", 1)[0]}:v1.36.1", or leave it out for the pinned one`,
    });
  }
  return faults;
}

/** A registry's port isn't a tag: only the part after the last slash counts. */
function hasTag(image: string): boolean {
  const name = image.split("@", 1)[0] ?? "";
  return /^[^:]+:[\w][\w.-]{0,127}$/.test(name.slice(name.lastIndexOf("/") + 1));
}

/** A local cluster is what its image is. */
function checkVersion(cluster: LocalCluster): readonly Fault[] {
  const version: string | undefined = cluster.kubernetes;
  const image = imageOf(cluster);
  const offered = tryImageKubernetes(image);
  if (version === undefined || !testedVersions.includes(version) || offered === undefined || offered === version) {
    return [];
  }
  return [
    {
      code: "ImageOfAnotherVersion",
      where: `cluster ${cluster.name}`,
      provider: cluster.provider,
      message: `kubernetes ${version} is set, but image ${image.split("@", 1)[0]} is ${offered}`,
      hint: `name an image of ${version} in image, or write kubernetes: "${offered}"`,
    },
  ];
}
