import { join } from "node:path";
import { type Environment, readEnvironment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import { gitPortOf } from "#lib/fleet/defaults.ts";
import { type Fleet, isLocal } from "#lib/fleet/types.ts";
import { projectRoot } from "#lib/paths.ts";
import { quoteForShell } from "#lib/shell-words.ts";

/** The folder with all state of the sandbox, and files written by programs in it. */
export function sandboxState(environment: Environment): string {
  return join(environment.stateDirectory ?? join(projectRoot, "clusters"), ".sandbox");
}

export interface Sandbox {
  /** Variables that direct programs to the sandbox; empty ones must be unset. */
  readonly variables: Readonly<Record<string, string>>;
  /** The fleet with its ports in this sandbox: they differ if another checkout's sandbox uses the fleet's own. */
  readonly fleet: Fleet;
}

/**
 * Starts the sandbox unless it runs. It is a separate process because it outlives commands, and because
 * lib/ must not depend on its implementation.
 *
 * @param options.declares whether its domain, repository and accounts are those of the fleet. @default true
 */
export async function startSandbox(
  environment: Environment,
  state: string,
  fleet: Fleet,
  { declares = true } = {},
): Promise<Sandbox> {
  // Commands run as the administrator of the first account of each cloud.
  const accounts = fleet.accounts
    .toSorted((a, b) => Number(b.role === "management") - Number(a.role === "management"))
    .flatMap((account) => ["--account", JSON.stringify(account)]);
  const repository = fleet.gitops === undefined ? [] : ["--repository", fleet.gitops.repository];
  const ports = [...fleet.clusters.filter(isLocal).map(({ apiPort }) => apiPort), ...gitPorts(fleet)];
  const world = [
    ...(declares ? ["--domain", fleet.domain, ...repository, ...accounts] : []),
    ...ports.flatMap((port) => ["--port", String(port)]),
  ];
  const answer = JSON.parse(await callSandbox("up", environment, state, world)) as {
    readonly env: Readonly<Record<string, string>>;
    readonly ports: Readonly<Record<string, number>>;
  };
  return { variables: answer.env, fleet: withPorts(fleet, answer.ports) };
}

function gitPorts({ gitops }: Fleet): readonly number[] {
  return gitops === undefined ? [] : [gitPortOf(gitops)];
}

function withPorts(fleet: Fleet, ports: Readonly<Record<string, number>>): Fleet {
  const portFor = (wanted: number): number => ports[wanted] ?? wanted;
  const { clusters, gitops } = fleet;
  return {
    ...fleet,
    clusters: clusters.map((one) => (isLocal(one) ? { ...one, apiPort: portFor(one.apiPort) } : one)),
    ...(gitops === undefined ? {} : { gitops: { ...gitops, port: portFor(gitPortOf(gitops)) } }),
  };
}

/** Formatted for a shell. Some programs treat an empty variable differently from an unset one. */
export function formatExports(variables: Readonly<Record<string, string>>): string {
  const lines = Object.entries(variables).map(([name, value]) =>
    value === "" ? `unset ${name}` : `export ${name}=${quoteForShell(value)}`,
  );
  return `${lines.join("\n")}\n`;
}

/** The sandbox's exit code for disk errors. */
const diskFailed = 74;

/** Runs one command of the sandbox's own CLI and returns its output. @throws FleetError SandboxFailed, DiskFailed */
export async function callSandbox(
  verb: "up" | "down" | "reset",
  environment: Environment,
  state: string,
  args: readonly string[] = [],
): Promise<string> {
  const command = [process.execPath, join(projectRoot, "sandbox/main.ts"), verb, "--state", state, ...args];
  const child = Bun.spawn(command, {
    env: environment.variables,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (exitCode === 0) return stdout;
  if (exitCode === diskFailed) {
    const [message = "", hint] = stderr.trim().split("\n");
    throw new FleetError("DiskFailed", message, { hint });
  }
  throw new FleetError("SandboxFailed", `the sandbox failed (${verb})`, {
    hint: `see ${join(state, "daemon.log")}, or remove ${state} and start over`,
    details: stderr.trim().split("\n").slice(-5),
  });
}

/** Stops this checkout's sandbox; `reset` also deletes its state. @throws FleetError SandboxFailed, DiskFailed */
export async function endSandbox(verb: "down" | "reset"): Promise<void> {
  const environment = readEnvironment();
  await callSandbox(verb, environment, sandboxState(environment));
}
