import { DaemonClient, DaemonRefusal, DaemonUnreachable } from "#sandbox/daemon-client.ts";
import { UnknownUsage } from "#sandbox/docker/argv.ts";
import { removeAnonymousVolumes } from "#sandbox/docker/engine.ts";
import { type FaultFailure, meetFaults } from "#sandbox/docker/faults.ts";
import type { Container } from "#sandbox/docker/model.ts";
import { DockerState } from "#sandbox/docker/state.ts";
import { readSandboxEnvironment, type SandboxEnvironment } from "#sandbox/environment.ts";
import { type Pace, paceOf } from "#sandbox/pace.ts";
import { type SandboxPaths, sandboxPaths } from "#sandbox/paths.ts";

/** Exit code for what the fake does not know (EX_USAGE). */
export const DOES_NOT_KNOW = 64;

/** What a fake program works with. */
export interface ProgramContext {
  readonly argv: readonly string[];
  readonly environment: SandboxEnvironment;
  readonly paths: SandboxPaths;
  readonly state: DockerState;
  readonly daemon: DaemonClient;
  readonly pace: Pace;
  /** One line to stdout, at once. */
  out(text: string): void;
  /** One line to stderr, at once. */
  err(text: string): void;
}

/** Ends the program with a code; what is to be said has been said. */
export class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** Runs a fake program; returns its exit code. `unreachable` says what the real one says when Docker is down. */
export async function runProgram(
  name: "docker" | "kind" | "k3d",
  main: (context: ProgramContext) => Promise<void>,
  unreachable: (context: Pick<ProgramContext, "err" | "argv">, socket: string) => number,
): Promise<number> {
  const argv = Bun.argv.slice(2);
  const out = (text: string) => void process.stdout.write(`${text}\n`);
  const err = (text: string) => void process.stderr.write(`${text}\n`);
  const environment = readSandboxEnvironment();
  if (environment.stateDirectory === undefined) {
    err(
      `sandbox ${name}: does not know its state folder: set K8S_SANDBOX_STATE, or call it from the folder that "up" made`,
    );
    return DOES_NOT_KNOW;
  }
  const paths = sandboxPaths(environment.stateDirectory);
  let state: DockerState;
  const daemon = new DaemonClient(paths);
  try {
    await daemon.ping();
    state = new DockerState(paths.database, { create: false });
  } catch (error) {
    if (error instanceof DaemonUnreachable) return unreachable({ err, argv }, paths.socket);
    throw error;
  }
  try {
    const pace = paceOf(() => state.speed());
    const failure: FaultFailure | undefined = await meetFaults(state, name, argv);
    if (failure !== undefined) {
      err(failure.text);
      return failure.exitCode;
    }
    await main({ argv, environment, paths, state, daemon, pace, out, err });
    return 0;
  } catch (error) {
    if (error instanceof Exit) return error.code;
    if (error instanceof UnknownUsage) {
      err(`sandbox ${name}: does not know ${error.message} (${name} ${argv.join(" ")})`);
      return DOES_NOT_KNOW;
    }
    if (error instanceof DaemonUnreachable) return unreachable({ err, argv }, paths.socket);
    throw error;
  } finally {
    state.close();
  }
}

/** Removes the containers of a cluster with their volumes. */
export async function removeContainers({ daemon, state }: ProgramContext, nodes: readonly Container[]): Promise<void> {
  for (const node of nodes) {
    await daemon.remove(node.id).catch((error: unknown) => {
      // Somebody else removed it in the meantime.
      if (!(error instanceof DaemonRefusal)) throw error;
    });
    removeAnonymousVolumes(state, node);
  }
}
