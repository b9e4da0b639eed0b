import { Database } from "bun:sqlite";
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { modeOfNewFile, refuseIgnoredModes } from "#lib/file-modes.ts";
import { DaemonClient, DaemonUnreachable } from "#sandbox/daemon-client.ts";
import { createBuiltinNetwork } from "#sandbox/docker/engine.ts";
import { DockerState } from "#sandbox/docker/state.ts";
import type { SandboxPaths } from "#sandbox/paths.ts";

/** A daemon that has not answered by then has died; its log says why. */
const startDeadlineMs = 15_000;
const pollMs = 10;

/** Starts the daemon unless it runs. @param idleMs it stops after that time without use */
export async function startDaemon(paths: SandboxPaths, idleMs: number): Promise<DaemonClient> {
  mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  refuseIgnoredModes(modeOfNewFile(paths.pid), paths.state);
  const daemon = new DaemonClient(paths);
  if (!(await isUp(daemon, paths))) await startOnce(paths, daemon, idleMs);
  return daemon;
}

/** Two calls at the same time start one daemon: the second waits for the first and finds it running. */
async function startOnce(paths: SandboxPaths, daemon: DaemonClient, idleMs: number): Promise<void> {
  const lock = new Database(paths.startLock, { create: true });
  lock.run(`PRAGMA busy_timeout = ${startDeadlineMs}`);
  lock.run("BEGIN EXCLUSIVE");
  try {
    if (await isUp(daemon, paths)) return;
    const state = new DockerState(paths.database, { create: true });
    createBuiltinNetwork(state);
    state.close();
    const log = openSync(paths.log, "a", 0o600);
    const child = spawn(process.execPath, [join(import.meta.dir, "daemon.ts"), paths.state, String(idleMs)], {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: paths.state,
    });
    child.unref();
    closeSync(log);
    const deadline = Date.now() + startDeadlineMs;
    while (!(await isUp(daemon, paths))) {
      if (Date.now() > deadline)
        throw new Error(`the sandbox did not start within ${startDeadlineMs} ms: see ${paths.log}`);
      await Bun.sleep(pollMs);
    }
  } finally {
    lock.close();
  }
}

/** Stops the daemon; its state stays on disk. */
export async function stopDaemon(paths: SandboxPaths): Promise<void> {
  const daemon = new DaemonClient(paths);
  try {
    await daemon.shutdown();
  } catch (error) {
    if (!(error instanceof DaemonUnreachable)) throw error;
  }
  awaitExit(paths);
  rmSync(paths.pid, { force: true });
  rmSync(paths.socket, { force: true });
}

/** A daemon that answers no more can still write: its lock is released when its process ends. */
function awaitExit(paths: SandboxPaths): void {
  if (!existsSync(paths.daemonLock)) return;
  const lock = new Database(paths.daemonLock, { create: true });
  try {
    lock.run(`PRAGMA busy_timeout = ${startDeadlineMs}`);
    lock.run("BEGIN EXCLUSIVE");
  } finally {
    lock.close();
  }
}

/** Removes the state of a sandbox whose daemon is stopped. With `force`, Bun's rmSync may return early and without an error while another process adds or removes files. */
export async function removeState({ state }: SandboxPaths): Promise<void> {
  const deadline = Date.now() + startDeadlineMs;
  for (;;) {
    rmSync(state, { recursive: true, force: true });
    if (!existsSync(state)) return;
    if (Date.now() > deadline) throw new Error(`${state} is still there: another process writes to it`);
    await Bun.sleep(pollMs);
  }
}

export async function isUp(daemon: DaemonClient, paths: SandboxPaths): Promise<boolean> {
  if (!existsSync(paths.socket)) return false;
  try {
    await daemon.ping();
    return existsSync(paths.database);
  } catch (error) {
    if (error instanceof DaemonUnreachable) return false;
    throw error;
  }
}
