import { SliceFile } from "#sandbox/cloud/slice-file.ts";

/** State of a cloud's services by account and region, kept on disk. */
export interface Slices {
  /**
   * The state of a service in one account and region, created on first use. Plain JSON: it is written to disk as it is.
   *
   * @param region `global` for services without regions
   */
  slice<State extends object>(service: string, account: string, region: string, initial: () => State): State;
  /** All slices of a service, for lookups across accounts (the owner of a zone, the zones of a name server). */
  slices<State extends object>(
    service: string,
  ): readonly { readonly account: string; readonly region: string; readonly state: State }[];
  /**
   * To be called after every change of a slice. A slice's fields hold records by their keys.
   *
   * @param record one that was changed in place; replaced, added and removed ones are found without being named
   */
  save(record?: object): void;
  /** Writes everything, saved or not. @throws errors of the file system */
  flush(): void;
}

/** @param path of the file; it is created with the first save */
export function openSlices(path: string): Slices {
  const file = new SliceFile(path);
  const all = file.read();
  const changed = new Set<unknown>();
  const saveSoon = coalesced(() => {
    const records = new Set(changed);
    changed.clear();
    file.write(all, (record) => records.has(record));
  });
  return {
    slice<State extends object>(service: string, account: string, region: string, initial: () => State): State {
      all[service] ??= {};
      const accounts = all[service];
      accounts[account] ??= {};
      const regions = accounts[account];
      regions[region] ??= initial();
      // Each service reads back its own state.
      return regions[region] as State;
    },
    slices<State extends object>(service: string) {
      return Object.entries(all[service] ?? {}).flatMap(([account, regions]) =>
        Object.entries(regions).map(([region, state]) => ({ account, region, state: state as State })),
      );
    },
    save(record) {
      if (record !== undefined) changed.add(record);
      saveSoon();
    },
    flush: () => file.write(all, () => true),
  };
}

/** A write compares every record. With thousands of them, pauses between writes keep it to a tenth of the time. */
const pauseFactor = 9;
const maxPauseMs = 100;

/** Runs `write` once for all calls within one tick. */
function coalesced(write: () => void): () => void {
  let isScheduled = false;
  let pausedUntil = 0;

  function run(): void {
    isScheduled = false;
    const begin = performance.now();
    try {
      write();
    } catch {
      // The next write repeats it, and the last one reports the error.
    }
    const end = performance.now();
    pausedUntil = end + Math.min((end - begin) * pauseFactor, maxPauseMs);
  }

  return () => {
    if (isScheduled) return;
    isScheduled = true;
    const pauseMs = pausedUntil - performance.now();
    if (pauseMs > 0) setTimeout(run, pauseMs);
    else queueMicrotask(run);
  };
}
