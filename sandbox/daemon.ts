import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { ArgocdBehaviour } from "#sandbox/argocd/controller.ts";
import { SnapshotRepository } from "#sandbox/argocd/repository.ts";
import { type CloudList, clouds } from "#sandbox/clouds.ts";
import { DaemonRefusal, unknownUsageStatus } from "#sandbox/daemon-client.ts";
import { Declarations } from "#sandbox/declarations.ts";
import { UnknownUsage } from "#sandbox/docker/argv.ts";
import { movePort } from "#sandbox/docker/engine.ts";
import { RunningContainers } from "#sandbox/docker/running-containers.ts";
import { DockerState } from "#sandbox/docker/state.ts";
import { loadX509 } from "#sandbox/kubernetes/certificates.ts";
import type { Controller } from "#sandbox/kubernetes/server.ts";
import { tryLock } from "#sandbox/lock-file.ts";
import { type SandboxPaths, sandboxPaths } from "#sandbox/paths.ts";
import { Usage } from "#sandbox/usage.ts";

/** How often it looks whether its folder is still there, and whether anybody uses it. */
const CHECK_MS = 500;

/** By then whoever has started it has its answers. */
const X509_DELAY_MS = 100;
/** What has not been closed by then is closed by the end of the process. */
const CLOSE_DEADLINE_MS = 2000;

type Operations = Readonly<Record<string, (body: never) => unknown>>;

class Daemon {
  readonly #containers: RunningContainers;
  readonly #declarations: Declarations;
  readonly #operations: Operations;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(paths: SandboxPaths, usage: Usage, clouds: CloudList) {
    mkdirSync(paths.clusters, { recursive: true, mode: 0o700 });
    const state = new DockerState(paths.database, { create: true });
    const repository = new SnapshotRepository(paths.commits, () => this.#declarations.remotes());
    const controllers: readonly Controller[] = [(cluster, pace) => new ArgocdBehaviour(cluster, pace, repository)];
    this.#containers = new RunningContainers({ state, folder: paths.clusters, controllers, usage, log });
    this.#declarations = new Declarations({
      clouds,
      paths,
      speed: () => state.speed(),
      controllers,
      usage,
      published: {
        isOpen: (port) => this.#containers.isOpen(port),
        move: (from, to) => movePort(state, from, to),
      },
      log,
    });
    this.#operations = {
      ...this.#containers.operations,
      ...this.#declarations.operations,
      shutdown: async () => {
        await Promise.race([this.close(), Bun.sleep(CLOSE_DEADLINE_MS)]);
        setTimeout(() => process.exit(0), 5);
      },
    };
  }

  async restore(): Promise<void> {
    await this.#declarations.restorePorts();
    await this.#containers.restore();
    await this.#declarations.restore().catch((error: unknown) => log(String(error)));
  }

  /** Operations run one after the other; only a ping is answered at once. */
  do(operation: string, body: unknown): Promise<unknown> {
    if (operation === "ping") return Promise.resolve({ pid: process.pid });
    const result = this.#queue.then(() => {
      const run = Object.hasOwn(this.#operations, operation) ? this.#operations[operation] : undefined;
      if (run === undefined) throw new DaemonRefusal(`unknown operation ${operation}`);
      return run(body as never);
    });
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async close(): Promise<void> {
    await this.#containers.close();
    await this.#declarations.close();
  }
}

function log(line: string): void {
  process.stderr.write(`${new Date().toISOString()} ${line}\n`);
}

/** Runs the daemon of a sandbox. */
export async function serveDaemon(directory: string, idleMs: number, clouds: CloudList): Promise<void> {
  // Keys and credentials are in its files, and its socket takes commands: whatever the folder's mode is, they are private.
  process.umask(0o077);
  const paths = sandboxPaths(directory);
  if (!tryLock(paths.daemonLock, 2 * CLOSE_DEADLINE_MS)) {
    log("another daemon runs here");
    return;
  }
  const usage = new Usage(idleMs);
  const daemon = new Daemon(paths, usage, clouds);
  await daemon.restore();
  rmSync(paths.socket, { force: true });
  const control = Bun.serve({
    unix: paths.socket,
    fetch: async (request) => {
      usage.use();
      const operation = new URL(request.url).pathname.slice(1);
      try {
        return Response.json((await daemon.do(operation, await request.json())) ?? {});
      } catch (error) {
        if (!(error instanceof DaemonRefusal || error instanceof UnknownUsage))
          log(error instanceof Error ? (error.stack ?? error.message) : String(error));
        return Response.json(
          { error: error instanceof Error ? error.message : String(error) },
          { status: error instanceof UnknownUsage ? unknownUsageStatus : 409 },
        );
      }
    },
  });
  writeFileSync(paths.pid, `${process.pid}\n`, { mode: 0o600 });
  const inode = statSync(paths.database).ino;
  const leave = () => {
    control.stop(true);
    rmSync(paths.socket, { force: true });
    rmSync(paths.pid, { force: true });
    process.exit(0);
  };
  process.on("SIGTERM", leave);
  process.on("SIGINT", leave);
  process.on("exit", () => rmSync(paths.socket, { force: true }));
  usage.watch(() => control.pendingRequests > 0);
  const check = setInterval(() => {
    if (statSync(paths.database, { throwIfNoEntry: false })?.ino !== inode) leave();
    if (!usage.isOver()) return;
    clearInterval(check);
    log("nobody has used it for a while: it stops, and the next command starts it again");
    // From here on nobody finds it. What is written meanwhile is in its files.
    control.stop(true);
    void Promise.race([daemon.close(), Bun.sleep(CLOSE_DEADLINE_MS)]).finally(leave);
  }, CHECK_MS);
  log(`ready, process ${process.pid}`);
  // So that the first cluster does not wait for it.
  await Bun.sleep(X509_DELAY_MS);
  await loadX509();
}

if (import.meta.main) {
  const [directory, idleMs] = Bun.argv.slice(2);
  if (directory !== undefined) await serveDaemon(directory, Number(idleMs), clouds);
}
