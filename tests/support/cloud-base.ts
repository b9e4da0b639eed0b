import { join } from "node:path";
import type { CloudBase } from "#sandbox/cloud/cloud-base.ts";
import { openGithub } from "#sandbox/cloud/github.ts";
import { openSlices } from "#sandbox/cloud/slices.ts";
import { paceOf } from "#sandbox/pace.ts";

export interface TestBase {
  readonly base: CloudBase;
  /** Moves its clock. */
  advance(ms: number): void;
  /** Writes its state to the folder. */
  flush(): void;
}

/**
 * What the parts of one cloud of the sandbox share, without a front.
 *
 * @param speed 60: a minute of the cloud takes a second
 * @param now instead of its own clock
 */
export function openTestBase(folder: string, speed: number, now?: () => Date): TestBase {
  const { flush, ...slices } = openSlices(join(folder, "cloud.db"));
  let aheadMs = 0;
  return {
    base: {
      ...slices,
      now: now ?? (() => new Date(Date.now() + aheadMs)),
      github: openGithub(join(folder, "github.pem")),
      pace: paceOf(() => speed),
      endpoint: "https://127.0.0.1:1",
    },
    advance(ms) {
      aheadMs += ms;
    },
    flush,
  };
}
