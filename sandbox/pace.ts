/** Simulated time: every duration that a fake program or controller takes is divided by the sandbox's speed. */
export interface Pace {
  /** What `ms` of the real thing take here. */
  scale(ms: number): number;
  wait(ms: number): Promise<void>;
}

/** `speed` is read each time, so that `up --speed` also counts for a daemon that runs already. */
export function paceOf(speed: () => number): Pace {
  const scale = (ms: number) => ms / speed();
  return { scale, wait: (ms) => Bun.sleep(scale(ms)) };
}
