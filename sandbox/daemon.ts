import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { ArgocdBehaviour } from "#sandbox/argocd/controller.ts";
import { SnapshotRepository } from "#sandbox/argocd/repository.ts";
import { type CloudList, clouds } from "#sandbox/clouds.ts";
import { DaemonRefusal, type NewControlPlane, type NewNode, unknownUsageStatus } from "#sandbox/daemon-client.ts";
import { DaemonWorld } from "#sandbox/daemon-world.ts";
import { UnknownUsage } from "#sandbox/docker/argv.ts";
import { movePort, now, randomId } from "#sandbox/docker/engine.ts";
import type { Container, ControlPlane } from "#sandbox/docker/model.ts";
import { DockerState } from "#sandbox/docker/state.ts";
import { loadX509, makeCertificates } from "#sandbox/kubernetes/certificates.ts";
import { gitVersion, seedControlPlane, seedNetwork, seedNode, seedStorage } from "#sandbox/kubernetes/seed.ts";
import { ApiServer, type Controller } from "#sandbox/kubernetes/server.ts";
import { tryLock } from "#sandbox/lock-file.ts";
import { paceOf } from "#sandbox/pace.ts";
import { type SandboxPaths, sandboxPaths } from "#sandbox/paths.ts";
import { Usage } from "#sandbox/usage.ts";

/** How often it looks whether its folder is still there, and whether anybody uses it. */
const CHECK_MS = 500;

/** By then whoever has started it has its answers. */
const X509_DELAY_MS = 100;
/** What has not been closed by then is closed by the end of the process. */
const CLOSE_DEADLINE_MS = 2000;

/** A published port: closed at once while no API server is behind it, as Docker's proxy does it. */
type Listener =
  | { readonly kind: "plain"; readonly stop: () => void }
  | { readonly kind: "api"; readonly api: ApiServer };

/** Holds the ports of running containers and the API servers behind them. All else is in the shared database. */
type Operations = Readonly<Record<string, (body: never) => object | Promise<object>>>;

