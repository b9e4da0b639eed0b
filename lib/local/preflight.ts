import { readFile, statfs } from "node:fs/promises";
import { FleetError } from "#lib/errors.ts";
import type { World } from "#lib/graph/world.ts";
import { type DockerInfo, readDockerInfo } from "#lib/local/docker-info.ts";

/** The result of one check before a run. `doctor` prints it, `create` acts on it. */
export interface Check {
  readonly name: string;
  readonly level: "ok" | "warning" | "failure";
  readonly found: string;
  /** The one line to run or change. */
  readonly remedy?: string;
}

export interface Preflight {
  readonly checks: readonly Check[];
  /** How many clusters may be made at once on this machine. */
  readonly parallelClusters: number;
}

/** The clusters that a run creates. */
export interface Demand {
  readonly clusters: number;
  readonly nodes: number;
}

/** The oldest version that is still maintained; API 1.41. */
const oldestDocker = 20;
/** Measured: 0.5 GiB for a control plane, 0.13 GiB for a worker, idle. */
const memoryPerNodeGiB = 0.35;
/** A node image unpacked is about 1 GB, and a node writes some hundred MB. */
const diskPerNodeGiB = 0.5;
const leastDiskGiB = 2;
/** https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files */
const inotify = { max_user_instances: 512, max_user_watches: 524_288 } as const;
/** The kernel's usual 128 instances have been seen to be used up by four nodes. */
const instancesPerNode = 40;

/** @throws FleetError DockerUnreachable, DockerDenied, DockerTooOld, ProgramMissing */
export async function preflight(world: World, demand: Demand): Promise<Preflight> {
  const info = await readDockerInfo(world);
  const checks = [
    checkDocker(info),
    ...(await checkInotify(demand)),
    ...(await checkMemory(info, demand)),
    ...(await checkDisk(info, demand)),
  ];
  return { checks, parallelClusters: parallelClusters(info.NCPU) };
}

function checkDocker(info: DockerInfo): Check {
  const found = `Docker ${info.ServerVersion} on ${info.OperatingSystem}, ${info.NCPU} CPUs`;
  if (Number.parseInt(info.ServerVersion, 10) < oldestDocker) {
    throw new FleetError("DockerTooOld", `Docker ${info.ServerVersion} is too old`, {
      hint: `install Docker ${oldestDocker}.10 or later`,
    });
  }
  return { name: "docker", level: "ok", found };
}

/** kind's maintainers: four at once make the container runtime start too slowly on a small machine. */
export function parallelClusters(cpus: number): number {
  return cpus >= 8 ? 4 : 2;
}

async function checkInotify(demand: Demand): Promise<readonly Check[]> {
  const checks: Check[] = [];
  const remedy = `sudo sysctl ${Object.entries(inotify)
    .map(([key, value]) => `fs.inotify.${key}=${value}`)
    .join(" ")}`;
  for (const [key, recommended] of Object.entries(inotify)) {
    const found = Number(await tryRead(`/proc/sys/fs/inotify/${key}`));
    // No such file: Docker runs in a virtual machine.
    if (!Number.isFinite(found) || found === 0) continue;
    const name = `inotify ${key.replace("max_user_", "")}`;
    const needed = key === "max_user_instances" ? demand.nodes * instancesPerNode : 0;
    const low = found < recommended && found < needed;
    checks.push({ name, level: low ? "warning" : "ok", found: String(found), ...(low ? { remedy } : {}) });
  }
  return checks;
}

async function checkMemory(info: DockerInfo, demand: Demand): Promise<readonly Check[]> {
  const needed = demand.nodes * memoryPerNodeGiB;
  // MemAvailable is of this computer, MemTotal of Docker's, which may be a smaller virtual machine.
  const available = Number(/^MemAvailable:\s+(\d+) kB$/m.exec((await tryRead("/proc/meminfo")) ?? "")?.[1]) / 2 ** 20;
  const total = info.MemTotal / 2 ** 30;
  const free = Number.isFinite(available) ? Math.min(available, total) : total;
  const short = free < needed;
  return [
    {
      name: "memory",
      level: short ? "warning" : "ok",
      found: `${free.toFixed(1)} GiB free, ${needed.toFixed(1)} GiB needed`,
      ...(short ? { remedy: "stop other programs, or create fewer clusters: name them after the task" } : {}),
    },
  ];
}

async function checkDisk(info: DockerInfo, demand: Demand): Promise<readonly Check[]> {
  let free: number;
  try {
    const { bavail, bsize } = await statfs(info.DockerRootDir);
    free = (bavail * bsize) / 2 ** 30;
  } catch {
    // Docker's folder is on another machine, or not readable.
    return [];
  }
  const needed = leastDiskGiB + demand.nodes * diskPerNodeGiB;
  const short = free < needed;
  return [
    {
      name: "disk",
      level: short ? "warning" : "ok",
      found: `${free.toFixed(1)} GiB free in ${info.DockerRootDir}, ${needed.toFixed(1)} GiB needed`,
      ...(short ? { remedy: "docker system prune" } : {}),
    },
  ];
}

async function tryRead(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return undefined;
  }
}
