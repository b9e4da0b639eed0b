import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fleet } from "#lib/fleet/types.ts";
import type { Finished, FleetEvent } from "#lib/graph/events.ts";
import { projectRoot } from "#lib/paths.ts";
import { readText } from "#tests/support/read-text.ts";

/** One sandbox with clouds in it, and the tasks that act on it, each a process of its own. */
export interface CloudSandbox {
  /** Folder of what runs write. */
  readonly folder: string;
  /** Of the sandbox itself. */
  readonly state: string;
  /** Variables of programs that are to see the sandbox; filled by the first run of a task. */
  variables(): Promise<Readonly<Record<string, string>>>;
  run(task: string, args?: readonly string[], options?: RunOptions): Promise<Run>;
  start(task: string, args?: readonly string[], options?: RunOptions): Started;
  /** The sandbox's own command line. */
  sandbox(...args: readonly string[]): Promise<string>;
  /** Calls that the clouds got since the last time that this was asked. */
  calls(): Promise<readonly CloudCall[]>;
  close(): Promise<void>;
}

export interface RunOptions {
  readonly fleet?: Fleet;
  readonly variables?: Readonly<Record<string, string>>;
  /** False: the task isn't told of the sandbox, and sees it by its variables only. @default true */
  readonly entered?: boolean;
}

export interface Run {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly events: readonly FleetEvent[];
  /** How each resource ended, by id. */
  readonly results: Readonly<Record<string, Finished>>;
}

export interface Started {
  kill(signal: NodeJS.Signals): void;
  /** Until it has printed this, or has ended. */
  printed(text: string): Promise<void>;
  readonly ended: Promise<Run>;
}

export interface CloudCall {
  readonly service: string;
  readonly action: string;
  readonly account: string;
  readonly error?: string | undefined;
}

/** Names of actions that change nothing, in AWS, Azure and GCP. */
const reading =
  /^(Get|List|Describe|Assume|Detect|Validate|Batch|read$|list|token$|discovery$|endpoints$|keys$|get|testIamPermissions$|tokeninfo$|generateAccessToken$)/;

export function isChanging({ action }: Pick<CloudCall, "action">): boolean {
  return !reading.test(action);
}

/** @param speed divides simulated durations, on top of the haste that those of clouds have anyway */
export async function openCloudSandbox(speed = 20): Promise<CloudSandbox> {
  const folder = await mkdtemp(join(tmpdir(), "cloud-sandbox-"));
  const state = join(folder, ".sandbox");
  const base = { PATH: Bun.env.PATH ?? "", HOME: folder, CI: "true", CLUSTERS_DIRECTORY: folder };

  const sandbox: CloudSandbox["sandbox"] = async (...args) => {
    const child = Bun.spawn([process.execPath, join(projectRoot, "sandbox/main.ts"), ...args, "--state", state], {
      env: base,
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    if ((await child.exited) !== 0) throw new Error(`sandbox ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  await sandbox("up", "--speed", String(speed));

  const start: CloudSandbox["start"] = (task, args = [], { fleet, variables = {}, entered = true } = {}) => {
    let soFar = "";
    const watchers = new Set<() => void>();
    const spawned = (async () => {
      // Always the same: kubeconfigs name it.
      const file = join(folder, "fleet.json");
      if (fleet !== undefined) await Bun.write(file, JSON.stringify(fleet));
      const flags = [...(entered ? ["--sandbox"] : []), "--json", ...(fleet === undefined ? [] : ["--fleet", file])];
      return Bun.spawn([process.execPath, "run", join(projectRoot, `tasks/${task}.ts`), ...flags, ...args], {
        cwd: folder,
        env: { ...base, ...variables },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
    })();
    const ended = spawned.then(async (child): Promise<Run> => {
      const [stdout, stderr] = await Promise.all([
        readText(child.stdout, (text) => {
          soFar = text;
          for (const watch of watchers) watch();
        }),
        new Response(child.stderr).text(),
      ]);
      return { exitCode: await child.exited, stdout, stderr, ...parse(stdout) };
    });
    const printed: Started["printed"] = async (text) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const watch = (): void => {
        if (soFar.includes(text)) resolve();
      };
      watchers.add(watch);
      watch();
      await Promise.race([promise, ended]);
      watchers.delete(watch);
    };
    return { kill: (signal) => void spawned.then((child) => child.kill(signal)), printed, ended };
  };

  return {
    folder,
    state,
    sandbox,
    start,
    run: (task, args, options) => start(task, args, options).ended,
    async variables() {
      const answer = JSON.parse(await sandbox("up")) as { readonly env: Readonly<Record<string, string>> };
      return { ...base, ...answer.env };
    },
    async calls() {
      const lines = (await sandbox("calls", "--clear")).split("\n").filter((line) => line !== "");
      return lines.map((line) => JSON.parse(line) as CloudCall);
    },
    async close() {
      await sandbox("reset");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function parse(stdout: string): Pick<Run, "events" | "results"> {
  const events = stdout.split("\n").flatMap((line): FleetEvent[] => {
    if (!line.startsWith("{")) return [];
    try {
      return [JSON.parse(line) as FleetEvent];
    } catch {
      // A process that was killed may have left half a line.
      return [];
    }
  });
  const finished = events.filter((event) => event.kind === "finished");
  return { events, results: Object.fromEntries(finished.map((event) => [event.id, event])) };
}
