import { readRetryAfter } from "#lib/cloud/ask.ts";
import type { Json } from "#lib/gcp/clients.ts";

/** An error that one of Google's APIs or its token endpoints answered. */
export class GoogleError extends Error {
  readonly status: number;
  /** Google's own: `PERMISSION_DENIED`; of token endpoints OAuth's, `invalid_grant`. */
  readonly code: string;
  /** What says more than the code: `accessNotConfigured`, `SERVICE_DISABLED`. */
  readonly reasons: readonly string[];
  /** Of `google.rpc.ErrorInfo`: `service`, `consumer`, `permission`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Milliseconds after which Google accepts the call again, if it says so. */
  readonly retryAfterMs: number | undefined;

  constructor(fault: GoogleFault, answer: { readonly status: number; readonly headers?: Headers }) {
    super(fault.message);
    this.name = "GoogleError";
    this.status = answer.status;
    this.code = fault.code;
    this.reasons = fault.reasons ?? [];
    this.metadata = fault.metadata ?? {};
    this.retryAfterMs = readRetryAfter(answer.headers) ?? fault.retryAfterMs;
  }
}

export interface GoogleFault {
  readonly code: string;
  readonly message: string;
  readonly reasons?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number | undefined;
}

/**
 * @throws never: what is no error of Google becomes one, named after its status. Forms: https://cloud.google.com/apis/design/errors and
 * https://www.rfc-editor.org/rfc/rfc6749#section-5.2
 */
export function parseGoogleError(
  text: string,
  answer: { readonly status: number; readonly headers: Headers },
): GoogleError {
  const fault = readFault(tryParse(text)) ?? { code: `HTTP ${answer.status}`, message: text.slice(0, 300) };
  return new GoogleError(fault, answer);
}

/** The body of an answer, which is an object; empty for an answer without one. @throws GoogleError, which quotes only what is an error */
export async function readJson(response: Response): Promise<Json> {
  const text = await response.text();
  if (!response.ok) throw parseGoogleError(text, response);
  const body = text.trim() === "" ? {} : asObject(tryParse(text));
  if (body === undefined) {
    throw new GoogleError({ code: `HTTP ${response.status}`, message: "the answer is no object in JSON" }, response);
  }
  return body;
}

function readFault(body: unknown): GoogleFault | undefined {
  const outer = asObject(Array.isArray(body) ? body[0] : body);
  const fault = asObject(outer?.error);
  if (fault === undefined) {
    return typeof outer?.error === "string"
      ? { code: outer.error, message: String(outer.error_description ?? outer.error) }
      : undefined;
  }
  const details = objectsIn(fault.details);
  const infos = details.filter((detail) => typeOf(detail) === "ErrorInfo");
  const metadata = Object.assign({}, ...infos.map((info) => asObject(info.metadata))) as Record<string, string>;
  const reasons = [...infos, ...objectsIn(fault.errors)].map(({ reason }) => String(reason ?? ""));
  return {
    code: String(fault.status ?? codeOf(reasons) ?? `HTTP ${fault.code}`),
    message: String(fault.message ?? ""),
    reasons: reasons.filter((reason) => reason !== ""),
    metadata,
    retryAfterMs: readDelay(details.find((detail) => typeOf(detail) === "RetryInfo")?.retryDelay),
  };
}

/** Cloud DNS leaves the status out in some answers. */
function codeOf(reasons: readonly string[]): string | undefined {
  return reasons.find((reason) => reason !== "");
}

/** `RetryInfo` of `type.googleapis.com/google.rpc.RetryInfo`. */
function typeOf(detail: Json): string | undefined {
  return String(detail["@type"] ?? "")
    .split(".")
    .at(-1);
}

/** `1.5s` */
function readDelay(value: unknown): number | undefined {
  const seconds = typeof value === "string" && value.endsWith("s") ? Number(value.slice(0, -1)) : Number.NaN;
  return Number.isNaN(seconds) ? undefined : seconds * 1_000;
}

function objectsIn(value: unknown): readonly Json[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : [];
  return all.map(asObject).filter((one) => one !== undefined);
}

function asObject(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null ? (value as Json) : undefined;
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
