import { dirname } from "node:path";
import type { CloudAccount, CloudOptions, SandboxCloud } from "#sandbox/cloud/cloud.ts";
import { type CloudHost, openCloudHost } from "#sandbox/cloud/cloud-host.ts";
import { parseCloudFault } from "#sandbox/cloud/faults.ts";
import type { CloudProxy } from "#sandbox/cloud/proxy.ts";
import type { CloudTls } from "#sandbox/cloud/tls.ts";
import type { CloudList } from "#sandbox/clouds.ts";
import { type CloudFaultRequest, type CloudOperationRequest, DaemonRefusal } from "#sandbox/daemon-client.ts";
import { type DnsHost, openDnsHost } from "#sandbox/dns/host.ts";
import { UnknownUsage } from "#sandbox/docker/argv.ts";
import type { SandboxPaths } from "#sandbox/paths.ts";

type OwnOption = "stateFile" | "githubKey" | "clusters" | "accounts" | "endpoint" | "tls";

export interface DaemonCloudsOptions extends Omit<CloudOptions, OwnOption> {
  readonly clouds: CloudList;
  readonly paths: SandboxPaths;
  /** Domains that are hosted outside of the clouds. */
  readonly domains: () => readonly string[];
}

interface Hosted extends CloudHost {
  readonly cloud: SandboxCloud;
  /** Undefined for plain HTTP. */
  readonly tls: CloudTls | undefined;
}

/** Key of the proxy's port among the ports of clouds. */
const proxyPort = "proxy";

/** The clouds of which accounts have been declared, and the DNS servers of their zones. */
export class DaemonClouds {
  readonly #options: DaemonCloudsOptions;
  readonly #hosts = new Map<string, Hosted>();
  #accounts: readonly CloudAccount[] = [];
  #dns: DnsHost | undefined;
  #proxy: CloudProxy | undefined;

  constructor(options: DaemonCloudsOptions) {
    this.#options = options;
  }

