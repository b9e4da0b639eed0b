import { expect } from "bun:test";
import { join } from "node:path";
import { createExec } from "#lib/exec.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { createKubernetesApi, type KubernetesApi } from "#lib/kubernetes/api.ts";
import { endpointOf, parseKubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import { DaemonClient } from "#sandbox/daemon-client.ts";
import { sandboxPaths } from "#sandbox/paths.ts";
import { type CloudSandbox, openCloudSandbox, type Run } from "#tests/support/cloud-sandbox.ts";

/** A sandbox of its own for one story, whose faults are those of one cloud. */
export interface Story extends CloudSandbox {
  /** Opens the clouds for those who come before the first run. */
  openFor(fleet: Fleet): Promise<void>;
  fault(target: string, effect: string, when?: { readonly nth?: number; readonly times?: number }): Promise<void>;
  clearFaults(): Promise<void>;
  /** What only the sandbox's daemon can do. */
  readonly daemon: DaemonClient;
}

/** A story mostly waits, for programs to start and for a cloud to get on: so many bear two cores. */
const atOnce = 3;
let running = 0;
const waiting: (() => void)[] = [];

/**
 * A sandbox for one story, and its end in any case. For tests that run side by side: some of them wait here.
 *
 * @param cloud whose faults the story asks for
 * @param speed as of openCloudSandbox
 */
export async function inSandbox(cloud: string, tell: (story: Story) => Promise<void>, speed?: number): Promise<void> {
  if (running === atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    const sandbox = await openCloudSandbox(speed);
    try {
      await tell(storyOf(cloud, sandbox));
    } finally {
      await sandbox.close();
    }
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

function storyOf(cloud: string, sandbox: CloudSandbox): Story {
  const daemon = new DaemonClient(sandboxPaths(sandbox.state));
  return {
    ...sandbox,
    daemon,
    async openFor({ domain, accounts }) {
      const named = accounts.flatMap((account) => ["--account", JSON.stringify(account)]);
      await sandbox.sandbox("up", "--domain", domain, ...named);
    },
    fault: (target, effect, { nth = 1, times = 1 } = {}) => daemon.addCloudFault({ cloud, target, effect, nth, times }),
    clearFaults: () => daemon.clearCloudFaults(),
  };
}

/** A cluster of a run in the sandbox, as whoever has its kubeconfig sees it. */
export async function openCluster(sandbox: CloudSandbox, name: string): Promise<KubernetesApi> {
  const path = join(sandbox.state, ".kubeconfigs", `kubeconfig_${name}.yml`);
  const kubeconfig = parseKubeconfig(await Bun.file(path).text(), path);
  return createKubernetesApi(endpointOf(kubeconfig, path), createExec(await sandbox.variables()));
}

/** What failed, and why, as people are told it: by resource, without what was blocked by it. */
export function errorsOf({ results, stderr }: Run): Readonly<Record<string, string>> {
  const failed = Object.values(results).flatMap(({ id, error }) =>
    error === undefined
      ? []
      : [[id, [`${error.message} (${error.code})`, `hint: ${error.hint ?? ""}`, ...(error.details ?? [])].join("\n")]],
  );
  return Object.fromEntries([...failed, ...(stderr === "" ? [] : [["", stderr]])]);
}

/** The only error of a run, and where it is. */
export function onlyError(run: Run): readonly [id: string, error: string] {
  expect(run.exitCode).toBe(1);
  const errors = Object.entries(errorsOf(run));
  expect(errors.map(([id]) => id)).toHaveLength(1);
  return errors[0] ?? ["", ""];
}

/** Ids of resources that ended like that. */
export function endedAs({ results }: Run, outcome: string): readonly string[] {
  return Object.values(results)
    .filter((result) => result.outcome === outcome)
    .map(({ id }) => id)
    .sort();
}

/** What differs from the fleet: `tags.cluster`, or how it ended where that is no list of changes. */
export function differences({ results }: Run): Readonly<Record<string, readonly string[] | string>> {
  const differing = Object.values(results).filter(({ outcome }) => outcome !== "unchanged");
  return Object.fromEntries(
    differing.map(({ id, outcome, changes }) => [
      id,
      changes.length === 0 ? outcome : changes.map(({ field }) => field).sort(),
    ]),
  );
}

/** @throws Error with all that failed */
export async function well(run: Promise<Run>): Promise<Run> {
  const ended = await run;
  if (ended.exitCode === 0) return ended;
  const degraded = Object.values(ended.results).flatMap(({ id, outcome, health, note }) =>
    outcome === "degraded" || outcome === "blocked" ? [`${id} ${outcome}: ${health?.summary ?? note}`] : [],
  );
  throw new Error(`exit code ${ended.exitCode}: ${JSON.stringify(errorsOf(ended), null, 1)} ${degraded.join("\n")}`);
}
