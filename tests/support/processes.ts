import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";

/** Helpers for tests that start real processes. */

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script of this project to its end. */
export async function runScript(
  path: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const child = Bun.spawn([process.execPath, join(projectRoot, path), ...args], {
    cwd: projectRoot,
    env: { ...Bun.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return { exitCode: child.exitCode, stdout, stderr };
}

/** Starts a fixture process; its lines can be awaited one by one. */
export function startFixture(name: string, args: readonly string[] = []) {
  const path = join(projectRoot, "tests/fixtures/processes", `${name}.ts`);
  const child = Bun.spawn([process.execPath, path, ...args], {
    cwd: projectRoot,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  return {
    child,
    /** The next line; undefined when its output has ended. */
    async line(): Promise<string | undefined> {
      for (;;) {
        const end = rest.indexOf("\n");
        if (end >= 0) {
          const line = rest.slice(0, end);
          rest = rest.slice(end + 1);
          return line;
        }
        const { done, value } = await reader.read();
        if (done) return undefined;
        rest += decoder.decode(value, { stream: true });
      }
    },
  };
}

/** Command lines of a process group's living members; zombies that nobody has collected don't count. */
export function membersOf(group: number): readonly string[] {
  const { stdout } = Bun.spawnSync(["ps", "-eo", "pgid=,stat=,args="]);
  return stdout
    .toString()
    .split("\n")
    .flatMap((line) => {
      const [, pgid, stat = "", args = ""] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
      return pgid === String(group) && !stat.startsWith("Z") ? [args] : [];
    });
}

/** Waits until something holds, for at most five seconds; false when it never did. */
export async function eventually(holds: () => boolean, timeoutMs = 5_000): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() >= deadline) return false;
    await Bun.sleep(20);
  }
  return true;
}

/** A folder that goes with the work. */
export async function withFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "k8s-multicluster-gitops-test-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
