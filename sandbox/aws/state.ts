import { readFileSync } from "node:fs";
import { isErrno, writePrivateFile } from "#lib/files.ts";
import type { Cloud } from "#sandbox/aws/cloud.ts";
import { authorize } from "#sandbox/aws/iam/permissions.ts";
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
  /** Resolves when all that was saved so far is on disk. @throws what the file system says, once */
  flush(): Promise<void>;
}

/** Form of the file; another one is refused instead of guessed at. */
const format = 1;

interface CloudFile {
  readonly format: number;
  /** By service, account and region. */
  readonly slices: Record<string, Record<string, Record<string, object>>>;
}

/** Everything of the sandbox's AWS, as it was left. */
export function openCloud({ path, pace, now = () => new Date() }: CloudOptions): KeptCloud {
  const { slices } = readCloud(path);
  const write = coalesced(() => writePrivateFile(path, JSON.stringify({ format, slices } satisfies CloudFile)));

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
    save: write.soon,
    flush: write.done,
    authorize: (caller, action, resource, context) => authorize(cloud, caller, action, resource, context),
    assumeAsService: (roleArn, service) => assumeAsService(cloud, roleArn, service),
    pace,
    now,
  };
  return cloud;
}

function readCloud(path: string): CloudFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return { format, slices: {} };
    throw error;
  }
  const file = JSON.parse(text) as CloudFile;
  if (file.format === format) return file;
  throw new Error(`${path} is of format ${file.format}, this sandbox reads ${format}: remove it to begin anew`);
}

/** Many wishes within one tick are one write; a wish while writing is one more after it. */
function coalesced(write: () => Promise<void>): { readonly soon: () => void; readonly done: () => Promise<void> } {
  let isWanted = false;
  let running: Promise<void> | undefined;
  let failure: { readonly cause: unknown } | undefined;

  async function run(): Promise<void> {
    // Lets the rest of the tick go by first.
    await Promise.resolve();
    while (isWanted) {
      isWanted = false;
      try {
        await write();
      } catch (cause) {
        failure = { cause };
      }
    }
    running = undefined;
  }

  function soon(): void {
    isWanted = true;
    running ??= run();
  }

  async function done(): Promise<void> {
    while (running !== undefined) await running;
    if (failure === undefined) return;
    const { cause } = failure;
    failure = undefined;
    throw cause;
  }

  return { soon, done };
}
