import type { Cloud } from "#sandbox/aws/cloud.ts";

/** What AWS takes for it, in real milliseconds. */
export const durations = {
  clusterCreate: 8 * 60_000,
  clusterDelete: 4 * 60_000,
  versionUpdate: 9 * 60_000,
  configUpdate: 3 * 60_000,
  nodeGroupCreate: 2 * 60_000,
  nodeGroupUpdate: 2 * 60_000,
  nodeGroupDelete: 2 * 60_000,
  addon: 40_000,
  /** From a pod without a place to a machine that has joined. */
  nodeStart: 40_000,
  loadBalancerCreate: 20_000,
  loadBalancerDelete: 15_000,
} as const;

const stopped = new WeakSet<Cloud>();

/** Stops work in progress: the daemon exits, and resumes it at its next start. */
export function stopWork(cloud: Cloud): void {
  stopped.add(cloud);
}

/** Runs work after the duration that it takes on AWS. Failures go to the log. */
export function later(cloud: Cloud, durationMs: number, work: () => void | Promise<void>): void {
  const run = async (): Promise<void> => {
    await cloud.pace.wait(durationMs);
    if (!stopped.has(cloud)) await work();
  };
  run().catch((error: unknown) => {
    if (stopped.has(cloud)) return;
    process.stderr.write(`eks: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  });
}
