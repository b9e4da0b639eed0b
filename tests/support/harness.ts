import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Finished, FleetEvent } from "#lib/graph/events.ts";
import { projectRoot } from "#lib/paths.ts";
import { readText } from "#tests/support/read-text.ts";

/** Runs tasks on real Docker or in a sandbox, with files of their own. */
export interface Harness {
  /** Folder of kubeconfigs, journals and leases. */
  readonly state: string;
  /** Runs docker, kind or k3d themselves, as a person beside us would. */
  program(name: string, args: readonly string[]): Promise<{ readonly stdout: string; readonly exitCode: number }>;
  start(task: string, args?: readonly string[], options?: StartOptions): Started;
  run(task: string, args?: readonly string[], options?: StartOptions): Promise<Ended>;
  kubeconfig(cluster: string, checkout?: string): string;
  /** All that is left of the fleet's clusters on this machine; empty when they went without a trace. */
  leftovers(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface StartOptions {
  /** File of another fleet. */
  readonly fleet?: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** Name of another checkout: it has the same Docker, and files of its own. */
  readonly checkout?: string;
}

export interface Started {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** It has printed its first event: from then on it handles signals. */
  readonly begun: Promise<void>;
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

export interface HarnessOptions {
  /** Divides the sandbox's simulated durations; undefined is real Docker. */
  readonly speed?: number;
  /** The checkout whose tasks are run. @default this one */
  readonly root?: string;
}

export async function openHarness({ speed, root = projectRoot }: HarnessOptions = {}): Promise<Harness> {
  const folder = await mkdtemp(join(tmpdir(), "clusters-"));
  const state = speed === undefined ? folder : join(folder, ".sandbox");
  const sandbox = (...args: readonly string[]) =>
    output(process.execPath, [join(root, "sandbox/main.ts"), ...args, "--state", state]);
  const up = speed === undefined ? undefined : await sandbox("up", "--speed", String(speed));
  const variables = up === undefined ? {} : (JSON.parse(up.stdout) as { env: Record<string, string> }).env;
  const env = { ...Bun.env, ...variables, CI: "true", CLUSTERS_DIRECTORY: folder };

  const start: Harness["start"] = (task, args = [], options = {}) => {
    const { fleet = fleetFile, variables: more = {}, checkout } = options;
    const flags = ["--json", "--fleet", fleet, ...(speed === undefined || checkout !== undefined ? [] : ["--sandbox"])];
    // In the sandbox only its programs know that it is one: checkouts then share nothing but its Docker, and temporary files.
    const own =
      checkout === undefined
        ? {}
        : { CLUSTERS_DIRECTORY: join(folder, checkout), K8S_SANDBOX_STATE: undefined, TMPDIR: folder };
    const command = [process.execPath, "run", join(root, `tasks/${task}.ts`), ...flags, ...args];
    const child = Bun.spawn(command, {
      cwd: root,
      env: { ...env, ...own, ...more },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const begun = Promise.withResolvers<void>();
    const ended = Promise.all([
      readText(child.stdout, () => begun.resolve()),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return {
      pid: child.pid,
      kill: (signal) => child.kill(signal),
      begun: begun.promise,
      ended: ended.then(([stdout, stderr]) => ({ ...parse(stdout), stdout, stderr, exitCode: child.exitCode })),
    };
  };
  const program: Harness["program"] = (name, args) => output(name, args, env);
  return {
    state,
    start,
    program,
    run: (task, args, options) => start(task, args, options).ended,
    kubeconfig: (cluster, checkout) =>
      join(checkout === undefined ? state : join(folder, checkout), ".kubeconfigs", `kubeconfig_${cluster}.yml`),
    leftovers: () => findLeftovers(program, folder, state),
    async close() {
      await start("delete-all", ["--yes"]).ended;
      if (speed !== undefined) await sandbox("reset");
      await rm(folder, { recursive: true, force: true });
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

async function findLeftovers(program: Harness["program"], folder: string, state: string): Promise<readonly string[]> {
  const list = async (kind: string, ...args: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await program("docker", [kind, "ls", ...args, "--format", "{{json .}}"]);
    const lines = stdout.split("\n").filter((line) => line !== "");
    const found = lines.map((line) => JSON.parse(line) as { readonly Name?: string; readonly Names?: string });
    return found
      .map((one) => one.Name ?? one.Names ?? "")
      .filter(isOurs)
      .map((name) => `${kind} ${name}`);
  };
  const [containers, networks, volumes, processes, files] = await Promise.all([
    list("container", "--all"),
    list("network"),
    list("volume"),
    // With their environment, which names the folder: another test's clusters have the same names.
    program("ps", ["axeww", "-o", "pid,args"]),
    readdir(state).catch(() => []),
  ]);
  const tools = processes.stdout
    .split("\n")
    .filter((line) => line.includes(folder) && /\b(kind|k3d)(\.ts)? (create|cluster|delete)/.test(line));
  const ours = files.filter((name) => [".kubeconfigs", ".locks"].includes(name));
  return [...containers, ...networks, ...volumes, ...tools.map((line) => `process ${line.trim()}`), ...ours];
}

function isOurs(text: string): boolean {
  return names.some((name) => text.includes(name));
}

async function output(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = Bun.env,
): Promise<{ stdout: string; exitCode: number }> {
  const path = Bun.which(program, { PATH: env.PATH ?? "" }) ?? program;
  const child = Bun.spawn([path, ...args], { env, stdin: "ignore", stdout: "pipe", stderr: "ignore" });
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
