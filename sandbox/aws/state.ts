import type { Cloud } from "#sandbox/aws/cloud.ts";
import { authorize } from "#sandbox/aws/iam/permissions.ts";
import { SliceFile } from "#sandbox/aws/slice-file.ts";
import { assumeAsService } from "#sandbox/aws/sts/service-roles.ts";
import type { Pace } from "#sandbox/pace.ts";

export interface CloudOptions {
  /** File that holds everything; it is made when there is something to keep. */
  readonly path: string;
  readonly pace: Pace;
  /** @default the clock of this computer */
  readonly now?: () => Date;
}

/** A cloud that outlives its process. */
export interface KeptCloud extends Cloud {
  /** Writes everything, also what nobody has asked to save. @throws what the file system says */
  flush(): void;
}

/** Everything of the sandbox's AWS, as it was left. */
export function openCloud({ path, pace, now = () => new Date() }: CloudOptions): KeptCloud {
  const file = new SliceFile(path);
  const slices = file.read();
  const changed = new Set<unknown>();
  const saveSoon = coalesced(() => {
    const records = new Set(changed);
    changed.clear();
    file.write(slices, (record) => records.has(record));
  });

  const cloud: KeptCloud = {
    slice<State extends object>(service: string, account: string, region: string, initial: () => State): State {
      slices[service] ??= {};
      const accounts = slices[service];
      accounts[account] ??= {};
      const regions = accounts[account];
      regions[region] ??= initial();
      // Each service reads back what it has made itself.
      return regions[region] as State;
    },
    slices<State extends object>(service: string) {
      return Object.entries(slices[service] ?? {}).flatMap(([account, regions]) =>
        Object.entries(regions).map(([region, state]) => ({ account, region, state: state as State })),
      );
    },
    save(record) {
      if (record !== undefined) changed.add(record);
      saveSoon();
    },
    flush: () => file.write(slices, () => true),
    authorize: (caller, action, resource, context) => authorize(cloud, caller, action, resource, context),
    assumeAsService: (roleArn, service) => assumeAsService(cloud, roleArn, service),
    pace,
    now,
  };
  return cloud;
}

/** A write looks at each record. With thousands of them it takes a tenth of the time, unless that would leave too much unsaved. */
const restFactor = 9;
const longestRestMs = 100;

/** Many wishes within one tick are one write. */
function coalesced(write: () => void): () => void {
  let isWanted = false;
  let restUntil = 0;

  function run(): void {
    isWanted = false;
    const begin = performance.now();
    try {
      write();
    } catch {
      // The next write has all of it again, and the last one says what is wrong.
    }
    const end = performance.now();
    restUntil = end + Math.min((end - begin) * restFactor, longestRestMs);
  }

  return () => {
    if (isWanted) return;
    isWanted = true;
    const restMs = restUntil - performance.now();
    if (restMs > 0) setTimeout(run, restMs);
    else queueMicrotask(run);
  };
}
