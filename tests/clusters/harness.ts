import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Finished, FleetEvent } from "#lib/events.ts";
import { projectRoot } from "#lib/paths.ts";

/** Runs tasks on real Docker, with files of their own. */
export interface Harness {
  /** Folder of kubeconfigs, journals and leases. */
  readonly state: string;
  start(task: string, args?: readonly string[], env?: Readonly<Record<string, string>>): Started;
  run(task: string, args?: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  kubeconfig(cluster: string): string;
  /** All that is left of the fleet's clusters on this machine; empty when they went without a trace. */
  leftovers(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface Started {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly events: readonly FleetEvent[];
  /** How each resource ended, by id. */
  readonly results: Readonly<Record<string, Finished>>;
}

/** Clusters of this fleet are made beside whatever else is on the machine. */
export const fleetFile = join(projectRoot, "tests/fixtures/fleets/valid/two-local.ts");
export const names = ["test-k3d.internal", "test-kind.internal"] as const;

/** Why real clusters can't be tested here; undefined when they can. */
export async function whyNot(): Promise<string | undefined> {
  for (const program of ["docker", "kind", "k3d", "kubectl"]) {
    if (Bun.which(program) === null) return `${program} is not in PATH`;
  }
  const info = await output("docker", ["info", "--format", "{{.ServerVersion}}"]);
  return info.exitCode === 0 && info.stdout.trim() !== "" ? undefined : "docker does not answer";
}

export async function openHarness(): Promise<Harness> {
  const state = await mkdtemp(join(tmpdir(), "clusters-"));
  const start = (task: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Started => {
    const command = [
      process.execPath,
      "run",
      join(projectRoot, `tasks/${task}.ts`),
      "--json",
      "--fleet",
      fleetFile,
      ...args,
    ];
    const child = Bun.spawn(command, {
      cwd: projectRoot,
      env: { ...Bun.env, CLUSTERS_DIRECTORY: state, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const ended = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
    return {
      pid: child.pid,
      kill: (signal) => child.kill(signal),
      ended: ended.then(([stdout, stderr]) => ({ ...parse(stdout), stdout, stderr, exitCode: child.exitCode })),
    };
  };
  return {
    state,
    start,
    run: (task, args, env) => start(task, args, env).ended,
    kubeconfig: (cluster) => join(state, ".kubeconfigs", `kubeconfig_${cluster}.yml`),
    leftovers: () => findLeftovers(state),
    async close() {
      await start("delete-all", ["--yes"]).ended;
      await rm(state, { recursive: true, force: true });
    },
  };
}

function parse(stdout: string): Pick<Ended, "events" | "results"> {
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  // A process that was killed may have left half a line.
  const events = lines.flatMap((line): FleetEvent[] => {
    try {
      return [JSON.parse(line) as FleetEvent];
    } catch {
      return [];
    }
  });
  const finished = events.filter((event) => event.kind === "finished");
  return { events, results: Object.fromEntries(finished.map((event) => [event.id, event])) };
}

async function findLeftovers(state: string): Promise<readonly string[]> {
  const list = async (kind: string, ...args: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await output("docker", [
      kind,
      "ls",
      ...args,
      "--format",
      kind === "container" ? "{{.Names}}" : "{{.Name}}",
    ]);
    return stdout
      .split("\n")
      .filter((name) => /test-(kind|k3d)\.internal/.test(name))
      .map((name) => `${kind} ${name}`);
  };
  const [containers, networks, volumes, processes, files] = await Promise.all([
    list("container", "--all"),
    list("network"),
    list("volume"),
    output("ps", ["-eo", "pid,args"]),
    readdir(state).catch(() => []),
  ]);
  const children = processes.stdout
    .split("\n")
    .filter((line) => /test-(kind|k3d)\.internal/.test(line) && /\b(kind|k3d) /.test(line));
  return [...containers, ...networks, ...volumes, ...children, ...files.filter((name) => name !== ".runs")];
}

export async function output(program: string, args: readonly string[]): Promise<{ stdout: string; exitCode: number }> {
  const child = Bun.spawn([program, ...args], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  const stdout = await new Response(child.stdout).text();
  return { stdout, exitCode: await child.exited };
}

/** Names of the nodes that the real kubectl calls Ready. */
export async function readyNodes(kubeconfig: string): Promise<readonly string[]> {
  const { stdout } = await output("kubectl", ["--kubeconfig", kubeconfig, "get", "nodes", "--no-headers"]);
  return stdout.split("\n").flatMap((line) => {
    const [name, status] = line.split(/\s+/);
    return name !== undefined && status === "Ready" ? [name] : [];
  });
}
