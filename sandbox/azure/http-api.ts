import { randomUUID } from "node:crypto";
import { answerFault, type Gateway } from "#sandbox/azure/arm/gateway.ts";
import { ArmFault } from "#sandbox/azure/arm/kind.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { answerEntra, isEntraPath } from "#sandbox/azure/entra/endpoint.ts";
import { EntraFault } from "#sandbox/azure/entra/fault.ts";
import type { CloudEffect } from "#sandbox/cloud/faults.ts";
import { answerGithubJob, githubTokenPath } from "#sandbox/cloud/github.ts";
import type { Answer, HttpApi, HttpRequest, Operation } from "#sandbox/cloud/http-server.ts";
import { stringAt } from "#sandbox/json.ts";

/** Entra, Resource Manager and the document that describes both, told apart by paths. */
export function azureApi(cloud: AzureCloud, gateway: Gateway): HttpApi {
  return {
    operationOf(request) {
      const { pathname } = request.url;
      const region = "global";
      if (pathname === githubTokenPath) return undefined;
      if (pathname === metadataPath) return { service: "metadata", action: "endpoints", region };
      if (!isEntraPath(pathname)) return gateway.operationOf(request);
      return { service: entra, action: /token$/i.test(pathname) ? "token" : "discovery", region };
    },
    async handle(request) {
      const { response, ...others } = await handle(cloud, gateway, request);
      response.headers.set("x-ms-request-id", randomUUID());
      return { response, ...others };
    },
    refuse: (operation, effect) => refuse(cloud, operation, effect),
    readErrorCode,
  };
}

const entra = "entra";
const metadataPath = "/metadata/endpoints";

async function handle(cloud: AzureCloud, gateway: Gateway, request: HttpRequest): Promise<Answer> {
  const { pathname, origin } = request.url;
  const anonymous = (response: Response): Answer => ({ response, account: "", caller: "" });
  if (pathname === githubTokenPath) return anonymous(await answerGithubJob(cloud, request));
  if (pathname === metadataPath) return anonymous(Response.json(describeCloud(origin)));
  if (!isEntraPath(pathname)) return await gateway.handle(request);
  const caller = new URLSearchParams(request.body).get("client_id") ?? "";
  return { response: await answerEntra(cloud, request), account: "", caller };
}

/** As Terraform and `az cloud register` read it; tokens have the audience of the public cloud. */
function describeCloud(origin: string): object {
  return {
    name: "AzureCloud",
    portal: "https://portal.azure.com",
    authentication: {
      loginEndpoint: origin,
      audiences: ["https://management.core.windows.net/", "https://management.azure.com/"],
      tenant: "common",
      identityProvider: "AAD",
    },
    resourceManager: `${origin}/`,
    graphAudience: "https://graph.windows.net/",
    microsoftGraphResourceId: "https://graph.microsoft.com/",
    suffixes: { storage: "core.windows.net", keyVaultDns: "vault.azure.net", acrLoginServer: "azurecr.io" },
  };
}

/** Status codes of errors that are not 400. */
const statuses: Readonly<Record<string, number>> = {
  AuthorizationFailed: 403,
  Conflict: 409,
  InternalServerError: 500,
  MissingSubscriptionRegistration: 409,
  NotFound: 404,
  OperationNotAllowed: 409,
  PreconditionFailed: 412,
  ResourceNotFound: 404,
  ScopeLocked: 409,
  ServiceUnavailable: 503,
};

type Refusal = Extract<CloudEffect, { readonly kind: "throttle" | "fail" }>;

function refuse(cloud: AzureCloud, { service, action }: Operation, effect: Refusal): Response {
  const asked = effect.kind === "fail" ? effect.code : "";
  if (service === entra) {
    // 90033: Entra asks to try again.
    const number = Number(/^AADSTS(\d+)$/.exec(asked)?.[1] ?? 90033);
    const fault = new EntraFault(
      number,
      "invalid_request",
      "the sandbox was asked to fail",
      asked === "" ? 429 : (statuses[asked] ?? 400),
    );
    return fault.response(cloud.now());
  }
  if (effect.kind === "fail") {
    return answerFault(new ArmFault(statuses[asked] ?? 400, asked, `the sandbox was asked to fail with ${asked}`));
  }
  const seconds = String(effect.seconds ?? 1);
  const message = `Number of '${action}' requests exceeded the limit. Please try again after '${seconds}' seconds.`;
  return answerFault(new ArmFault(429, "TooManyRequests", message, { headers: { "retry-after": seconds } }));
}

/** Entra has codes like `invalid_client`; `AADSTS70021` says more. */
async function readErrorCode(response: Response): Promise<string | undefined> {
  if (response.status < 400) return undefined;
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined);
  const [aadsts] = /^AADSTS\d+/.exec(stringAt(body, "error_description")) ?? [];
  return aadsts ?? (stringAt(body, "error", "code") || stringAt(body, "code") || String(response.status));
}
