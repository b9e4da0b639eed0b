/** Work that many changes at once ask for, and that is done once for all of them. */
export interface Coalesced {
  ask(): void;
  /** Nothing is done any more. */
  stop(): void;
}

/** Does the work as soon as what asked for it is through. */
export function coalesce(work: () => void): Coalesced {
  let [asked, stopped] = [false, false];
  return {
    ask() {
      if (asked || stopped) return;
      asked = true;
      queueMicrotask(() => {
        asked = false;
        if (!stopped) work();
      });
    },
    stop() {
      stopped = true;
    },
  };
}
