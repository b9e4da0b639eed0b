import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CloudAccount, SandboxCloud } from "#sandbox/cloud/cloud.ts";
import { type CloudHost, openCloudHost } from "#sandbox/cloud/cloud-host.ts";
import { openProxy } from "#sandbox/cloud/proxy.ts";
import { openTls } from "#sandbox/cloud/tls.ts";
import { openDnsHost } from "#sandbox/dns/host.ts";

/** Domain that is hosted outside of the clouds. */
export const domain = "mylabs.test";

/** On top of the haste of the sandbox's clouds. */
const speed = 10;

/** A cloud of the sandbox in this process, with its proxy and its DNS servers, for clients that people use. */
export interface HttpsCloud extends Pick<CloudHost, "server" | "open"> {
  /** Certificate of the authority that clients have to trust, as PEM. */
  readonly authority: string;
  /** Variables that lead any client to it by the public host names. */
  readonly variables: Readonly<Record<string, string>>;
  /** Folder for what clients keep. */
  readonly folder: string;
  /** Address and port of a name server. */
  addressOf(nameServer: string): readonly [string, string];
  close(): Promise<void>;
}

export async function openHttpsCloud(cloud: SandboxCloud, accounts: readonly CloudAccount[]): Promise<HttpsCloud> {
  const folder = await mkdtemp(join(tmpdir(), "https-cloud-"));
  const { hosts = [], nameServers } = cloud;
  const tls = await openTls(join(folder, "tls"), "cloud", hosts);
  const host = await openCloudHost(cloud, {
    accounts: () => accounts,
    stateFile: join(folder, "cloud.db"),
    githubKey: join(folder, "github.pem"),
    clusters: folder,
    speed: () => speed,
    controllers: [],
    log: (line) => void process.stderr.write(`${line}\n`),
    port: undefined,
    tls,
  });
  const proxy = await openProxy({ portOf: (name) => (hosts.includes(name) ? host.server.port : undefined) });
  const dns = await openDnsHost({
    servers: nameServers,
    zones: () => host.zones(),
    domains: () => [domain],
    directoryPath: join(folder, "dns.json"),
    statePath: join(folder, "dns-state.json"),
  });
  return {
    server: host.server,
    open: host.open,
    authority: await readFile(tls.authorityPath, "utf8"),
    variables: {
      PATH: Bun.env.PATH ?? "",
      HOME: folder,
      HTTPS_PROXY: proxy.url,
      NO_PROXY: "127.0.0.1,localhost",
      REQUESTS_CA_BUNDLE: tls.authorityPath,
    },
    folder,
    addressOf(nameServer) {
      const [address = "", port = ""] = dns.addresses[nameServer.replace(/\.$/, "")]?.split(":") ?? [];
      return [address, port];
    },
    async close() {
      await dns.close();
      await proxy.stop();
      await host.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
