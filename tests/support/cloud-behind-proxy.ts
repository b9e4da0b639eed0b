import { connect, createServer, type Server, type Socket } from "node:net";
import { makeCertificates } from "#sandbox/kubernetes/certificates.ts";

/** A cloud's hosts as a computer behind a proxy sees them: by CONNECT alone, with a certificate of an authority that nobody knows. */
export interface CloudBehindProxy {
  /** For HTTPS_PROXY. */
  readonly proxy: string;
  /** PEM, for AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE. */
  readonly authority: string;
  /** Hosts and ports that the proxy was asked for, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

/**
 * @param dns names of the cloud's hosts
 * @param answer what the cloud says to a call, whatever its service
 */
export async function openCloudBehindProxy(
  dns: readonly string[],
  answer: (request: Request) => Response | Promise<Response>,
): Promise<CloudBehindProxy> {
  const { authority, certificate, key } = await makeCertificates({ dns, ip: [] });
  const cloud = Bun.serve({ hostname: "127.0.0.1", port: 0, tls: { cert: certificate, key }, fetch: answer });
  const asked: string[] = [];
  const proxy = createServer((client) => {
    client.on("error", () => client.destroy());
    client.once("data", (head) => {
      const [, target = ""] = /^CONNECT (\S+) /.exec(head.toString()) ?? [];
      asked.push(target);
      join(client, Number(cloud.port));
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    proxy: `http://127.0.0.1:${portOf(proxy)}`,
    authority,
    asked,
    async close() {
      proxy.close();
      await cloud.stop(true);
    },
  };
}

function join(client: Socket, port: number): void {
  const server = connect(port, "127.0.0.1", () => {
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    client.pipe(server).pipe(client);
  });
  server.on("error", () => client.destroy());
  client.on("close", () => server.destroy());
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
