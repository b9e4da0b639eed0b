import { connect, createServer, type Server, type Socket } from "node:net";
import { makeCertificates } from "#sandbox/kubernetes/certificates.ts";

/** AWS's hosts as a computer behind a proxy sees them: by CONNECT alone, with a certificate of an authority that nobody knows. */
export interface AwsBehindProxy {
  /** For HTTPS_PROXY. */
  readonly proxy: string;
  /** PEM, for AWS_CA_BUNDLE. */
  readonly authority: string;
  /** Hosts and ports that the proxy was asked for, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** @param answer what AWS says to a call, whatever its service */
export async function openAwsBehindProxy(
  answer: (request: Request) => Response | Promise<Response>,
): Promise<AwsBehindProxy> {
  const { authority, certificate, key } = await makeCertificates({
    dns: ["*.amazonaws.com", "*.us-east-1.amazonaws.com"],
    ip: [],
  });
  const aws = Bun.serve({ hostname: "127.0.0.1", port: 0, tls: { cert: certificate, key }, fetch: answer });
  const asked: string[] = [];
  const proxy = createServer((client) => {
    client.on("error", () => client.destroy());
    client.once("data", (head) => {
      const [, target = ""] = /^CONNECT (\S+) /.exec(head.toString()) ?? [];
      asked.push(target);
      join(client, Number(aws.port));
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    proxy: `http://127.0.0.1:${portOf(proxy)}`,
    authority,
    asked,
    async close() {
      proxy.close();
      await aws.stop(true);
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
