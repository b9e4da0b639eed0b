import { DefinitionBehaviour } from "#sandbox/kubernetes/behaviours/definitions.ts";
import { NodeBehaviour } from "#sandbox/kubernetes/behaviours/nodes.ts";
import { WorkloadBehaviour } from "#sandbox/kubernetes/behaviours/workloads.ts";
import type { ServerCertificates } from "#sandbox/kubernetes/certificates.ts";
import { KindRegistry } from "#sandbox/kubernetes/custom-kinds.ts";
import type { Cluster } from "#sandbox/kubernetes/operations.ts";
import { route } from "#sandbox/kubernetes/router.ts";
import { ObjectStore } from "#sandbox/kubernetes/store.ts";
import type { IssueToken } from "#sandbox/kubernetes/token-request.ts";
import type { Authenticate } from "#sandbox/kubernetes/users.ts";
import type { Pace } from "#sandbox/pace.ts";
import type { Usage } from "#sandbox/usage.ts";

export interface ApiServerOptions {
  /** File that holds the objects; ":memory:" for one that forgets. */
  readonly database: string;
  readonly certificates: ServerCertificates;
  /** Of the one user, who may do everything; or who else is asked whose a token is. */
  readonly token: string | Authenticate;
  /** Signs tokens of service accounts. @default none: the cluster has no TokenRequest API */
  readonly issueToken?: IssueToken | undefined;
  /** As in `v1.36.1`. */
  readonly version: string;
  /** DaemonSet that makes the pod network; undefined when the network is built in. */
  readonly networkDaemonSet: string | undefined;
  /** Whether nodes reach the registry of an image by now. @default always */
  readonly canPull?: ((image: string) => boolean) | undefined;
  readonly pace: Pace;
  /** What else is at work in the cluster while its endpoint is open. */
  readonly controllers?: readonly Controller[];
  /** Learns of each request. */
  readonly usage?: Usage | undefined;
}

export type Controller = (cluster: Cluster, pace: Pace) => { stop(): void };

/** One cluster: its objects, what moves in it, and its HTTPS endpoint while that is open. */
export class ApiServer {
  readonly cluster: Cluster;
  readonly #options: ApiServerOptions;
  #version: string;
  #endpoint: Bun.Server<undefined> | undefined;
  #forgetUsage: (() => void) | undefined;
  #stopping = new AbortController();
  #nodes: NodeBehaviour | undefined;
  #workloads: WorkloadBehaviour | undefined;
  #definitions: DefinitionBehaviour | undefined;
  #controllers: readonly { stop(): void }[] = [];

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#version = options.version;
    const kinds = new KindRegistry();
    const store = new ObjectStore(options.database, kinds);
    this.cluster = { store, kinds, authority: options.certificates.authority };
  }

  /** The port that it listens on; undefined while it is closed. */
  get port(): number | undefined {
    return this.#endpoint?.port;
  }

  /** Opens the endpoint; throws when the port is taken. Port 0 takes any. */
  listen(hostname: string, port: number): void {
    if (this.#endpoint !== undefined) return;
    const { certificates, token, issueToken, pace, networkDaemonSet, canPull, usage } = this.#options;
    this.#stopping = new AbortController();
    const api = { ...this.cluster, token, issueToken, address: `${hostname}:${port}`, stopping: this.#stopping.signal };
    this.#endpoint = Bun.serve({
      hostname,
      port,
      tls: { cert: certificates.certificate, key: certificates.key },
      // A watch may be silent for long.
      idleTimeout: 0,
      fetch: (request) => {
        usage?.use();
        return route({ ...api, version: this.#version }, request);
      },
    });
    this.#forgetUsage = usage?.watch(() => (this.#endpoint?.pendingRequests ?? 0) > 0);
    this.#nodes = new NodeBehaviour(this.cluster.store, pace, networkDaemonSet);
    this.#workloads = new WorkloadBehaviour(this.cluster.store, pace, canPull);
    this.#definitions = new DefinitionBehaviour(this.cluster, pace);
    this.#controllers = (this.#options.controllers ?? []).map((start) => start(this.cluster, pace));
  }

  /** What it says it is from now on: an upgrade leaves its objects and its endpoint alone. */
  setVersion(version: string): void {
    this.#version = version;
  }

  /** Which nodes have a machine that runs. */
  setRunningNodes(names: ReadonlySet<string>): void {
    this.#nodes?.setRunning(names);
  }

  /** Closes the endpoint with all its connections; the objects stay. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#forgetUsage?.();
    // Forgotten too: one that has been stopped must not be told anything that makes it begin again.
    this.#nodes?.stop();
    this.#workloads?.stop();
    this.#definitions?.stop();
    for (const controller of this.#controllers) controller.stop();
    this.#controllers = [];
    this.#nodes = undefined;
    this.#workloads = undefined;
    this.#definitions = undefined;
    const endpoint = this.#endpoint;
    this.#endpoint = undefined;
    await endpoint?.stop(true);
  }

  /** Closes the endpoint and the file. */
  async dispose(): Promise<void> {
    await this.close();
    this.cluster.store.close();
  }
}
