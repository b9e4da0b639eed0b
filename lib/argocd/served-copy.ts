import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { World } from "#lib/graph/world.ts";
import { quoteForShell } from "#lib/shell-words.ts";

/**
 * The bare repository that clusters read: pinned commits of the checkout with their history. Git clients may request
 * any object of a served repository, so it contains nothing else.
 */
export interface ServedCopy {
  readonly folder: string;
  /** Adds the commit. `alone`: removes everything outside of the history of that commit. */
  include(commit: string, options: { readonly alone: boolean }): Promise<void>;
}

export type ServedCopyWorld = Pick<World, "exec" | "locks" | "paths" | "progress" | "signal">;

/** Another command may be copying a large repository. */
const lockTimeoutMs = 120_000;
const copyTimeoutMs = 600_000;
const pinned = "refs/heads/pinned";

export function servedCopy(world: ServedCopyWorld, port: number): ServedCopy {
  const { root } = world.paths;
  const folder = join(world.paths.cache, `checkout-${port}.git`);
  const { signal } = world;
  const attempt = world.exec({ signal, nothrow: true });
  const inRoot = ["-C", root, "-c", `safe.directory=${root}`];
  const inCopy = ["-C", folder, "-c", `safe.directory=${folder}`];

  async function readRefs(): Promise<ReadonlyMap<string, string>> {
    const format = "%(refname) %(objectname)";
    const { stdout, exitCode } = await attempt`git ${inCopy} for-each-ref --format=${format}`;
    const lines = exitCode === 0 ? stdout.split("\n").filter((line) => line !== "") : [];
    return new Map(lines.map((line) => line.split(" ") as [string, string]));
  }

  async function isWithin(ancestor: string, commit: string): Promise<boolean> {
    const { exitCode } = await attempt`git ${inRoot} merge-base --is-ancestor ${ancestor} ${commit}`;
    return exitCode === 0;
  }

  /** Personal Git settings (hooks, signatures, templates) must not apply to the copy. */
  async function push(commit: string, ref: string): Promise<void> {
    const exec = world.exec({ signal, timeout: copyTimeoutMs });
    const layout = ["--bare", "--template=", "--shared=0600", "--initial-branch=pinned"];
    await exec`git init --quiet ${layout} --object-format=${commit.length === 64 ? "sha256" : "sha1"} ${folder}`;
    const settings = {
      "safe.directory": folder,
      "core.hooksPath": "/dev/null",
      "receive.shallowUpdate": "true",
      "receive.autogc": "false",
    };
    const given = Object.entries(settings).map(([key, value]) => `-c ${quoteForShell(`${key}=${value}`)}`);
    const flags = ["--quiet", "--no-verify", "--no-signed", "--recurse-submodules=no"];
    const receive = `git ${given.join(" ")} receive-pack`;
    await exec`git ${inRoot} push ${flags} --receive-pack=${receive} ${folder} ${`+${commit}:${ref}`}`;
  }

  async function include(commit: string, alone: boolean): Promise<void> {
    const refs = await readRefs();
    if (!alone) {
      if (![...refs.values()].includes(commit)) await push(commit, `refs/heads/${commit}`);
      return;
    }
    const last = refs.get(pinned);
    if (last === commit && refs.size === 1) return;
    const isKept = refs.size === 1 && last !== undefined && (await isWithin(last, commit));
    if (!isKept) await rm(folder, { recursive: true, force: true });
    await push(commit, pinned);
  }

  return {
    folder,
    include: (commit, { alone }) =>
      world.locks.hold(`checkout-${port}`, { ...world, timeoutMs: lockTimeoutMs }, () => include(commit, alone)),
  };
}
