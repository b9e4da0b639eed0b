import { rmSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { DaemonRefusal, type NewControlPlane, type NewNode } from "#sandbox/daemon-client.ts";
import { now, randomId } from "#sandbox/docker/engine.ts";
import type { Container, ControlPlane } from "#sandbox/docker/model.ts";
import type { DockerState } from "#sandbox/docker/state.ts";
import { makeCertificates } from "#sandbox/kubernetes/certificates.ts";
import { gitVersion, seedControlPlane, seedNetwork, seedNode, seedStorage } from "#sandbox/kubernetes/seed.ts";
import { ApiServer, type Controller } from "#sandbox/kubernetes/server.ts";
import { paceOf } from "#sandbox/pace.ts";
import type { Usage } from "#sandbox/usage.ts";

export interface RunningContainersOptions {
  readonly state: DockerState;
  /** Of the clusters' objects. */
  readonly folder: string;
  /** What else is at work in each cluster. */
  readonly controllers: readonly Controller[];
  readonly usage: Usage;
  readonly log: (line: string) => void;
}

/** A published port: closed at once while no API server is behind it, as Docker's proxy does it. */
type Listener =
  | { readonly kind: "plain"; readonly stop: () => void }
  | { readonly kind: "api"; readonly api: ApiServer };

interface OneContainer {
  readonly container: string;
}

interface NewPart {
  readonly controlPlane: string;
  readonly part: "network" | "storage";
}

/** The ports of running containers and the API servers behind them. All else is in the shared database. */
export class RunningContainers {
  readonly #options: RunningContainersOptions;
  readonly #listeners = new Map<string, Listener>();
  readonly #apis = new Map<string, ApiServer>();

  constructor(options: RunningContainersOptions) {
    this.#options = options;
  }

  /** What programs ask the daemon for. */
  readonly operations = {
    start: (request: OneContainer) => this.#start(request),
    stop: (request: OneContainer) => this.#stop(request),
    remove: (request: OneContainer) => this.#remove(request),
    initialise: (request: NewControlPlane) => this.#initialise(request),
    install: (request: NewPart) => this.#install(request),
    join: (request: NewNode) => this.#join(request),
  };

  isOpen(port: number): boolean {
    return this.#options.state.containers().some((one) => this.#listeners.has(one.id) && one.port?.hostPort === port);
  }

  /** Opens the ports of what ran before. */
  async restore(): Promise<void> {
    for (const container of this.#options.state.containers()) {
      if (container.state.status !== "running" || container.port === undefined) continue;
      await this.#open(container).catch((error: unknown) => this.#failed(container, error));
    }
    this.#updateNodes();
  }

  async close(): Promise<void> {
    for (const listener of this.#listeners.values()) if (listener.kind === "plain") listener.stop();
    for (const api of this.#apis.values()) await api.dispose();
    this.#listeners.clear();
    this.#apis.clear();
  }

  async #start({ container: id }: OneContainer): Promise<void> {
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
        const holders = this.#options.state
          .containers()
          .filter((other) => other.id !== id && other.state.status === "running");
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
    this.#options.state.transaction(() => this.#options.state.saveContainer({ ...this.#container(id), state }));
    await this.#reopenAll();
  }

  async #stop({ container: id }: OneContainer): Promise<void> {
    const container = this.#container(id);
    if (container.state.status !== "running") return;
    await this.#close(id);
    this.#saveState(container, { status: "exited", exitCode: container.stopExitCode, error: "", finishedAt: now() });
    await this.#reopenAll();
  }

  async #remove({ container: id }: OneContainer): Promise<void> {
    await this.#close(id);
    await this.#apis.get(id)?.dispose();
    this.#apis.delete(id);
    this.#options.state.transaction(() => this.#options.state.removeContainer(id));
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
    this.#options.state.transaction(() => {
      this.#container(request.container);
      this.#options.state.saveControlPlane(controlPlane);
    });
    seedControlPlane(this.#api(controlPlane).cluster, controlPlane);
    await this.#reopenAll();
  }

  #install({ controlPlane, part }: NewPart): void {
    const { cluster } = this.#api(this.#controlPlane(controlPlane));
    if (part === "network") seedNetwork(cluster);
    else seedStorage(cluster);
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
    const controlPlane = this.#options.state.controlPlanes().find(({ publisher }) => publisher === container.id);
    const isUp = (id: string) =>
      (starting && id === container.id) || this.#options.state.container(id)?.state.status === "running";
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
    for (const container of this.#options.state.containers()) {
      if (container.state.status === "running") await this.#open(container);
    }
    this.#updateNodes();
  }

  #updateNodes(): void {
    const running = this.#options.state.containers().filter(({ state }) => state.status === "running");
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
      pace: paceOf(() => this.#options.state.speed()),
      controllers: this.#options.controllers,
      usage: this.#options.usage,
    });
    this.#apis.set(controlPlane.container, api);
    return api;
  }

  #database(container: string): string {
    return join(this.#options.folder, `${container.slice(0, 12)}.db`);
  }

  #container(id: string): Container {
    const container = this.#options.state.container(id);
    if (container === undefined) throw new DaemonRefusal(`No such container: ${id}`);
    return container;
  }

  #controlPlane(container: string): ControlPlane {
    const found = this.#options.state.controlPlanes().find((one) => one.container === container);
    if (found === undefined) throw new DaemonRefusal(`no control plane in container ${container}`);
    return found;
  }

  #failed(container: Container, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const status = container.state.status === "running" ? "exited" : container.state.status;
    this.#saveState(container, { status, exitCode: 128, error: message, finishedAt: container.state.finishedAt });
    this.#options.log(`${container.name}: ${message}`);
  }

  #saveState(container: Container, state: Omit<Container["state"], "startedAt">): void {
    this.#options.state.transaction(() => {
      const current = this.#options.state.container(container.id);
      if (current === undefined) return;
      this.#options.state.saveContainer({ ...current, state: { ...state, startedAt: current.state.startedAt } });
    });
  }
}
