import type { Pace } from "#sandbox/pace.ts";

/** A cloud with operations that take time. */
export interface Paced {
  /** Milliseconds of the real cloud, shortened by the sandbox's speed. */
  readonly pace: Pace;
}

const stopped = new WeakSet<Paced>();

/** Stops work in progress: the daemon exits, and resumes it at its next start. */
export function stopWork(cloud: Paced): void {
  stopped.add(cloud);
}

/** Runs work after the duration that it takes in the real cloud. Failures go to the log. */
export function later(cloud: Paced, durationMs: number, work: () => void | Promise<void>): void {
  const run = async (): Promise<void> => {
    await cloud.pace.wait(durationMs);
    if (!stopped.has(cloud)) await work();
  };
  run().catch((error: unknown) => {
    if (stopped.has(cloud)) return;
    process.stderr.write(`sandbox: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  });
}
