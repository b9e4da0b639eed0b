import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { azure } from "#sandbox/azure/azure.ts";
import { type Administrator, administratorOf } from "#sandbox/azure/entra/administrators.ts";
import { openCloudHost } from "#sandbox/cloud/cloud-host.ts";
import type { HttpServer } from "#sandbox/cloud/http-server.ts";
import { openProxy } from "#sandbox/cloud/proxy.ts";
import { openTls } from "#sandbox/cloud/tls.ts";
import { openDnsHost } from "#sandbox/dns/host.ts";

export const tenantId = "11111111-1111-4111-8111-111111111111";
export const subscriptionId = "22222222-2222-4222-8222-222222222222";
export const domain = "mylabs.test";

/** On top of the haste of the sandbox's Azure. */
const speed = 10;

/** All of the sandbox's Azure in this process, with its proxy and its DNS servers, for clients that people use. */
export interface AzureHost {
  readonly server: HttpServer;
  readonly administrator: Administrator;
  /** Certificate of the authority that clients have to trust, as PEM. */
  readonly authority: string;
  /** Variables that lead any client to it by the public host names. */
  readonly variables: Readonly<Record<string, string>>;
  /** Folder for what clients keep. */
  readonly folder: string;
  /** A call of the administrator. @param path with its api-version */
  send(method: string, path: string, body?: object): Promise<Response>;
  /** Address and port of a name server. */
  addressOf(nameServer: string): readonly [string, string];
  close(): Promise<void>;
}

export async function openAzureHost(): Promise<AzureHost> {
  const folder = await mkdtemp(join(tmpdir(), "azure-"));
  const { hosts = [], nameServers } = azure;
  const tls = await openTls(join(folder, "tls"), "azure", hosts);
  const host = await openCloudHost(azure, {
    accounts: () => [{ provider: "azure", name: "az-mgmt", subscriptionId, tenantId }],
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
  const { endpoint } = host.server;
  const administrator = administratorOf(tenantId);
  const authority = await readFile(tls.authorityPath, "utf8");
  return {
    server: host.server,
    administrator,
    authority,
    variables: {
      PATH: Bun.env.PATH ?? "",
      HOME: folder,
      HTTPS_PROXY: proxy.url,
      NO_PROXY: "127.0.0.1,localhost",
      REQUESTS_CA_BUNDLE: tls.authorityPath,
    },
    folder,
    async send(method, path, body) {
      const form = {
        grant_type: "client_credentials",
        client_id: administrator.clientId,
        client_secret: administrator.secret,
        scope: "https://management.azure.com/.default",
      };
      const asked = { method: "POST", body: new URLSearchParams(form), tls: { ca: authority } };
      const token = (await (await fetch(`${endpoint}/${tenantId}/oauth2/v2.0/token`, asked)).json()) as {
        readonly access_token: string;
      };
      return await fetch(`${endpoint}${path}`, {
        method,
        headers: { authorization: `Bearer ${token.access_token}` },
        tls: { ca: authority },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    },
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
