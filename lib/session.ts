import { join } from "node:path";
import { taskName } from "#lib/cli/options.ts";
import type { Clock } from "#lib/clock.ts";
import { download } from "#lib/download.ts";
import { type Environment, readEnvironment } from "#lib/environment.ts";
import { createExec } from "#lib/exec.ts";
import { createKubernetesApi, type KubernetesApi } from "#lib/kubernetes/api.ts";
import { createLocks } from "#lib/locks.ts";
import { type Paths, pathsBelow, projectRoot } from "#lib/paths.ts";
import { enterSandbox, sandboxState } from "#lib/sandbox.ts";
import type { World, WorldOptions } from "#lib/world.ts";

/** Where a command acts: on this machine, or in the sandbox with files of its own. */
export interface Session {
  readonly environment: Environment;
  readonly paths: Paths;
}

export async function openSession({ sandbox }: { readonly sandbox: boolean }): Promise<Session> {
  const environment = readEnvironment();
  const state = environment.stateDirectory ?? join(projectRoot, "clusters");
  if (!sandbox) return { environment, paths: pathsBelow(projectRoot, state) };
  const sandboxed = sandboxState(environment);
  return {
    environment: await enterSandbox(environment, sandboxed),
    paths: pathsBelow(projectRoot, sandboxed),
  };
}

/** The world of a whole run; each resource gets it with a progress sink of its own. */
export function createWorld(session: Session, clock: Clock, signal: AbortSignal, options: WorldOptions): World {
  const { retain, adopt, allowReplacement } = options;
  const exec = createExec(session.environment.variables);
  const apis = new Map<string, KubernetesApi>();
  return {
    exec,
    variables: session.environment.variables,
    clock,
    paths: session.paths,
    kubernetes(endpoint) {
      // One per cluster: it remembers what the server has, and who we are to it.
      const key = JSON.stringify(endpoint);
      const api = apis.get(key) ?? createKubernetesApi(endpoint, exec);
      apis.set(key, api);
      return api;
    },
    download: (url) => download(url, signal),
    locks: createLocks(session.paths.locks, clock, taskName()),
    signal,
    progress: () => undefined,
    output: () => undefined,
    options: { retain, adopt, allowReplacement },
  };
}
