import type { Cloud } from "#sandbox/aws/cloud.ts";

const stopped = new WeakSet<Cloud>();

/** Nothing that is under way goes on: the sandbox leaves, and goes on with it when it is back. */
export function stopEngine(cloud: Cloud): void {
  stopped.add(cloud);
}

/** Waits as long as the real AWS takes for something; for ever once the sandbox leaves. */
export async function pause(cloud: Cloud, ms: number): Promise<void> {
  await cloud.pace.wait(ms);
  if (stopped.has(cloud)) await new Promise<never>(() => {});
}
