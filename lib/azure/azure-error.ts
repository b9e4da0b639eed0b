import { readRetryAfter } from "#lib/cloud/ask.ts";

/** An error that Resource Manager or a resource provider answered. */
export class AzureError extends Error {
  readonly status: number;
  /** Azure's own: `AuthorizationFailed`. */
  readonly code: string;
  /** Milliseconds after which Azure accepts the call again, if it says so. */
  readonly retryAfterMs: number | undefined;
  /** For Azure's support. */
  readonly requestId: string | undefined;

  constructor(fault: AzureFault, answer: { readonly status: number; readonly headers?: Headers }) {
    super(fault.message);
    this.name = "AzureError";
    this.status = answer.status;
    this.code = fault.code;
    this.retryAfterMs = readRetryAfter(answer.headers);
    this.requestId = answer.headers?.get("x-ms-request-id") ?? undefined;
  }
}

export interface AzureFault {
  readonly code: string;
  readonly message: string;
}

/**
 * Reads an error body: Resource Manager wraps it in `error`, Azure DNS and AKS do not. Of nested details the innermost says most.
 *
 * Source: https://github.com/Azure/azure-resource-manager-rpc/blob/master/v1.0/common-api-details.md#error-response-content
 */
export function readFault(body: unknown): AzureFault | undefined {
  const outer = asObject(body);
  const fault = asObject(outer?.error) ?? outer;
  if (typeof fault?.code !== "string" || typeof fault.message !== "string") return undefined;
  const [detail] = Array.isArray(fault.details) ? fault.details : [];
  return readFault(detail) ?? { code: fault.code, message: fault.message };
}

/** @throws never: what is no error of Azure becomes one, named after its status */
export function parseAzureError(
  text: string,
  answer: { readonly status: number; readonly headers: Headers },
): AzureError {
  const fault = readFault(tryParse(text)) ?? { code: `HTTP ${answer.status}`, message: text.slice(0, 300) };
  return new AzureError(fault, answer);
}

function asObject(value: unknown): { readonly [field: string]: unknown } | undefined {
  return typeof value === "object" && value !== null ? (value as { readonly [field: string]: unknown }) : undefined;
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
