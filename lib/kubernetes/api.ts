import { FleetError } from "#lib/errors.ts";
import { type Exec, toExec } from "#lib/exec.ts";
import { command, type Hint } from "#lib/hint.ts";
import { type Credential, execCredentials } from "#lib/kubernetes/exec-credentials.ts";
import type { Endpoint } from "#lib/kubernetes/kubeconfig.ts";

/** Plain REST calls to one API server. TLS is always verified against the cluster's own CA. */
export interface KubernetesApi {
  /** Body of a GET. @throws FleetError ClusterUnreachable, KubernetesError */
  get(path: string, options?: CallOptions): Promise<unknown>;
  /** Like get, but returns undefined if the object does not exist. */
  find(path: string, options?: CallOptions): Promise<unknown>;
  /** Merge patch (RFC 7386). */
  patch(path: string, body: unknown, options?: CallOptions): Promise<unknown>;
  /** Server-side apply; the query names the field manager. */
  apply(path: string, body: unknown, options?: CallOptions): Promise<unknown>;
  /** Deletes; succeeds if the object does not exist. */
  remove(path: string, policy: unknown, options?: CallOptions): Promise<void>;
  /** Opens a watch and returns at its first change, at its end, or at the time limit. The caller then lists again. */
  waitForEvent(path: string, options?: CallOptions): Promise<void>;
}

/** An error response, with the server's explanation. */
export class KubernetesStatusError extends FleetError {
  /** HTTP status. */
  readonly status: number;
  readonly causes: readonly StatusCause[];
  /** From the Retry-After header. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, answer: Pick<Answer, "status" | "retryAfterMs">, causes: readonly StatusCause[]) {
    super("KubernetesError", message, { hint: hintFor(answer.status) });
    this.status = answer.status;
    this.causes = causes;
    this.retryAfterMs = answer.retryAfterMs;
  }
}

function hintFor(status: number): Hint | undefined {
  if (status === 401) {
    return [
      "the API server rejected the credentials: ",
      command("whoami"),
      " shows the identity; create the cluster again to renew its kubeconfig and access",
    ];
  }
  if (status === 403) return "this identity may not do it: add a role binding or an access entry for it to the cluster";
  return undefined;
}

export interface StatusCause {
  readonly reason: string;
  readonly field: string;
  readonly message: string;
}

export interface CallOptions {
  /** Milliseconds for the whole call. @default 5,000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfterMs: number | undefined;
}

const mergePatch = "application/merge-patch+json";
/** JSON is YAML. */
const applyPatch = "application/apply-patch+yaml";

const defaultTimeoutMs = 5_000;

/** @param exec runs the endpoint's credential plugin; without it, such an endpoint is rejected */
export function createKubernetesApi(endpoint: Endpoint, exec?: Exec): KubernetesApi {
  const source =
    endpoint.exec === undefined ? undefined : execCredentials(endpoint.exec, endpoint, exec ?? refuseToRun);

  /** If the server rejects the credentials, requests new ones and retries once. */
  async function send<Result>(
    request: Request,
    options: CallOptions,
    read: (response: Response) => Promise<Result>,
  ): Promise<Result> {
    if (source === undefined) return await sendAs(endpoint, request, options, read);
    const credential = await source.get();
    let refused = false;
    const result = await sendAs(credential, request, options, async (response) => {
      refused = response.status === 401;
      return await read(response);
    });
    if (!refused) return result;
    source.forget(credential);
    return await sendAs(await source.get(), request, options, read);
  }

  async function sendAs<Result>(
    { token, certificate, key }: Credential,
    request: Request,
    options: CallOptions,
    read: (response: Response) => Promise<Result>,
  ): Promise<Result> {
    const timeout = AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs);
    const tls = {
      rejectUnauthorized: true,
      ...(endpoint.ca === undefined ? {} : { ca: endpoint.ca }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(key === undefined ? {} : { key }),
    };
    try {
      const response = await fetch(new URL(request.path, endpoint.server), {
        method: request.method,
        headers: {
          accept: "application/json",
          ...(request.type === undefined ? {} : { "content-type": request.type }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        // This process runs for seconds and gains nothing from keep-alive, and a restarted server resets kept connections.
        keepalive: false,
        signal: options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]),
        tls,
      });
      return await read(response);
    } catch (error) {
      options.signal?.throwIfAborted();
      throw new FleetError("ClusterUnreachable", `${endpoint.server} does not answer: ${reasonOf(error)}`, {
        hint: ["check that the cluster is running: ", command("status")],
        cause: error,
      });
    }
  }

  const call = (request: Request, options: CallOptions): Promise<Answer> =>
    send(request, options, async (response) => ({
      status: response.status,
      text: await response.text(),
      retryAfterMs: parseRetryAfter(response.headers.get("retry-after")),
    }));

  function parse(answer: Answer, { method, path }: Request): unknown {
    const { status, text } = answer;
    if (status < 300) return parseJson(text) ?? text;
    const refusal = (parseJson(text) ?? {}) as Refusal;
    const said = typeof refusal.message === "string" ? refusal.message : text.slice(0, 200);
    const message = `${method} ${path.replace(/\?.*$/, "")}: ${status} ${said}`.trimEnd();
    throw new KubernetesStatusError(message, answer, refusal.details?.causes ?? []);
  }

  async function find(path: string, options: CallOptions = {}): Promise<unknown> {
    const request: Request = { method: "GET", path };
    const answer = await call(request, options);
    return answer.status === 404 ? undefined : parse(answer, request);
  }
  async function change(request: Request, options: CallOptions = {}): Promise<unknown> {
    return parse(await call(request, options), request);
  }
  return {
    find,
    get: (path, options) => change({ method: "GET", path }, options),
    patch: (path, body, options) => change({ method: "PATCH", path, body, type: mergePatch }, options),
    apply: (path, body, options) => change({ method: "PATCH", path, body, type: applyPatch }, options),
    async remove(path, policy, options = {}) {
      const request: Request = { method: "DELETE", path, body: policy, type: "application/json" };
      const answer = await call(request, options);
      if (answer.status !== 404) parse(answer, request);
    },
    async waitForEvent(path, options = {}) {
      const request: Request = { method: "GET", path };
      try {
        await send(request, options, async ({ body }) => {
          const reader = body?.getReader();
          await reader?.read();
          await reader?.cancel();
        });
      } catch (error) {
        // No change in time, or the server closed the connection: the caller lists again.
        if (!(error instanceof FleetError) || error.code !== "ClusterUnreachable") throw error;
      }
    },
  };
}

const refuse = () =>
  Promise.reject(
    new FleetError("CredentialPluginFailed", "this kubeconfig needs a credential plugin", {
      hint: "run it from a task",
    }),
  );
const refuseToRun = toExec(refuse);

interface Request {
  readonly method: "GET" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** Content type of the body. */
  readonly type?: string;
}

interface Refusal {
  readonly message?: unknown;
  readonly details?: { readonly causes?: readonly StatusCause[] };
}

function parseRetryAfter(header: string | null): number | undefined {
  return header !== null && /^\d{1,3}$/.test(header) ? Number(header) * 1_000 : undefined;
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
