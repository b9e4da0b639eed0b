import type { CloudEffect } from "#sandbox/cloud/faults.ts";
import { answerGithubJob, githubTokenPath } from "#sandbox/cloud/github.ts";
import type { Answer, HttpApi, HttpRequest, Operation } from "#sandbox/cloud/http-server.ts";
import { GcpFault, OAuthFault } from "#sandbox/gcp/api/behaviour.ts";
import { fault, statusOf } from "#sandbox/gcp/api/faults.ts";
import { answerFault, type Gateway } from "#sandbox/gcp/api/gateway.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { answerOAuth, oauthPaths } from "#sandbox/gcp/oauth/endpoint.ts";
import { listAt, stringAt } from "#sandbox/json.ts";

/** Google's APIs and its token endpoint, told apart by host names and paths. */
export function gcpApi(cloud: GcpCloud, gateway: Gateway): HttpApi {
  return {
    operationOf(request) {
      const { pathname } = request.url;
      if (pathname === githubTokenPath) return undefined;
      if (!oauthPaths.includes(pathname)) return gateway.operationOf(request);
      return { service: oauth, action: pathname.slice(1), region: "global" };
    },
    handle: (request) => handle(cloud, gateway, request),
    refuse,
    readErrorCode,
  };
}

/** Services whose errors are those of OAuth. */
const [oauth, sts] = ["oauth2", "sts"];

async function handle(cloud: GcpCloud, gateway: Gateway, request: HttpRequest): Promise<Answer> {
  const { pathname } = request.url;
  const anonymous = (response: Response): Answer => ({ response, account: "", caller: "" });
  if (pathname === githubTokenPath) return anonymous(await answerGithubJob(cloud, request));
  if (!oauthPaths.includes(pathname)) return await gateway.handle(request);
  return anonymous(await answerOAuth(cloud, request));
}

type Refusal = Extract<CloudEffect, { readonly kind: "throttle" | "fail" }>;

function refuse({ service }: Operation, effect: Refusal): Response {
  const isOAuth = service === oauth || service === sts;
  if (effect.kind === "fail") {
    const [status, text] = [statusOf(effect.code), `the sandbox was asked to fail with ${effect.code}`];
    return answerFault(isOAuth ? new OAuthFault(status, effect.code, text) : new GcpFault(status, effect.code, text));
  }
  const fields = {
    reason: "rateLimitExceeded",
    headers: effect.seconds === undefined ? {} : { "retry-after": String(effect.seconds) },
  };
  const message = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute'.";
  return answerFault(
    isOAuth
      ? new OAuthFault(429, "rate_limit_exceeded", message, fields)
      : fault("RESOURCE_EXHAUSTED", message, fields),
  );
}

/** The reason says more than the status where Google gives one: `SERVICE_DISABLED`. */
async function readErrorCode(response: Response): Promise<string | undefined> {
  if (response.status < 400) return undefined;
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined);
  const reasons = listAt(body, "error", "details").map((detail) => stringAt(detail, "reason"));
  const reason = reasons.find((one) => one !== "");
  return reason ?? (stringAt(body, "error", "status") || stringAt(body, "error") || String(response.status));
}
