import { lstatSync } from "node:fs";
import type { CallRecord } from "#sandbox/cloud/http-server.ts";
import { UnknownUsage } from "#sandbox/docker/argv.ts";
import type { ControlPlane } from "#sandbox/docker/model.ts";
import type { SandboxPaths } from "#sandbox/paths.ts";
import type { Declaration } from "#sandbox/settings.ts";

/** The daemon does not answer. */
export class DaemonUnreachable extends Error {}

/** The daemon refused, in Docker's words. */
export class DaemonRefusal extends Error {}

/** Status of an answer about something that the daemon does not know. */
export const unknownUsageStatus = 400;

/** A control plane before the daemon has given it its credentials. */
export type NewControlPlane = Omit<ControlPlane, "authority" | "certificate" | "key" | "token">;

export interface NewNode {
  /** Container of the control plane that it joins. */
  readonly controlPlane: string;
  readonly container: string;
  readonly role: "control-plane" | "worker";
  readonly labels: Readonly<Record<string, string>>;
  readonly index: number;
  readonly tainted: boolean;
}

export interface CloudFaultRequest {
  readonly cloud: string;
  /** `cloudformation:CreateChangeSet`. */
  readonly target: string;
  readonly effect: string;
  readonly nth: number;
  /** 0: all that follow. */
  readonly times: number;
}

/** An operation that only one cloud has. */
export interface CloudOperationRequest {
  readonly cloud: string;
  readonly operation: string;
  readonly input: Readonly<Record<string, string>>;
}

export interface EnterRequest {
  readonly declared: Declaration;
  /** Ports that the fleet wants. */
  readonly ports: readonly number[];
}

export interface Entered {
  /** Variables that point programs at the clouds. */
  readonly env: Readonly<Record<string, string>>;
  /** What each wanted port is in this sandbox. */
  readonly ports: Readonly<Record<string, number>>;
}

export interface CloudCall extends CallRecord {
  readonly cloud: string;
}

/** What only the daemon can do, since it holds ports open and runs the API servers. */
export class DaemonClient {
  readonly #socket: string;
  readonly #user: number | undefined;

  /** @param user whose the daemon must be; the folder of its socket may be one that others can write to */
  constructor(paths: Pick<SandboxPaths, "socket">, user: number | undefined = process.getuid?.()) {
    this.#socket = paths.socket;
    this.#user = user;
  }

  /** The daemon's process id. */
  async ping(): Promise<number> {
    const { pid } = await this.#call<{ pid: number }>("ping", {});
    return pid;
  }

  async start(container: string): Promise<void> {
    await this.#call("start", { container });
  }

  async stop(container: string): Promise<void> {
    await this.#call("stop", { container });
  }

  async remove(container: string): Promise<void> {
    await this.#call("remove", { container });
  }

  async initialise(controlPlane: NewControlPlane): Promise<void> {
    await this.#call("initialise", controlPlane);
  }

  async install(controlPlane: string, part: "network" | "storage"): Promise<void> {
    await this.#call("install", { controlPlane, part });
  }

  async join(node: NewNode): Promise<void> {
    await this.#call("join", node);
  }

  /** Declares what is outside of the sandbox: opens the clouds of its accounts and reserves ports. */
  async enter(request: EnterRequest): Promise<Entered> {
    return await this.#call("enter", request);
  }

  /** What there is in each cloud, by its name. */
  async cloudStatus(): Promise<Readonly<Record<string, object>>> {
    return await this.#call("cloud-status", {});
  }

  async addCloudFault(fault: CloudFaultRequest): Promise<void> {
    await this.#call("cloud-fault", fault);
  }

  async clearCloudFaults(): Promise<void> {
    await this.#call("cloud-clear-faults", {});
  }

  /** The call log of the clouds, the oldest first. */
  async cloudCalls(options: { readonly clear: boolean }): Promise<readonly CloudCall[]> {
    const { calls } = await this.#call<{ calls: readonly CloudCall[] }>("cloud-calls", options);
    return calls;
  }

  /** Runs an operation that only one cloud has. */
  async operate<Answer>(cloud: string, operation: string, input: CloudOperationRequest["input"] = {}): Promise<Answer> {
    return await this.#call("cloud-operation", { cloud, operation, input });
  }

  async shutdown(): Promise<void> {
    await this.#call("shutdown", {});
  }

  #requireOwn(): void {
    const found = lstatSync(this.#socket, { throwIfNoEntry: false });
    if (found === undefined) throw new DaemonUnreachable(`no daemon answers at ${this.#socket}`);
    if (this.#user === undefined || (found.isSocket() && found.uid === this.#user)) return;
    const what = found.isSocket() ? `belongs to user ${found.uid}` : "is no socket";
    throw new Error(`${this.#socket} ${what}: it may be a trap; remove it, or set TMPDIR to a folder of your own`);
  }

  async #call<Answer>(operation: string, body: object): Promise<Answer> {
    this.#requireOwn();
    let response: Response;
    try {
      response = await fetch(`http://localhost/${operation}`, {
        method: "POST",
        body: JSON.stringify(body),
        unix: this.#socket,
      });
    } catch (error) {
      throw new DaemonUnreachable(`no daemon answers at ${this.#socket}`, { cause: error });
    }
    const answer = (await response.json()) as Answer & { readonly error?: string };
    if (response.status === unknownUsageStatus) throw new UnknownUsage(answer.error ?? operation);
    if (!response.ok) throw new DaemonRefusal(answer.error ?? `daemon answered ${response.status}`);
    return answer;
  }
}
