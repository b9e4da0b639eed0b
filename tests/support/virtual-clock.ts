import type { Clock } from "#lib/clock.ts";

/** A clock that jumps to the next sleeper as soon as nothing else is left to do. */
export function virtualClock(): Clock & { readonly elapsed: () => number } {
  let now = 0;
  let scheduled = false;
  let order = 0;
  const sleepers: { readonly at: number; readonly order: number; readonly wake: () => void }[] = [];

  function jump(): void {
    scheduled = false;
    sleepers.sort((a, b) => a.at - b.at || a.order - b.order);
    const next = sleepers.shift();
    if (next === undefined) return;
    now = next.at;
    next.wake();
    plan();
  }

  /** A macrotask runs only when all promises that can settle have settled. */
  function plan(): void {
    if (scheduled || sleepers.length === 0) return;
    scheduled = true;
    setImmediate(jump);
  }

  return {
    now: () => now,
    elapsed: () => now,
    sleep(ms, signal) {
      signal?.throwIfAborted();
      return new Promise((resolve, reject) => {
        const sleeper = { at: now + ms, order: order++, wake: resolve };
        sleepers.push(sleeper);
        signal?.addEventListener(
          "abort",
          () => {
            const index = sleepers.indexOf(sleeper);
            if (index >= 0) sleepers.splice(index, 1);
            reject(signal.reason);
          },
          { once: true },
        );
        plan();
      });
    },
  };
}
