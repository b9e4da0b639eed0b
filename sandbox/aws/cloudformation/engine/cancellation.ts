/** Ends waits early: a neighbour failed, or the caller wants no more. */
export interface Cancellation {
  requested(): boolean;
  cancel(): void;
  /** Result of `work`, unless it is called off first. @throws Cancelled */
  race<Result>(work: Promise<Result>): Promise<Result>;
}

export class Cancelled extends Error {}

export function createCancellation(): Cancellation {
  let requested = false;
  const waiting = new Set<() => void>();
  return {
    requested: () => requested,
    cancel: () => {
      requested = true;
      for (const wake of [...waiting]) wake();
    },
    race: async (work) => {
      if (requested) throw new Cancelled();
      let wake = (): void => {};
      const called = new Promise<never>((_, reject) => {
        wake = () => reject(new Cancelled());
      });
      waiting.add(wake);
      try {
        return await Promise.race([work, called]);
      } finally {
        waiting.delete(wake);
        // What has been left alone may still fail, and nobody listens any more.
        work.catch(() => undefined);
      }
    },
  };
}
