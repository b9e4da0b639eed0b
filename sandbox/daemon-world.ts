import { join } from "node:path";
import type { RemoteRepository } from "#sandbox/argocd/repository.ts";
import { type AwsDoor, openAwsDoor } from "#sandbox/aws/door.ts";
import type { GithubClaims } from "#sandbox/aws/sts/github-issuer.ts";
import { parseCloudFault } from "#sandbox/cloud/faults.ts";
import type { AwsFaultRequest, Entered, EnterRequest } from "#sandbox/daemon-client.ts";
import type { Controller } from "#sandbox/kubernetes/server.ts";
import type { SandboxPaths } from "#sandbox/paths.ts";
import { ReservedPorts, type ReservedPortsOptions } from "#sandbox/reserved-ports.ts";
import { readSettings, type SandboxSettings, writeSettings } from "#sandbox/settings.ts";
import type { Usage } from "#sandbox/usage.ts";

export interface DaemonWorldOptions {
  readonly paths: SandboxPaths;
  readonly speed: () => number;
  /** What is at work in each cluster of a cloud. */
  readonly controllers: readonly Controller[];
  readonly usage: Usage;
  readonly published: Pick<ReservedPortsOptions, "isOpen" | "move">;
  readonly log: (line: string) => void;
}

const noAws = "the sandbox has no AWS: up --aws-account NAME=ID";

/** What a daemon knows of the world outside, and the clouds in it. */
export class DaemonWorld {
  readonly #options: DaemonWorldOptions;
  readonly #ports: ReservedPorts;
  #settings: SandboxSettings;
  #aws: AwsDoor | undefined;

  constructor(options: DaemonWorldOptions) {
    this.#options = options;
    this.#settings = readSettings(options.paths.settings);
    this.#ports = new ReservedPorts({ ports: this.#settings.ports, ...options.published });
  }

  /** The repository of the fleet is the checkout that the sandbox is part of. */
  remotes(): readonly RemoteRepository[] {
    const { repository } = this.#settings;
    return repository === undefined ? [] : [{ url: repository, root: join(import.meta.dir, "..") }];
  }

  /** Before anything listens on them. */
  async restorePorts(): Promise<void> {
    await this.#ports.restore();
    await this.#keep({ ...this.#settings, ports: this.#ports.ports });
  }

  async restore(): Promise<void> {
    if (this.#settings.accounts.length > 0) await this.#openAws();
  }

  /** Undefined when it is none of its operations. */
  do(operation: string, body: unknown): Promise<object> | undefined {
    switch (operation) {
      case "enter":
        return this.#enter(body as EnterRequest);
      case "aws-status":
        return this.#awsStatus();
      case "aws-fault":
        return this.#addFault(body as AwsFaultRequest);
      case "aws-clear":
        return this.#clearFaults();
      case "aws-calls":
        return this.#calls(body as { readonly clear: boolean });
      case "aws-github-job":
        return this.#openGithubJob(body as { readonly claims: GithubClaims });
      case "aws-end-sessions":
        return this.#endSessions();
      default:
        return undefined;
    }
  }

  async close(): Promise<void> {
    this.#ports.close();
    await this.#aws?.close();
  }

  async #enter({ world: { accounts, ...others }, ports }: EnterRequest): Promise<Entered> {
    const { accounts: known, domain } = this.#settings;
    await this.#ports.reserve(ports);
    await this.#keep({
      ...this.#settings,
      ...others,
      accounts: accounts.length === 0 ? known : accounts,
      ports: this.#ports.ports,
    });
    if (this.#settings.accounts.length > 0) await this.#openAws();
    if (domain !== this.#settings.domain) await this.#aws?.writeDirectory();
    return { awsEndpoint: this.#aws?.endpoint ?? null, ports: this.#ports.ports };
  }

  async #keep(settings: SandboxSettings): Promise<void> {
    const before = this.#settings;
    this.#settings = settings;
    if (!Bun.deepEquals(before, settings)) await writeSettings(this.#options.paths.settings, settings);
  }

  async #openAws(): Promise<AwsDoor> {
    if (this.#aws !== undefined) return this.#aws;
    const { paths, speed, controllers, usage, log } = this.#options;
    this.#aws = await openAwsDoor({
      paths: paths.aws,
      port: this.#settings.awsPort,
      domains: () => (this.#settings.domain === undefined ? [] : [this.#settings.domain]),
      speed,
      controllers,
      usage,
      log,
    });
    await this.#keep({ ...this.#settings, awsPort: this.#aws.port });
    return this.#aws;
  }

  async #awsStatus(): Promise<object> {
    if (this.#aws === undefined) return {};
    const host = await this.#aws.host();
    return { aws: { endpoint: this.#aws.endpoint, ...host.status(), faults: host.faults.list() } };
  }

  async #addFault({ target, effect, nth, times }: AwsFaultRequest): Promise<object> {
    const fault = parseCloudFault(target, effect, { nth, times });
    if (fault === undefined) throw new Error(`the sandbox can't read the fault ${target} ${effect}`);
    if (this.#aws === undefined) throw new Error(noAws);
    (await this.#aws.host()).faults.add(fault);
    return {};
  }

  async #calls({ clear }: { readonly clear: boolean }): Promise<object> {
    if (this.#aws === undefined) return { calls: [] };
    const host = await this.#aws.host();
    const calls = [...host.calls()];
    if (clear) host.clearCalls();
    return { calls };
  }

  async #openGithubJob({ claims }: { readonly claims: GithubClaims }): Promise<object> {
    if (this.#aws === undefined) throw new Error(noAws);
    const { bearer, path } = (await this.#aws.host()).openGithubJob(claims);
    return {
      env: {
        ACTIONS_ID_TOKEN_REQUEST_URL: `${this.#aws.endpoint}${path}`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer,
      },
    };
  }

  async #endSessions(): Promise<object> {
    if (this.#aws !== undefined) (await this.#aws.host()).endSessions();
    return {};
  }

  async #clearFaults(): Promise<object> {
    if (this.#aws !== undefined) (await this.#aws.host()).faults.clear();
    return {};
  }
}
