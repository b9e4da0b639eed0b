import type { Calling, Json, Query, Rest, Service } from "#lib/gcp/clients.ts";
import { isMissing } from "#lib/gcp/error-kinds.ts";
import { readJson } from "#lib/gcp/google-error.ts";

/** How one actor calls Google, whatever the client. */
export interface GcpCalls {
  /** @param what as a gerund: `reading the zone …` */
  read<Answer>(world: Calling, what: string, call: Call<Answer>): Promise<Answer>;
  /** The same after the guard. */
  change<Answer>(world: Calling, change: Change, call: Call<Answer>): Promise<Answer>;
}

export type Call<Answer> = (token: string, signal: AbortSignal) => Promise<Answer>;

export interface Change {
  readonly what: string;
  /** Whether it is sent again when its answer got lost. */
  readonly repeatable: boolean;
  /** It is about a service account, which may be new. */
  readonly ofServiceAccount?: boolean;
}

export interface GoogleRequest {
  readonly method: string;
  readonly url: string;
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly token: string;
  readonly signal: AbortSignal;
}

/** Sends one request and returns the body of its answer; empty for an answer without one. @throws GoogleError, errors of the network */
export async function sendJson(send: typeof fetch, request: GoogleRequest): Promise<Json> {
  const { method, query = {}, body, token, signal } = request;
  const url = new URL(request.url);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const response = await send(url.href, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal,
  });
  return await readJson(response);
}

/** Methods of Google that change nothing, or that do the same when they are sent twice. */
const repeatable = /:(getIamPolicy|setIamPolicy|testIamPermissions|batchEnable|enable)$/;
const reading = /:(getIamPolicy|testIamPermissions)$/;

/** Google's APIs by paths, for one actor. */
export function restOf(
  calls: GcpCalls,
  open: () => { readonly send: typeof fetch; readonly hosts: Readonly<Record<Service, string>> },
): Rest {
  const ask = async (service: Service, path: string, request: Omit<GoogleRequest, "url">): Promise<Json> => {
    const { send, hosts } = open();
    return await sendJson(send, { ...request, url: `${hosts[service]}${path}` });
  };
  return {
    get: (world, service, path, query) =>
      calls.read(world, `reading ${describePath(path)}`, async (token, signal) => {
        try {
          return await ask(service, path, { method: "GET", query, token, signal });
        } catch (error) {
          return undefinedIfMissing(error);
        }
      }),
    async send(world, service, method, path, body, query) {
      const verb = method === "DELETE" ? "deleting" : method === "POST" ? "calling" : "writing";
      const what = `${verb} ${describePath(path)}`;
      const call: Call<Json> = async (token, signal) => {
        try {
          return await ask(service, path, { method, query, body, token, signal });
        } catch (error) {
          if (method !== "DELETE" || !isMissing(error)) throw error;
          return {};
        }
      };
      if (reading.test(path)) return await calls.read(world, what, call);
      const ofServiceAccount = method !== "DELETE" && /\/serviceAccounts\/[^/]+/.test(path);
      const isRepeatable = method !== "POST" || query?.requestId !== undefined || repeatable.test(path);
      const change = { what, repeatable: isRepeatable, ofServiceAccount };
      return await calls.change(world, change, call);
    },
    async list(world, service, path, field, query) {
      const found: Json[] = [];
      let pageToken: string | undefined;
      do {
        const asked = { ...query, ...(pageToken === undefined ? {} : { pageToken }) };
        const page: Json = await calls.read(world, `listing ${describePath(path)}`, async (token, signal) => {
          const answer = ask(service, path, { method: "GET", query: asked, token, signal });
          return (await answer.catch(undefinedIfMissing)) ?? {};
        });
        found.push(...((page[field] ?? []) as readonly Json[]));
        pageToken =
          typeof page.nextPageToken === "string" && page.nextPageToken !== "" ? page.nextPageToken : undefined;
      } while (pageToken !== undefined);
      return found;
    },
  };
}

/** The last collection and name of a path: `clusters/k01`. */
function describePath(path: string): string {
  return path.split("/").slice(-2).join("/");
}

export function undefinedIfMissing(error: unknown): undefined {
  if (isMissing(error)) return undefined;
  throw error;
}
