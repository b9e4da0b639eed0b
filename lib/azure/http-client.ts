import type { HttpClient, PipelineRequest, PipelineResponse } from "@azure/core-rest-pipeline";
import { parseAzureError } from "#lib/azure/azure-error.ts";
import { FleetError } from "#lib/errors.ts";

/**
 * Sends the requests of Azure's packages by `fetch`. Their own client ignores certificate authorities when a proxy is set; fetch obeys
 * both.
 */
export function fetchClient(send: typeof fetch): HttpClient {
  return {
    async sendRequest(request) {
      const response = await send(request.url, {
        method: request.method,
        headers: new Headers([...request.headers]),
        redirect: "manual",
        ...(request.body === undefined || request.body === null ? {} : { body: textOf(request) }),
        ...(request.abortSignal === undefined ? {} : { signal: request.abortSignal as AbortSignal }),
      });
      const { createHttpHeaders } = await import("@azure/core-rest-pipeline");
      const headers = createHttpHeaders(Object.fromEntries(response.headers));
      return { request, status: response.status, headers, bodyAsText: await response.text() };
    },
  };
}

/**
 * A client of Resource Manager alone, for which every answer but a success is an error: packages of Azure disagree on what they make of
 * them. Links to next pages lead to no other host, which would get the token.
 *
 * @throws AzureError, FleetError EndpointRefused
 */
export function resourceManagerClient(client: HttpClient, endpoint: string): HttpClient {
  return {
    async sendRequest(request) {
      if (new URL(request.url).origin !== new URL(endpoint).origin) {
        throw new FleetError(
          "EndpointRefused",
          `Azure refers to ${new URL(request.url).origin}, which is not ${endpoint}`,
        );
      }
      const response = await client.sendRequest(request);
      if (response.status < 400) return response;
      throw parseAzureError(response.bodyAsText ?? "", { status: response.status, headers: headersOf(response) });
    },
  };
}

function headersOf({ headers }: PipelineResponse): Headers {
  return new Headers([...headers]);
}

/** Tokens are asked for with forms, all else is JSON. */
function textOf({ body }: PipelineRequest): string {
  if (typeof body === "string") return body;
  throw new Error("only text is sent to Azure");
}
