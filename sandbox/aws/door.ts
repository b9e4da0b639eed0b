import { existsSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { isErrno } from "#lib/files.ts";
import type { AwsHost, AwsHostOptions } from "#sandbox/aws/service-host.ts";
import type { DnsHost } from "#sandbox/dns/host.ts";
import type { AwsPaths } from "#sandbox/paths.ts";
import { listenAnywhere } from "#sandbox/ports.ts";

export interface AwsDoorOptions extends Omit<AwsHostOptions, "stateFile" | "clusters"> {
  readonly paths: AwsPaths;
  /** Of the endpoint, from before. Another one is taken when another program has it; 0 takes any. */
  readonly port: number;
  /** Domains that are hosted outside of the clouds. */
  readonly domains: () => readonly string[];
}

/** The endpoint of the sandbox's AWS, which is opened in full when somebody comes. */
export interface AwsDoor {
  readonly port: number;
  readonly endpoint: string;
  /** Opens it, if it is not open yet. */
  host(): Promise<AwsHost>;
  /** Tells where the name servers of the domains are, after those have changed. */
  writeDirectory(): Promise<void>;
  close(): Promise<void>;
}

const loopback = "127.0.0.1";

/**
 * Listens at once, and loads the services with the first connection: whoever makes local clusters only does not wait for
 * them. What AWS remembers from before is opened without being asked, since its clusters answer at ports of their own.
 */
export async function openAwsDoor({ paths, port: wanted, domains, ...options }: AwsDoorOptions): Promise<AwsDoor> {
  let opened: AwsHost | undefined;
  let opening: Promise<AwsHost> | undefined;
  async function open(): Promise<AwsHost> {
    const { openAwsHost } = await import("#sandbox/aws/service-host.ts");
    opened = await openAwsHost({ ...options, stateFile: paths.cloud, clusters: paths.clusters });
    return opened;
  }
  function host(): Promise<AwsHost> {
    opening ??= open();
    return opening;
  }

  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    options.usage?.use();
    sockets.add(client);
    client.on("close", () => sockets.delete(client));
    client.on("error", () => client.destroy());
    host()
      .then((inside) => connectTo(inside, client))
      .catch((error: unknown) => {
        options.log(`aws: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        client.destroy();
      });
  });
  const forgetUsage = options.usage?.watch(() => sockets.size > 0);
  const [port, dns] = await Promise.all([
    listen(server, wanted),
    openDns(paths, domains, () => opened),
    existsSync(paths.cloud) ? host() : undefined,
  ]);
  return {
    port,
    endpoint: `http://${loopback}:${port}`,
    host,
    writeDirectory: () => dns.writeDirectory(),
    async close() {
      forgetUsage?.();
      server.close();
      for (const socket of sockets) socket.destroy();
      await dns.close();
      await opened?.close();
    },
  };
}

/** The port from before, unless another program has it now. */
async function listen(server: Server, port: number): Promise<number> {
  if (port === 0) return await listenAnywhere((any) => listenOn(server, any));
  try {
    return await listenOn(server, port);
  } catch (error) {
    if (!isErrno(error, "EADDRINUSE", "EACCES")) throw error;
    return await listen(server, 0);
  }
}

async function listenOn(server: Server, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, loopback, resolve);
  try {
    await promise;
    return port;
  } finally {
    server.off("error", reject);
  }
}

/** A connection that the services cut is cut for the client as well. */
function connectTo({ endpoint }: AwsHost, client: Socket): void {
  const inside = connect({ port: Number(new URL(endpoint).port), host: loopback });
  inside.on("error", () => client.destroy());
  inside.on("close", () => client.destroy());
  client.on("close", () => inside.destroy());
  client.pipe(inside);
  inside.pipe(client);
}

async function openDns(
  paths: AwsPaths,
  domains: () => readonly string[],
  host: () => AwsHost | undefined,
): Promise<DnsHost> {
  const [{ openDnsHost }, { nameServerPool }] = await Promise.all([
    import("#sandbox/dns/host.ts"),
    import("#sandbox/aws/route53/name-servers.ts"),
  ]);
  return await openDnsHost({
    servers: nameServerPool,
    // As long as nobody has come there are no zones.
    zones: () => host()?.zones() ?? [],
    domains,
    directoryPath: paths.dnsDirectory,
    statePath: paths.dnsState,
  });
}
