import { createServer, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { listenOn } from "#sandbox/cloud/listen.ts";

/** An HTTP proxy on loopback that leads host names of clouds to the sandbox: any client of a cloud can use it unchanged. */
export interface CloudProxy {
  readonly port: number;
  readonly url: string;
  /** Ends every connection. */
  stop(): Promise<void>;
}

export interface ProxyOptions {
  /** Port on loopback of the cloud that has a host name; undefined for hosts outside of the sandbox, which are refused. */
  readonly portOf: (host: string) => number | undefined;
  /** From before. @default any free port */
  readonly port?: number;
}

const loopback = "127.0.0.1";

/** Answers CONNECT only: 403 for hosts that no cloud has, 405 for other methods. */
export async function openProxy({ portOf, port }: ProxyOptions): Promise<CloudProxy> {
  const sockets = new Set<Duplex>();
  const server = createServer((_, response) => {
    response.writeHead(405, { allow: "CONNECT" }).end("the sandbox's proxy answers CONNECT only\n");
  });
  server.on("connect", (request: IncomingMessage, client: Duplex, head: Buffer) => {
    sockets.add(client);
    client.once("close", () => sockets.delete(client));
    // A client that goes away in the middle is of no interest.
    client.on("error", () => client.destroy());
    const [host = ""] = (request.url ?? "").split(":");
    const target = portOf(host.toLowerCase());
    if (target === undefined) client.end(refusal(host));
    else join(client, head, target);
  });
  const bound = await listenOn(server, loopback, port);
  return {
    port: bound,
    url: `http://${loopback}:${bound}`,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        for (const socket of sockets) socket.destroy();
        server.closeAllConnections();
      }),
  };
}

function refusal(host: string): string {
  const text = `the sandbox has no ${host}\n`;
  return `HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`;
}

function join(client: Duplex, head: Buffer, port: number): void {
  const server: Socket = connect(port, loopback, () => {
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    server.write(head);
    client.pipe(server).pipe(client);
  });
  server.on("error", () => client.destroy());
  client.on("close", () => server.destroy());
}
