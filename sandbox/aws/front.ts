import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { AwsFault, type Caller, type Cloud, type Service } from "#sandbox/aws/cloud.ts";
import { type CloudEffect, type FaultDesk, faultDesk } from "#sandbox/aws/faults.ts";
import { answerFaultOf, tryReadFaultCode } from "#sandbox/aws/protocol/faults.ts";
import { tryReadAction } from "#sandbox/aws/protocol/query.ts";
import { isSigned, type SignedRequest, type Verified, verifySignature } from "#sandbox/aws/signature.ts";
import { answerGithubJob, githubTokenPath } from "#sandbox/aws/sts/github-issuer.ts";

/** One request, as far as it may be told: no parameters, no keys. */
export interface CallRecord {
  /** As ISO 8601. */
  readonly time: string;
  /** Empty when the request names none. */
  readonly service: string;
  readonly action: string;
  readonly region: string;
  /** Empty for nobody. */
  readonly account: string;
  readonly caller: string;
  /** Undefined for one that was answered well. */
  readonly error: string | undefined;
}

export interface Front {
  readonly endpoint: string;
  /** The latest calls, the oldest first. */
  readonly calls: readonly CallRecord[];
  readonly faults: FaultDesk;
  /** Ends every connection. */
  stop(): Promise<void>;
}

export interface FrontOptions {
  /** 0 for any that is free. */
  readonly port: number;
  /** @default "127.0.0.1" */
  readonly hostname?: string;
}

const maxCalls = 10_000;
/** More than any request of these services. */
const maxBodyBytes = 2 * 1_048_576;

const nobody: Caller = { account: "", arn: "anonymous", principal: "", context: {} };

/** One endpoint for all services; which one is meant is in the signature of each request. */
export async function openFront(
  cloud: Cloud,
  services: readonly Service[],
  { port, hostname = "127.0.0.1" }: FrontOptions,
): Promise<Front> {
  const calls: CallRecord[] = [];
  const faults = faultDesk();
  const server = createServer((incoming, outgoing) => {
    void serve({ cloud, services, faults, record }, incoming, outgoing);
  });

  function record(call: CallRecord): void {
    calls.push(call);
    if (calls.length > maxCalls) calls.shift();
  }

  // Whoever polls now and then would else send on a connection that is just being closed, and a slow call would be cut off.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, hostname, resolve);
  await listening;
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the endpoint has no port");
  return {
    endpoint: `http://${hostname}:${address.port}`,
    calls,
    faults,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

interface Desk {
  readonly cloud: Cloud;
  readonly services: readonly Service[];
  readonly faults: FaultDesk;
  readonly record: (call: CallRecord) => void;
}

async function serve(desk: Desk, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  try {
    const request = await readRequest(incoming);
    const response = await answer(desk, request);
    if (response === undefined) {
      incoming.socket.destroy();
      return;
    }
    const body = Buffer.from(await response.arrayBuffer());
    outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), "content-length": body.length });
    outgoing.end(body);
  } catch {
    // A client that has gone while it was sending, or a request that is no HTTP.
    incoming.socket.destroy();
  }
}

async function readRequest(incoming: IncomingMessage): Promise<SignedRequest> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    const bytes = Buffer.from(chunk as Uint8Array);
    size += bytes.length;
    if (size > maxBodyBytes) throw new Error("the request is too large");
    chunks.push(bytes);
  }
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, [value ?? ""].flat().join(",")]);
  const host = incoming.headers.host ?? "localhost";
  return {
    method: incoming.method ?? "GET",
    url: new URL(incoming.url ?? "/", `http://${host}`),
    headers: Object.fromEntries(headers),
    body: Buffer.concat(chunks).toString("utf8"),
  };
}