class Daemon {
  readonly #paths: SandboxPaths;
  readonly #usage: Usage;
  readonly #state: DockerState;
  readonly #listeners = new Map<string, Listener>();
  readonly #apis = new Map<string, ApiServer>();
  readonly #repository: SnapshotRepository;
  readonly #world: DaemonWorld;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(paths: SandboxPaths, usage: Usage, clouds: CloudList) {
    this.#paths = paths;
    this.#usage = usage;
    this.#state = new DockerState(paths.database, { create: true });
    this.#repository = new SnapshotRepository(paths.commits, () => this.#world.remotes());
    this.#world = new DaemonWorld({
      clouds,
      paths,
      speed: () => this.#state.speed(),
      controllers: [this.#argocd],
      usage,
      published: {
        isOpen: (port) =>
          this.#state.containers().some((one) => this.#listeners.has(one.id) && one.port?.hostPort === port),
        move: (from, to) => movePort(this.#state, from, to),
      },
      log,
    });
    mkdirSync(paths.clusters, { recursive: true, mode: 0o700 });
  }

  readonly #argocd: Controller = (cluster, pace) => new ArgocdBehaviour(cluster, pace, this.#repository);

  async restore(): Promise<void> {
    await this.#world.restorePorts();
    for (const container of this.#state.containers()) {
      if (container.state.status !== "running" || container.port === undefined) continue;
      await this.#open(container).catch((error: unknown) => this.#failed(container, error));
    }
    this.#updateNodes();
    await this.#world.restore().catch((error: unknown) => log(String(error)));
  }

  /** Operations run one after the other. */
  do(operation: string, body: unknown): Promise<object> {
    const work = async (): Promise<object> => {
      switch (operation) {
        case "ping":
          return { pid: process.pid };
        case "start":
          await this.#start((body as { container: string }).container);
          return {};
        case "stop":
          await this.#stop((body as { container: string }).container);
          return {};
        case "remove":
          await this.#remove((body as { container: string }).container);
          return {};
        case "initialise":
          await this.#initialise(body as NewControlPlane);
          return {};
        case "install": {
          const { controlPlane, part } = body as { controlPlane: string; part: string };
          const { cluster } = this.#api(this.#controlPlane(controlPlane));
          if (part === "network") seedNetwork(cluster);
          else seedStorage(cluster);
          return {};
        }
        case "join":
          this.#join(body as NewNode);
          return {};
        case "shutdown":
          await Promise.race([this.close(), Bun.sleep(CLOSE_DEADLINE_MS)]);
          setTimeout(() => process.exit(0), 5);
          return {};
        default: {
          const operations: Operations = this.#world.operations;
          const run = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
          if (run === undefined) throw new DaemonRefusal(`unknown operation ${operation}`);
          return await run(body as never);
        }
      }
    };
    if (operation === "ping") return work();
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async close(): Promise<void> {
    for (const listener of this.#listeners.values()) if (listener.kind === "plain") listener.stop();
    for (const api of this.#apis.values()) await api.dispose();
    this.#listeners.clear();
    this.#apis.clear();
    await this.#world.close();
  }

  async #start(id: string): Promise<void> {
    const container = this.#container(id);
    if (container.state.status === "running") return;
    const refuse = (problem: string) =>
      new DaemonRefusal(
        `driver failed programming external connectivity on endpoint ${container.name} (${randomId()}): ${problem}`,
      );
    try {
      const { port } = container;
      if (port !== undefined) {
        const where = `${port.hostIp}:${port.hostPort}`;
        const holders = this.#state.containers().filter((other) => other.id !== id && other.state.status === "running");
        if (holders.some((other) => other.port?.hostPort === port.hostPort)) {
          throw refuse(`Bind for ${where} failed: port is already allocated`);
        }
        await this.#open(container, true).catch(() => {
          throw refuse(`Error starting userland proxy: listen tcp4 ${where}: bind: address already in use`);
        });
      }
    } catch (error) {
      this.#failed(container, error);
      throw error;
    }
    const state = {
      status: "running",
      exitCode: 0,
      error: "",
      startedAt: now(),
      finishedAt: container.state.finishedAt,
    } as const;
    this.#state.transaction(() => this.#state.saveContainer({ ...this.#container(id), state }));
    await this.#reopenAll();
  }

  async #stop(id: string): Promise<void> {
    const container = this.#container(id);
    if (container.state.status !== "running") return;
    await this.#close(id);
    this.#saveState(container, { status: "exited", exitCode: container.stopExitCode, error: "", finishedAt: now() });
    await this.#reopenAll();
  }

  async #remove(id: string): Promise<void> {
    await this.#close(id);
    await this.#apis.get(id)?.dispose();
    this.#apis.delete(id);
    this.#state.transaction(() => this.#state.removeContainer(id));
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${this.#database(id)}${suffix}`, { force: true });
    await this.#reopenAll();
  }

  async #initialise(request: NewControlPlane): Promise<void> {
    const certificates = await makeCertificates({
      dns: [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "localhost",
        this.#container(request.container).name,
      ],
      ip: [...new Set(["127.0.0.1", ...(/^[\d.]+$/.test(request.hostname) ? [request.hostname] : [])])],
    });
    const controlPlane: ControlPlane = { ...request, ...certificates, token: randomId() };
    this.#state.transaction(() => {
      this.#container(request.container);
      this.#state.saveControlPlane(controlPlane);
    });
    seedControlPlane(this.#api(controlPlane).cluster, controlPlane);
    await this.#reopenAll();
  }

  #join(request: NewNode): void {
    const controlPlane = this.#controlPlane(request.controlPlane);
    const container = this.#container(request.container);
    seedNode(this.#api(controlPlane).cluster, controlPlane, {
      name: container.name,
      role: request.role,
      address: container.address,
      labels: request.labels,
      index: request.index,
      tainted: request.tainted,
      kindCluster: controlPlane.name,
      cpus: availableParallelism(),
      memoryBytes: totalmem(),
    });
    this.#updateNodes();
  }

  /** Opens a container's published port: to the API server behind it, if there is one that runs. */
  async #open(container: Container, starting = false): Promise<void> {
    const { port } = container;
    if (port === undefined) return;
    const controlPlane = this.#state.controlPlanes().find(({ publisher }) => publisher === container.id);
    const isUp = (id: string) =>
      (starting && id === container.id) || this.#state.container(id)?.state.status === "running";
    const wanted = controlPlane !== undefined && isUp(controlPlane.container) ? "api" : "plain";
    if (this.#listeners.get(container.id)?.kind === wanted) return;
    await this.#close(container.id);
    if (controlPlane !== undefined && wanted === "api") {
      const api = this.#api(controlPlane);
      api.listen(port.hostIp, port.hostPort);
      this.#listeners.set(container.id, { kind: "api", api });
    } else {
      const server = Bun.listen({
        hostname: port.hostIp,
        port: port.hostPort,
        socket: { open: (socket) => void socket.end(), data: () => {} },
      });
      this.#listeners.set(container.id, { kind: "plain", stop: () => server.stop(true) });
    }
  }

  async #close(id: string): Promise<void> {
    const listener = this.#listeners.get(id);
    this.#listeners.delete(id);
    if (listener?.kind === "api") await listener.api.close();
    if (listener?.kind === "plain") listener.stop();
  }

  /** After any change: what is behind each published port may be another thing now. */
  async #reopenAll(): Promise<void> {
    for (const container of this.#state.containers()) {
      if (container.state.status === "running") await this.#open(container);
    }
    this.#updateNodes();
  }

  #updateNodes(): void {
    const running = this.#state.containers().filter(({ state }) => state.status === "running");
    const names = new Set(running.map(({ name }) => name));
    for (const api of this.#apis.values()) api.setRunningNodes(names);
  }

  #api(controlPlane: ControlPlane): ApiServer {
    const existing = this.#apis.get(controlPlane.container);
    if (existing !== undefined) return existing;
    const api = new ApiServer({
      database: this.#database(controlPlane.container),
      certificates: controlPlane,
      token: controlPlane.token,
      version: gitVersion(controlPlane),
      networkDaemonSet: controlPlane.distribution === "kind" ? "kindnet" : undefined,
      pace: paceOf(() => this.#state.speed()),
      controllers: [this.#argocd],
      usage: this.#usage,
    });
    this.#apis.set(controlPlane.container, api);
    return api;
  }

  #database(container: string): string {
    return join(this.#paths.clusters, `${container.slice(0, 12)}.db`);
  }

  #container(id: string): Container {
    const container = this.#state.container(id);
    if (container === undefined) throw new DaemonRefusal(`No such container: ${id}`);
    return container;
  }

  #controlPlane(container: string): ControlPlane {
    const found = this.#state.controlPlanes().find((one) => one.container === container);
    if (found === undefined) throw new DaemonRefusal(`no control plane in container ${container}`);
    return found;
  }

  #failed(container: Container, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const status = container.state.status === "running" ? "exited" : container.state.status;
    this.#saveState(container, { status, exitCode: 128, error: message, finishedAt: container.state.finishedAt });
    log(`${container.name}: ${message}`);
  }

  #saveState(container: Container, state: Omit<Container["state"], "startedAt">): void {
    this.#state.transaction(() => {
      const current = this.#state.container(container.id);
      if (current === undefined) return;
      this.#state.saveContainer({ ...current, state: { ...state, startedAt: current.state.startedAt } });
    });
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
        return Response.json(await daemon.do(operation, await request.json()));
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