  readonly operations = {
    "cloud-status": () => this.#status(),
    "cloud-fault": (request: CloudFaultRequest) => this.#addFault(request),
    "cloud-clear-faults": () => {
      for (const { server } of this.#hosts.values()) server.faults.clear();
      return {};
    },
    "cloud-calls": ({ clear }: { readonly clear: boolean }) => {
      const calls = [...this.#hosts].flatMap(([cloud, { server }]) => server.calls.map((call) => ({ cloud, ...call })));
      if (clear) for (const { server } of this.#hosts.values()) server.clearCalls();
      return { calls };
    },
    "cloud-operation": (request: CloudOperationRequest) => this.#operate(request),
  };

  /** The accounts of clouds that the sandbox emulates: a fleet may have others. @throws UnknownUsage for a malformed one */
  async check(accounts: readonly CloudAccount[]): Promise<readonly CloudAccount[]> {
    const known = accounts.filter(({ provider }) => Object.hasOwn(this.#options.clouds, provider));
    for (const account of known) {
      const fault = (await this.#load(account.provider)).checkAccount(account);
      if (fault !== undefined) throw new UnknownUsage(`the account ${JSON.stringify(account.name)}: ${fault}`);
    }
    return known;
  }

  /** Opens each cloud that has accounts. @param ports of the clouds from before @returns their ports now */
  async open(
    accounts: readonly CloudAccount[],
    ports: Readonly<Record<string, number>>,
  ): Promise<Readonly<Record<string, number>>> {
    this.#accounts = accounts;
    const { paths, domains, ...options } = this.#options;
    const added = [...new Set(accounts.map(({ provider }) => provider))].filter((name) => !this.#hosts.has(name));
    for (const name of added) {
      const cloud = await this.#load(name);
      const { clusters, githubKey } = paths;
      const stateFile = paths.cloud(name);
      const log = (line: string): void => options.log(`${name}: ${line}`);
      const { hosts } = cloud;
      // Nothing of it is loaded for clouds with plain HTTP.
      const tls = hosts && (await (await import("#sandbox/cloud/tls.ts")).openTls(paths.tls, name, hosts));
      const own = {
        accounts: () => this.#accountsOf(name),
        stateFile,
        githubKey,
        clusters,
        log,
        tls,
        port: ports[name],
      };
      const host = await openCloudHost(cloud, { ...options, ...own });
      this.#hosts.set(name, { ...host, cloud, tls });
    }
    await this.#openProxy(ports[proxyPort]);
    if (added.length > 0) {
      await this.#dns?.close();
      const hosts = [...this.#hosts.values()];
      this.#dns = await openDnsHost({
        servers: hosts.flatMap(({ cloud }) => cloud.nameServers),
        zones: () => hosts.flatMap((host) => host.zones()),
        domains,
        directoryPath: paths.dnsDirectory,
        statePath: paths.dnsState,
      });
    }
    const own = [...this.#hosts].map(([name, { server }]) => [name, server.port] as const);
    const proxy = this.#proxy === undefined ? [] : [[proxyPort, this.#proxy.port] as const];
    return { ...ports, ...Object.fromEntries([...own, ...proxy]) };
  }

  /** Publishes the DNS servers again, after the domains have changed. */
  async writeDnsDirectory(): Promise<void> {
    await this.#dns?.writeDirectory();
  }

  /** Variables that point programs at the clouds. */
  async env(): Promise<Readonly<Record<string, string>>> {
    if (this.#hosts.size === 0) return {};
    const { paths } = this.#options;
    const env: Record<string, string> = {};
    for (const [name, { cloud, server, tls }] of this.#hosts) {
      const accounts = this.#accountsOf(name);
      if (accounts.length === 0) continue;
      const [folder, authorityPath] = [dirname(paths.cloud(name)), tls?.authorityPath ?? ""];
      const proxyUrl = tls === undefined ? "" : (this.#proxy?.url ?? "");
      const place = { endpoint: server.endpoint, folder, accounts, authorityPath, proxyUrl, bin: paths.bin };
      Object.assign(env, await cloud.env(place));
    }
    // Records change between two commands, so that no answer may be cached.
    return { ...env, DNS_DIRECTORY: paths.dnsDirectory, DNS_UNCACHED: "1" };
  }

  async close(): Promise<void> {
    await this.#dns?.close();
    await this.#proxy?.stop();
    for (const host of this.#hosts.values()) await host.close();
  }

  #accountsOf(name: string): readonly CloudAccount[] {
    return this.#accounts.filter(({ provider }) => provider === name);
  }

  /** With the first cloud that has public host names. */
  async #openProxy(port: number | undefined): Promise<void> {
    if (this.#proxy !== undefined || ![...this.#hosts.values()].some(({ tls }) => tls !== undefined)) return;
    const { openProxy } = await import("#sandbox/cloud/proxy.ts");
    const portOf = (host: string): number | undefined =>
      [...this.#hosts.values()].find(({ cloud }) => cloud.hosts?.includes(host))?.server.port;
    this.#proxy = await openProxy({ portOf, ...(port === undefined ? {} : { port }) });
  }

  async #load(name: string): Promise<SandboxCloud> {
    const { clouds } = this.#options;
    const load = Object.hasOwn(clouds, name) ? clouds[name] : undefined;
    if (load === undefined) throw new UnknownUsage(`the cloud "${name}": known are ${Object.keys(clouds).join(", ")}`);
    return await load();
  }

  async #hostOf(name: string): Promise<Hosted> {
    await this.#load(name);
    const host = this.#hosts.get(name);
    if (host === undefined)
      throw new DaemonRefusal(`the sandbox has no account of ${name}: declare it by up --account JSON`);
    return host;
  }

  async #status(): Promise<object> {
    const all = [...this.#hosts].map(async ([name, { open, server, tls }]) => {
      const { endpoint, faults } = server;
      const proxy = tls === undefined ? {} : { proxy: this.#proxy?.url, authority: tls.authorityPath };
      return [name, { endpoint, ...proxy, ...(await open()).status(), faults: faults.list() }] as const;
    });
    return Object.fromEntries(await Promise.all(all));
  }

  async #addFault({ cloud, target, effect, nth, times }: CloudFaultRequest): Promise<object> {
    const { server } = await this.#hostOf(cloud);
    const fault = parseCloudFault(target, effect, { nth, times });
    if (fault === undefined) throw new UnknownUsage(`the fault "${target} ${effect}"`);
    server.faults.add(fault);
    return {};
  }

  async #operate({ cloud, operation, input }: CloudOperationRequest): Promise<object> {
    const { open, server } = await this.#hostOf(cloud);
    const { operations } = await open();
    const run = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
    if (run === undefined) throw new UnknownUsage(`the operation "${operation}" of ${cloud}`);
    return run(input, server.endpoint);
  }
}
