import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { gunzipSync } from "node:zlib";
import { type CloudEffect, FaultInjector } from "#sandbox/cloud/faults.ts";
import { listenOn } from "#sandbox/cloud/listen.ts";
import type { Usage } from "#sandbox/usage.ts";

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The operation that a request names, before the request is authenticated. */
export interface Operation {
  /** Empty when the request names none. */
  readonly service: string;
  readonly action: string;
  readonly region: string;
}

export interface Answer {
  readonly response: Response;
  /** Empty for an anonymous request. */
  readonly account: string;
  readonly caller: string;
}

/** An entry of the call log: no parameters, no keys. */
export interface CallRecord extends Operation, Omit<Answer, "response"> {
  /** As ISO 8601. */
  readonly time: string;
  /** Undefined after success. */
  readonly error: string | undefined;
}

/** The API of a cloud behind an HTTP server. */
export interface HttpApi {
  /** Undefined for a request that meets no faults and is not logged. */
  operationOf(request: HttpRequest): Operation | undefined;
  handle(request: HttpRequest): Promise<Answer>;
  /** An injected fault, in the format of the service. */
  refuse(operation: Operation, effect: Extract<CloudEffect, { readonly kind: "throttle" | "fail" }>): Response;
  /** The error code of a response; undefined for a success. */
  readErrorCode(response: Response): Promise<string | undefined>;
}

export interface HttpServer {
  readonly port: number;
  readonly endpoint: string;
  /** The latest calls, the oldest first. */
  readonly calls: readonly CallRecord[];
  clearCalls(): void;
  readonly faults: FaultInjector;
  /** Ends every connection. */
  stop(): Promise<void>;
}

export interface HttpServerOptions {
  /** Asked for with the first request. */
  readonly api: () => HttpApi | Promise<HttpApi>;
  /** Another free port is used when it is taken. @default any free port */
  readonly port?: number;
  /** @default "127.0.0.1" */
  readonly hostname?: string;
  /** PEM; HTTPS with them. @default plain HTTP */
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly usage?: Usage;
  /** Errors of the sandbox itself. */
  readonly log?: (line: string) => void;
}

const maxCalls = 10_000;
/** More than any request of a cloud's management API. */
const maxBodyBytes = 2 * 1_048_576;

/** Serves the API of a cloud on loopback, records its calls and injects faults. */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { api, hostname = "127.0.0.1", tls, usage, log } = options;
  const scheme = tls === undefined ? "http" : "https";
  const calls: CallRecord[] = [];
  const faults = new FaultInjector();
  let pending = 0;

  async function respond(request: HttpRequest): Promise<Response | undefined> {
    const opened = await api();
    const operation = opened.operationOf(request);
    if (operation === undefined) return (await opened.handle(request)).response;
    const time = new Date().toISOString();
    const { response, account = "", caller = "" } = await answer(opened, request, operation, faults);
    const error = response === undefined ? "no answer" : await opened.readErrorCode(response);
    calls.push({ time, ...operation, account, caller, error });
    if (calls.length > maxCalls) calls.shift();
    return response;
  }

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const request = await readRequest(incoming, scheme);
    const response = request && (await respond(request));
    if (response === undefined) {
      incoming.socket.destroy();
      return;
    }
    const body = Buffer.from(await response.arrayBuffer());
    outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), "content-length": body.length });
    outgoing.end(body);
  }

  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    usage?.use();
    pending += 1;
    serve(incoming, outgoing)
      .catch((error: unknown) => {
        log?.(error instanceof Error ? (error.stack ?? error.message) : String(error));
        incoming.socket.destroy();
      })
      .finally(() => {
        pending -= 1;
      });
  };
  const server =
    tls === undefined ? createServer(listener) : createSecureServer({ cert: tls.certificate, key: tls.key }, listener);
  const forgetUsage = usage?.watch(() => pending > 0);
  // Clients that poll rarely must not reuse a connection that is being closed, and slow calls must not be cut off.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  const port = await listenOn(server, hostname, options.port);
  return {
    port,
    endpoint: `${scheme}://${hostname}:${port}`,
    calls,
    clearCalls: () => void calls.splice(0),
    faults,
    stop: () =>
      new Promise((done) => {
        forgetUsage?.();
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** Undefined when the client has gone or the request is too large. */
async function readRequest(incoming: IncomingMessage, scheme: string): Promise<HttpRequest | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of incoming) {
      const bytes = Buffer.from(chunk as Uint8Array);
      size += bytes.length;
      if (size > maxBodyBytes) return undefined;
      chunks.push(bytes);
    }
  } catch {
    return undefined;
  }
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, [value ?? ""].flat().join(",")]);
  const host = incoming.headers.host ?? "localhost";
  const url = URL.parse(incoming.url ?? "/", `${scheme}://${host}`);
  if (url === null) return undefined;
  const body = decodeBody(Buffer.concat(chunks), headers);
  if (body === undefined) return undefined;
  return { method: incoming.method ?? "GET", url, headers: Object.fromEntries(headers), body };
}

/** Undefined for a compressed body that cannot be read. @param headers of pairs */
function decodeBody(bytes: Buffer, headers: readonly (readonly string[])[]): string | undefined {
  const isCompressed = headers.some(([name, value]) => name === "content-encoding" && value === "gzip");
  try {
    return (isCompressed ? gunzipSync(bytes, { maxOutputLength: maxBodyBytes }) : bytes).toString("utf8");
  } catch {
    return undefined;
  }
}

/** Without a response, the connection ends. */
async function answer(
  api: HttpApi,
  request: HttpRequest,
  operation: Operation,
  faults: FaultInjector,
): Promise<Partial<Answer>> {
  for (const effect of faults.effectsOf(operation)) {
    switch (effect.kind) {
      case "slow":
        await Bun.sleep(effect.ms);
        break;
      case "throttle":
      case "fail":
        return { response: api.refuse(operation, effect) };
      case "cut":
        return {};
      case "lost": {
        const { account, caller } = await api.handle(request);
        return { account, caller };
      }
      default:
        effect satisfies never;
    }
  }
  return await api.handle(request);
}