/** Undefined when the connection is to end without an answer. */
async function answer(desk: Desk, request: SignedRequest): Promise<Response | undefined> {
  const { cloud } = desk;
  if (request.url.pathname === githubTokenPath) return await answerGithubJob(cloud, request);
  const requestId = randomUUID();
  const target = targetOf(request);
  const action = nameAction(desk.services, target.service, request);
  const about = { time: cloud.now().toISOString(), service: target.service, action, region: target.region };
  let caller = nobody;

  async function respond(): Promise<Response> {
    try {
      const verified = await identify(cloud, request, target);
      caller = verified.caller;
      const service = desk.services.find(({ name }) => name === verified.service);
      if (service === undefined) throw unknownService(verified.service);
      const { method, url, body } = request;
      return await service.handle({
        caller: inRequest(verified),
        region: verified.region,
        requestId,
        method,
        url,
        body,
      });
    } catch (error) {
      if (error instanceof AwsFault) return answerFaultOf(target.service, error, requestId);
      return answerFaultOf(target.service, brokenService(error), requestId);
    }
  }

  const effects = desk.faults.meet(target.service, action);
  const response = await disturb(effects, target.service, requestId, respond);
  const error = response === undefined ? "no answer" : await tryReadFaultCode(response);
  desk.record({ ...about, account: caller.account, caller: caller === nobody ? "" : caller.arn, error });
  return response;
}

/** The request's operation as the API calls it; `GET /path` for an unknown one. */
function nameAction(services: readonly Service[], name: string, { method, url, body }: SignedRequest): string {
  const service = services.find((one) => one.name === name);
  return service?.operationOf?.(method, url) ?? tryReadAction(url, body) ?? `${method} ${url.pathname}`;
}

interface Target {
  readonly service: string;
  readonly region: string;
}

/** What a request asks for by its own words, before they are believed. */
function targetOf({ url, headers, body }: SignedRequest): Target {
  const credential =
    /Credential=([^,\s]+)/.exec(headers.authorization ?? "")?.[1] ?? url.searchParams.get("X-Amz-Credential") ?? "";
  const [, , region = "", service = ""] = credential.split("/");
  if (service !== "") return { service, region };
  // The one action here that a token signs for.
  return { service: tryReadAction(url, body) === "AssumeRoleWithWebIdentity" ? "sts" : "", region: "us-east-1" };
}

async function identify(cloud: Cloud, request: SignedRequest, target: Target): Promise<Verified> {
  const needsNone =
    target.service === "sts" && tryReadAction(request.url, request.body) === "AssumeRoleWithWebIdentity";
  if (!isSigned(request) && needsNone) return { caller: nobody, ...target };
  return await verifySignature(cloud, request);
}

/** What conditions may ask of every request. */
function inRequest({ caller, region }: Verified): Caller {
  const context = {
    ...caller.context,
    "aws:RequestedRegion": region,
    "aws:SourceIp": "127.0.0.1",
    // It is loopback; policies that refuse plain HTTP mean the way through a network.
    "aws:SecureTransport": "true",
    "aws:ViaAWSService": "false",
  };
  return { ...caller, context };
}

/** Lets a call go on, or not, as somebody asked for. */
async function disturb(
  effects: readonly CloudEffect[],
  service: string,
  requestId: string,
  respond: () => Promise<Response>,
): Promise<Response | undefined> {
  for (const effect of effects) {
    switch (effect.kind) {
      case "slow":
        await Bun.sleep(effect.ms);
        break;
      case "throttle":
        return answerFaultOf(service, new AwsFault("Throttling", "Rate exceeded"), requestId);
      case "fail":
        return answerFaultOf(service, askedFault(effect.code), requestId);
      case "cut":
        return undefined;
      case "lost":
        await respond();
        return undefined;
      default:
        effect satisfies never;
    }
  }
  return await respond();
}

/** Codes that don't say that a request is wrong. */
const statuses: Readonly<Record<string, number>> = {
  AccessDenied: 403,
  ExpiredToken: 403,
  InternalError: 500,
  InternalFailure: 500,
  ServiceFailure: 500,
  ServiceUnavailable: 503,
};

function askedFault(code: string): AwsFault {
  return new AwsFault(code, `the sandbox was asked to fail with ${code}`, statuses[code]);
}

function unknownService(name: string): AwsFault {
  return new AwsFault("UnknownService", `the sandbox has no service ${name === "" ? "without a name" : name}`, 404);
}

/** A fault of the sandbox itself is told as one, not as a refusal. */
function brokenService(error: unknown): AwsFault {
  const message = error instanceof Error ? error.message : String(error);
  return new AwsFault("InternalFailure", `the sandbox failed: ${message}`, 500);
}
