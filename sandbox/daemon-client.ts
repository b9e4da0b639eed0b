import { lstatSync } from "node:fs";
import type { AwsStatus } from "#sandbox/aws/service-host.ts";
import type { GithubClaims } from "#sandbox/aws/sts/github-issuer.ts";
import type { CallRecord } from "#sandbox/cloud/http-server.ts";
import type { ControlPlane } from "#sandbox/docker/model.ts";
import type { SandboxPaths } from "#sandbox/paths.ts";
import type { SandboxWorld } from "#sandbox/settings.ts";

/** The daemon does not answer. */
export class DaemonUnreachable extends Error {}

/** The daemon refused, in Docker's words. */
export class DaemonRefusal extends Error {}

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

export interface AwsFaultRequest {
  /** `cloudformation:CreateChangeSet`. */
  readonly target: string;
  readonly effect: string;
  readonly nth: number;
  /** 0: all that follow. */
  readonly times: number;
}

export interface EnterRequest {
  readonly world: SandboxWorld;
  /** Ports that the fleet wants. */
  readonly ports: readonly number[];
}

export interface Entered {
  readonly awsEndpoint: string | null;
  /** What each wanted port is in this sandbox. */
  readonly ports: Readonly<Record<string, number>>;
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

  /** Describes the world outside of the sandbox; opens AWS, if there are accounts, and reserves ports. */
  async enter(request: EnterRequest): Promise<Entered> {
    return await this.#call("enter", request);
  }

  /** What there is in AWS; undefined when there is no AWS. */
  async awsStatus(): Promise<(AwsStatus & { readonly endpoint: string }) | undefined> {
    const { aws } = await this.#call<{ aws?: AwsStatus & { readonly endpoint: string } }>("aws-status", {});
    return aws;
  }

  async addAwsFault(fault: AwsFaultRequest): Promise<void> {
    await this.#call("aws-fault", fault);
  }

  async clearAwsFaults(): Promise<void> {
    await this.#call("aws-clear", {});
  }

  /** What AWS was asked, the oldest first. */
  async awsCalls(options: { readonly clear: boolean }): Promise<readonly CallRecord[]> {
    const { calls } = await this.#call<{ calls: readonly CallRecord[] }>("aws-calls", options);
    return calls;
  }

  /** Begins a job of GitHub Actions: the variables by which it gets its tokens. */
  async openGithubJob(claims: GithubClaims): Promise<Readonly<Record<string, string>>> {
    const { env } = await this.#call<{ env: Readonly<Record<string, string>> }>("aws-github-job", { claims });
    return env;
  }

  /** Ends all sessions of roles of AWS. */
  async endAwsSessions(): Promise<void> {
    await this.#call("aws-end-sessions", {});
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
    if (!response.ok) throw new DaemonRefusal(answer.error ?? `daemon answered ${response.status}`);
    return answer;
  }
}
