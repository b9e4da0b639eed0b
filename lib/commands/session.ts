import { join, resolve } from "node:path";
import { mfaPrompt } from "#lib/cli/mfa.ts";
import type { Clock } from "#lib/clock.ts";
import { openDns } from "#lib/dns/directory.ts";
import { download } from "#lib/download.ts";
import { adoptEnvironment, type Environment, readEnvironment, withVariables } from "#lib/environment.ts";
import { createExec } from "#lib/exec.ts";
import { loadFleet } from "#lib/fleet/load.ts";
import type { Providers } from "#lib/fleet/provider.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { World, WorldOptions } from "#lib/graph/world.ts";
import { createKubernetesApi, type KubernetesApi } from "#lib/kubernetes/api.ts";
import { createLocks, type Locks } from "#lib/locks.ts";
import { withMachineLocks } from "#lib/machine-locks.ts";
import { type Paths, pathsBelow, projectRoot } from "#lib/paths.ts";
import type { Provider, ProviderContext } from "#lib/provider.ts";
import { builtInProviders } from "#lib/providers.ts";
import { sandboxState, startSandbox } from "#lib/sandbox.ts";
import { taskName } from "#lib/task-name.ts";

/** The environment of a command: this machine, or the sandbox with its own files. */
export interface Session {
  readonly environment: Environment;
  readonly paths: Paths;
  readonly fleet: Fleet;
  readonly providers: Providers<Provider>;
  /** Set by `--sandbox`, or by the sandbox's variables. */
  readonly sandbox: boolean;
}

export interface SessionOptions {
  readonly sandbox: boolean;
  /** File with another fleet. @default variable FLEET_FILE, then clusters/fleet.ts */
  readonly fleetFile?: string | undefined;
}

/** @throws FleetError InvalidFleet, FleetUnreadable, SandboxFailed */
export async function openSession({ sandbox, fleetFile }: SessionOptions): Promise<Session> {
  const environment = readEnvironment();
  // Libraries and fetch read the process environment, so readEnvironment's additions must be set there too.
  adoptEnvironment(environment);
  const state = environment.stateDirectory ?? join(projectRoot, "clusters");
  const { fleet, providers } = await loadFleet(builtInProviders, fleetFile ?? environment.fleetFile);
  const folder = sandbox ? sandboxState(environment) : environment.sandboxFolder;
  if (folder === undefined) {
    return { environment, paths: pathsBelow(projectRoot, state), fleet, providers, sandbox: false };
  }
  // A shell with the sandbox's variables may have changed some of them, and stays in the sandbox that it was opened for: as in a real
  // cloud, an account whose id was changed in the fleet does not exist there.
  const started = await startSandbox(environment, folder, fleet, { declares: sandbox });
  const inside = sandbox ? withVariables(environment, started.variables) : environment;
  adoptEnvironment(inside);
  return {
    environment: inside,
    paths: pathsBelow(projectRoot, folder),
    fleet: started.fleet,
    providers,
    sandbox: true,
  };
}

/** The context that providers are opened with. The option `fleetFile` overrides the variable. */
export function contextOf({ fleet, environment }: Session, clock: Clock, fleetFile?: string): ProviderContext {
  const file = fleetFile ?? environment.fleetFile;
  return {
    fleet,
    environment,
    clock,
    askMfaCode: mfaPrompt(environment),
    ...(file === undefined ? {} : { fleetFile: resolve(file) }),
  };
}

/** A sandbox has its own Docker, and its own files. */
function locksOf({ paths, sandbox }: Session, clock: Clock): Locks {
  const own = createLocks(paths.locks, clock, taskName());
  return sandbox ? own : withMachineLocks(own, clock, `${taskName()} of ${paths.root}`);
}

/** The world of a whole run; each resource gets it with its own progress sink. */
export function createWorld(session: Session, clock: Clock, signal: AbortSignal, options: WorldOptions): World {
  const exec = createExec(session.environment.variables);
  const apis = new Map<string, KubernetesApi>();
  return {
    exec,
    variables: session.environment.variables,
    clock,
    paths: session.paths,
    kubernetes(endpoint) {
      // One per cluster: it caches API discovery and credentials.
      const key = JSON.stringify(endpoint);
      const api = apis.get(key) ?? createKubernetesApi(endpoint, exec);
      apis.set(key, api);
      return api;
    },
    dns: openDns(session.environment.dnsDirectory),
    download: (url) => download(url, signal),
    locks: locksOf(session, clock),
    signal,
    progress: () => undefined,
    output: () => undefined,
    options: { ...options, skipDnsWait: options.skipDnsWait || session.environment.dnsUncached },
  };
}
