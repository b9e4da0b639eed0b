import { randomUUID } from "node:crypto";
import { AwsFault, type Caller, type Cloud, type Service } from "#sandbox/aws/cloud.ts";
import { answerFaultOf, tryReadFaultCode } from "#sandbox/aws/protocol/faults.ts";
import { tryReadAction } from "#sandbox/aws/protocol/query.ts";
import { isSigned, type Verified, verifySignature } from "#sandbox/aws/signature.ts";
import { answerGithubJob, githubTokenPath } from "#sandbox/cloud/github.ts";
import type { Answer, HttpApi, HttpRequest } from "#sandbox/cloud/http-server.ts";

const nobody: Caller = { account: "", arn: "anonymous", principal: "", context: {} };

/** All services behind one endpoint: the signature of each request names its service. */
export function awsApi(cloud: Cloud, services: readonly Service[]): HttpApi {
  return {
    operationOf(request) {
      if (request.url.pathname === githubTokenPath) return undefined;
      const { service, region } = targetOf(request);
      return { service, region, action: nameAction(services, service, request) };
    },
    handle: async (request) =>
      request.url.pathname === githubTokenPath
        ? { response: await answerGithubJob(cloud, request), account: "", caller: "" }
        : await handle(cloud, services, request),
    refuse({ service }, effect) {
      const fault = effect.kind === "throttle" ? new AwsFault("Throttling", "Rate exceeded") : askedFault(effect.code);
      return answerFaultOf(service, fault, randomUUID());
    },
    readErrorCode: tryReadFaultCode,
  };
}

async function handle(cloud: Cloud, services: readonly Service[], request: HttpRequest): Promise<Answer> {
  const requestId = randomUUID();
  const target = targetOf(request);
  let caller = nobody;
  const answer = (response: Response): Answer => ({
    response,
    account: caller.account,
    caller: caller === nobody ? "" : caller.arn,
  });
  try {
    const verified = await identify(cloud, request, target);
    caller = verified.caller;
    const service = services.find(({ name }) => name === verified.service);
    if (service === undefined) throw unknownService(verified.service);
    const { method, url, body } = request;
    const { region } = verified;
    return answer(await service.handle({ caller: inRequest(verified), region, requestId, method, url, body }));
  } catch (error) {
    return answer(answerFaultOf(target.service, error instanceof AwsFault ? error : brokenService(error), requestId));
  }
}

/** The request's operation as the API calls it; `GET /path` for an unknown one. */
function nameAction(services: readonly Service[], name: string, { method, url, body }: HttpRequest): string {
  const service = services.find((one) => one.name === name);
  return service?.operationOf?.(method, url) ?? tryReadAction(url, body) ?? `${method} ${url.pathname}`;
}

interface Target {
  readonly service: string;
  readonly region: string;
}

/** What a request names, before its signature is verified. */
function targetOf({ url, headers, body }: HttpRequest): Target {
  const credential =
    /Credential=([^,\s]+)/.exec(headers.authorization ?? "")?.[1] ?? url.searchParams.get("X-Amz-Credential") ?? "";
  const [, , region = "", service = ""] = credential.split("/");
  if (service !== "") return { service, region };
  // The only action here that is authenticated by a token instead.
  return { service: tryReadAction(url, body) === "AssumeRoleWithWebIdentity" ? "sts" : "", region: "us-east-1" };
}

async function identify(cloud: Cloud, request: HttpRequest, target: Target): Promise<Verified> {
  const needsNone =
    target.service === "sts" && tryReadAction(request.url, request.body) === "AssumeRoleWithWebIdentity";
  if (!isSigned(request) && needsNone) return { caller: nobody, ...target };
  return await verifySignature(cloud, request);
}

/** Condition keys of every request. */
function inRequest({ caller, region }: Verified): Caller {
  const context = {
    ...caller.context,
    "aws:RequestedRegion": region,
    "aws:SourceIp": "127.0.0.1",
    // The request comes over loopback; policies that refuse plain HTTP are about networks.
    "aws:SecureTransport": "true",
    "aws:ViaAWSService": "false",
  };
  return { ...caller, context };
}

/** Status codes of errors that are not 400. */
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

/** An error of the sandbox itself is reported as such, not as a refusal. */
function brokenService(error: unknown): AwsFault {
  const message = error instanceof Error ? error.message : String(error);
  return new AwsFault("InternalFailure", `the sandbox failed: ${message}`, 500);
}
