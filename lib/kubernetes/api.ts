import { FleetError } from "#lib/errors.ts";
import type { Endpoint } from "#lib/kubernetes/kubeconfig.ts";

/** Plain REST calls to one API server. TLS is verified against the cluster's own CA, always. */
export interface KubernetesApi {
  /** Body of a GET. @throws FleetError ClusterUnreachable, KubernetesError */
  get(path: string, options?: CallOptions): Promise<unknown>;
  /** Like get, but undefined when there is no such object. */
  find(path: string, options?: CallOptions): Promise<unknown>;
  /** Merge patch (RFC 7386). */
  patch(path: string, body: unknown, options?: CallOptions): Promise<unknown>;
}

export interface CallOptions {
  /** Milliseconds for the whole call. @default 5,000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

const defaultTimeoutMs = 5_000;

export function createKubernetesApi(endpoint: Endpoint): KubernetesApi {
  async function call(method: string, path: string, body: unknown, options: CallOptions): Promise<Answer> {
    const timeout = AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs);
    try {
      const response = await fetch(new URL(path, endpoint.server), {
        method,
        headers: {
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": "application/merge-patch+json" }),
          ...(endpoint.token === undefined ? {} : { authorization: `Bearer ${endpoint.token}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // A connection kept open is of no use to a process that lives for seconds, and a restarted server resets it.
        keepalive: false,
        signal: options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]),
        tls: {
          rejectUnauthorized: true,
          ...(endpoint.ca === undefined ? {} : { ca: endpoint.ca }),
          ...(endpoint.certificate === undefined ? {} : { cert: endpoint.certificate }),
          ...(endpoint.key === undefined ? {} : { key: endpoint.key }),
        },
      });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      options.signal?.throwIfAborted();
      throw new FleetError("ClusterUnreachable", `${endpoint.server} does not answer: ${reasonOf(error)}`, {
        hint: "is the cluster running? mise run status",
        cause: error,
      });
    }
  }

  function read({ status, text }: Answer, method: string, path: string): unknown {
    if (status >= 300) {
      const refusal = parseJson(text) as { readonly message?: unknown } | undefined;
      const said = typeof refusal?.message === "string" ? refusal.message : text.slice(0, 200);
      throw new FleetError("KubernetesError", `${method} ${path}: ${status} ${said}`.trimEnd());
    }
    return parseJson(text) ?? text;
  }

  const find = async (path: string, options: CallOptions = {}): Promise<unknown> => {
    const answer = await call("GET", path, undefined, options);
    return answer.status === 404 ? undefined : read(answer, "GET", path);
  };
  return {
    find,
    async get(path, options = {}) {
      return read(await call("GET", path, undefined, options), "GET", path);
    },
    async patch(path, body, options = {}) {
      return read(await call("PATCH", path, body, options), "PATCH", path);
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer in time";
  return "code" in error ? `${error.message} (${String(error.code)})` : error.message;
}
