/**
 * What the tasks cost over the bare programs: `bun run bench/create-kind.ts [rounds] [clusters]`. Creates the same kind clusters
 * bare and through the task, in turn, and prints medians and their ratio. The task waits for every node and for CoreDNS and
 * kind doesn't: the time of that wait is taken from the journal and shown by itself.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FleetEvent } from "#lib/graph/events.ts";
import { renderKindConfig } from "#lib/local/config.ts";
import { imageOf } from "#lib/local/fleet/defaults.ts";
import type { KindCluster } from "#lib/local/fleet/types.ts";
import { projectRoot } from "#lib/paths.ts";

const rounds = Number(process.argv[2] ?? 3);
const count = Number(process.argv[3] ?? 1);
const domain = "bench.test";
const clusters: readonly KindCluster[] = Array.from({ length: count }, (_, index) => ({
  provider: "kind",
  name: `bench-${index}.internal`,
  apiPort: 6580 + index,
  ...(Bun.env.KIND_NODE_IMAGE === undefined ? {} : { image: Bun.env.KIND_NODE_IMAGE }),
}));
const folder = await mkdtemp(join(tmpdir(), "bench-"));
const fleetFile = join(folder, "fleet.json");
await Bun.write(fleetFile, JSON.stringify({ domain, zones: [], accounts: [], clusters }));
const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function run(command: readonly string[]): Promise<string> {
  const env = { ...Bun.env, CLUSTERS_DIRECTORY: folder };
  const child = Bun.spawn([...command], { env, cwd: projectRoot, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}

const task = (name: string, ...flags: readonly string[]): Promise<string> =>
  run([process.execPath, "run", `tasks/${name}.ts`, "--fleet", fleetFile, "--json", ...flags]);

async function bare(): Promise<number> {
  const begin = performance.now();
  await Promise.all(
    clusters.map(async (cluster) => {
      const config = join(folder, `${cluster.name}.yaml`);
      await Bun.write(config, renderKindConfig(cluster, domain));
      const kubeconfig = join(folder, `${cluster.name}.kubeconfig`);
      await run([
        "kind",
        "create",
        "cluster",
        "--config",
        config,
        "--image",
        imageOf(cluster),
        "--kubeconfig",
        kubeconfig,
      ]);
    }),
  );
  return performance.now() - begin;
}

/** Whole time, and the part of it after the last cluster had been made by kind: our stricter readiness. */
async function ours(): Promise<{ readonly wholeMs: number; readonly waitMs: number }> {
  const begin = performance.now();
  const lines = (await task("create-all", "--jobs", String(count))).trim().split("\n");
  const wholeMs = performance.now() - begin;
  const events = lines.map((line) => JSON.parse(line) as FleetEvent);
  const made = events.filter((event) => event.kind === "output" && /kubectl cluster-info/.test(event.line)).at(-1);
  const end = events.filter((event) => event.kind === "finished" && event.id.endsWith("/cluster")).at(-1);
  return { wholeMs, waitMs: Date.parse(end?.at ?? "") - Date.parse(made?.at ?? "") };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
}

const remove = (): Promise<string> => task("delete-all", "--yes", "--jobs", String(count));
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
const bares: number[] = [];
const wholes: number[] = [];
const withoutWaits: number[] = [];
try {
  for (let round = 1; round <= rounds; round++) {
    const bareMs = await bare();
    await remove();
    const { wholeMs, waitMs } = await ours();
    await remove();
    bares.push(bareMs);
    wholes.push(wholeMs);
    withoutWaits.push(wholeMs - waitMs);
    say(
      `${round}: bare ${seconds(bareMs)} · task ${seconds(wholeMs)}, of which ${seconds(waitMs)} waiting for nodes and CoreDNS`,
    );
  }
  say(
    `${count} ${count === 1 ? "cluster" : "clusters at once"}, medians of ${rounds}: bare ${seconds(median(bares))} · task ${seconds(median(wholes))} · task without its wait ${seconds(median(withoutWaits))}`,
  );
  say(
    `ratio ${(median(withoutWaits) / median(bares)).toFixed(3)} without our wait, ${(median(wholes) / median(bares)).toFixed(3)} with it`,
  );
} finally {
  await remove();
  await rm(folder, { recursive: true, force: true });
}
