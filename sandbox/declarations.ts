import { join } from "node:path";
import type { RemoteRepository } from "#sandbox/argocd/repository.ts";
import type { Entered, EnterRequest } from "#sandbox/daemon-client.ts";
import { DaemonClouds, type DaemonCloudsOptions } from "#sandbox/daemon-clouds.ts";
import { ReservedPorts, type ReservedPortsOptions } from "#sandbox/reserved-ports.ts";
import { readSettings, type SandboxSettings, writeSettings } from "#sandbox/settings.ts";

export interface DeclarationsOptions extends Omit<DaemonCloudsOptions, "domains"> {
  readonly published: Pick<ReservedPortsOptions, "isOpen" | "move">;
}

/** What `up` declares: domain, repository, accounts of clouds and ports. */
export class Declarations {
  readonly #path: string;
  readonly #ports: ReservedPorts;
  readonly #clouds: DaemonClouds;
  #settings: SandboxSettings;

  constructor({ published, ...options }: DeclarationsOptions) {
    this.#path = options.paths.settings;
    this.#settings = readSettings(this.#path);
    this.#ports = new ReservedPorts({ ports: this.#settings.ports, ...published });
    const domains = () => (this.#settings.domain === undefined ? [] : [this.#settings.domain]);
    this.#clouds = new DaemonClouds({ ...options, domains });
    this.operations = { ...this.#clouds.operations, enter: (request: EnterRequest) => this.#enter(request) };
  }

  readonly operations: DaemonClouds["operations"] & { enter(request: EnterRequest): Promise<Entered> };

  /** The repository of the fleet is the checkout that the sandbox is part of. */
  remotes(): readonly RemoteRepository[] {
    const { repository } = this.#settings;
    return repository === undefined ? [] : [{ url: repository, root: join(import.meta.dir, "..") }];
  }

  /** Before anything listens on them. */
  async restorePorts(): Promise<void> {
    await this.#ports.restore();
    await this.#keep({ ports: this.#ports.ports });
  }

  async restore(): Promise<void> {
    await this.#openClouds();
  }

  async close(): Promise<void> {
    this.#ports.close();
    await this.#clouds.close();
  }

  async #enter({ declared: { accounts: found, ...others }, ports }: EnterRequest): Promise<Entered> {
    const { domain } = this.#settings;
    const accounts = await this.#clouds.check(found);
    await this.#ports.reserve(ports);
    await this.#keep({ ...others, ...(accounts.length === 0 ? {} : { accounts }), ports: this.#ports.ports });
    await this.#openClouds();
    if (domain !== this.#settings.domain) await this.#clouds.writeDnsDirectory();
    return { env: await this.#clouds.env(), ports: this.#ports.ports };
  }

  async #openClouds(): Promise<void> {
    const { accounts, cloudPorts } = this.#settings;
    await this.#keep({ cloudPorts: await this.#clouds.open(accounts, cloudPorts) });
  }

  async #keep(changes: Partial<SandboxSettings>): Promise<void> {
    const before = this.#settings;
    this.#settings = { ...before, ...changes };
    if (!Bun.deepEquals(before, this.#settings)) await writeSettings(this.#path, this.#settings);
  }
}
