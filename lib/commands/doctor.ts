import { join } from "node:path";
import { FleetError } from "#lib/errors.ts";
import { type Providers, placeholders } from "#lib/fleet/provider.ts";
import { type Fleet, isLocal, type LocalCluster } from "#lib/fleet/types.ts";
import type { World } from "#lib/graph/world.ts";
import { listContainers } from "#lib/local/docker.ts";
import { workersOf } from "#lib/local/fleet/defaults.ts";
import { k3d } from "#lib/local/k3d.ts";
import { kind } from "#lib/local/kind.ts";
import { requireFreePort } from "#lib/local/ports.ts";
import { type Check, preflight } from "#lib/local/preflight.ts";
import { projectRoot } from "#lib/paths.ts";
import { formatHint } from "#lib/printed-command.ts";
import { installHint } from "#lib/programs.ts";
import type { Described } from "#lib/render/generator.ts";

/** How to query a program's version, and the pattern that extracts it. */
const programs: readonly { readonly name: string; readonly args: readonly string[]; readonly version: RegExp }[] = [
  { name: "docker", args: ["--version"], version: /version (\d+\.\d+\.\d+)/ },
  { name: "kind", args: ["version"], version: /v(\d+\.\d+\.\d+)/ },
  { name: "k3d", args: ["version"], version: /k3d version v(\d+\.\d+\.\d+)/ },
  { name: "kubectl", args: ["version", "--client"], version: /v(\d+\.\d+\.\d+)/ },
];

/** Checks the prerequisites of a run. Changes nothing. */
export async function examineMachine(world: World, { fleet, providers }: Described): Promise<readonly Check[]> {
  const local = fleet.clusters.filter(isLocal);
  const pinned = await readPinnedTools();
  const groups = await Promise.all([
    ...programs.map(async (program) => [await checkProgram(world, program, pinned)]),
    checkDocker(world, local),
    checkPorts(world, local),
  ]);
  return [...groups.flat(), ...checkPlaceholders(fleet, providers)];
}

async function readPinnedTools(): Promise<ReadonlyMap<string, string>> {
  const { tools } = Bun.TOML.parse(await Bun.file(join(projectRoot, "mise.toml")).text()) as {
    readonly tools: Readonly<Record<string, string>>;
  };
  return new Map(Object.entries(tools));
}

async function checkProgram(
  world: World,
  { name, args, version }: (typeof programs)[number],
  pinned: ReadonlyMap<string, string>,
): Promise<Check> {
  const wanted = pinned.get(name);
  // No task calls kubectl; it is for users.
  const missing = name === "kubectl" ? "warning" : "failure";
  try {
    const exec = world.exec({ signal: world.signal, nothrow: true, timeout: 10_000 });
    const { stdout } = await exec`${name} ${args}`;
    const found = version.exec(stdout)?.[1] ?? "of unknown version";
    if (wanted === undefined || found === wanted) return { name, level: "ok", found };
    return { name, level: "warning", found: `${found}, tested with ${wanted}`, remedy: "mise install" };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { name, level: missing, found: error.message, remedy: formatHint(error.hint ?? installHint(name)) };
  }
}

async function checkDocker(world: World, clusters: readonly LocalCluster[]): Promise<readonly Check[]> {
  const nodes = clusters.reduce((sum, cluster) => sum + 1 + workersOf(cluster), 0);
  try {
    return (await preflight(world, { clusters: clusters.length, nodes })).checks;
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return [
      {
        name: "docker daemon",
        level: "failure",
        found: error.message,
        ...(error.hint === undefined ? {} : { remedy: formatHint(error.hint) }),
      },
    ];
  }
}

async function checkPorts(world: World, clusters: readonly LocalCluster[]): Promise<readonly Check[]> {
  return await Promise.all(
    clusters.map(async (cluster): Promise<Check> => {
      const name = `port ${cluster.apiPort}`;
      try {
        const { clusterLabel } = cluster.provider === "kind" ? kind : k3d;
        const own = await listContainers(world, [`label=${clusterLabel}=${cluster.name}`]);
        if (own.length > 0) return { name, level: "ok", found: `used by ${cluster.name}` };
        await requireFreePort(world, cluster.apiPort);
        return { name, level: "ok", found: `free for ${cluster.name}` };
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        if (error.code !== "PortTaken") return { name, level: "warning", found: "unknown: docker does not answer" };
        return {
          name,
          level: "failure",
          found: error.message,
          ...(error.hint === undefined ? {} : { remedy: formatHint(error.hint) }),
        };
      }
    }),
  );
}

/** Placeholders alone are no failure: the sandbox and local clusters work with them. */
function checkPlaceholders(fleet: Fleet, providers: Providers): readonly Check[] {
  const names = placeholders(fleet, providers).map((account) => account.name);
  if (names.length === 0) return [{ name: "accounts", level: "ok", found: `${fleet.accounts.length} with real ids` }];
  return [
    {
      name: "accounts",
      level: "warning",
      found: `placeholder ids: ${names.join(", ")}`,
      remedy: "put your own ids into clusters/ before leaving the sandbox; local clusters need none",
    },
  ];
}
