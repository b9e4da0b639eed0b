import type { HttpClient } from "@azure/core-rest-pipeline";
import type { TokenCredential } from "@azure/identity";
import type { Arm, ArmResource, Calling, Condition, Json } from "#lib/azure/clients.ts";
import { isMissing } from "#lib/azure/explain.ts";
import { apiVersionOf } from "#lib/azure/types.ts";

/** How one account is called, whatever the client. */
export interface AccountCalls {
  /** @param what as a gerund: `reading the zone …` */
  read<Answer>(world: Calling, what: string, call: (signal: AbortSignal) => Promise<Answer>): Promise<Answer>;
  /** The same after the guard. */
  change<Answer>(world: Calling, change: Change, call: (signal: AbortSignal) => Promise<Answer>): Promise<Answer>;
}

export interface Change {
  readonly what: string;
  /** Subscriptions that are disabled still accept deletes. */
  readonly verb: "write" | "delete";
  /** Of a write: it is not repeated when its answer got lost. */
  readonly condition?: Condition | undefined;
}

/** How Resource Manager is reached. */
export interface ArmReach {
  readonly endpoint: string;
  readonly scope: string;
  readonly httpClient: HttpClient;
  readonly credential: TokenCredential;
}

/** One call: a path or a whole URL, with what it sends. */
export interface ArmRequest {
  readonly method: "get" | "put" | "post" | "delete";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Json;
  readonly condition?: Condition | undefined;
  readonly signal: AbortSignal;
}

/** Sends calls to Resource Manager and returns the bodies of answers. @throws AzureError */
export type SendToArm = (request: ArmRequest) => Promise<unknown>;

export async function openArm({ endpoint, scope, httpClient, credential }: ArmReach): Promise<SendToArm> {
  const { getClient } = await import("@azure-rest/core-client");
  const client = getClient(endpoint, credential, {
    httpClient,
    credentials: { scopes: [scope] },
    retryOptions: { maxRetries: 0 },
  });
  return async ({ method, path, query, body, condition = {}, signal }) => {
    const { ifMatch, ifNoneMatch } = condition;
    const headers = {
      ...(ifMatch === undefined ? {} : { "if-match": ifMatch }),
      ...(ifNoneMatch === undefined ? {} : { "if-none-match": ifNoneMatch }),
    };
    // A thenable without catch: it must be awaited here.
    const answer = await client.pathUnchecked(path)[method]({
      abortSignal: signal,
      headers,
      ...(query === undefined ? {} : { queryParameters: { ...query } }),
      ...(body === undefined ? {} : { body, contentType: "application/json" }),
    });
    return answer.body as unknown;
  };
}

/** Resource Manager by ids, for one account. */
export function armOf(calls: AccountCalls, open: () => Promise<SendToArm>): Arm {
  const send = async (request: ArmRequest): Promise<unknown> => await (await open())(request);
  return {
    get(world, id) {
      const request = { method: "get", path: id, query: versionFor(id) } as const;
      return calls.read(world, `reading ${describeId(id)}`, async (signal) => {
        try {
          return (await send({ ...request, signal })) as ArmResource;
        } catch (error) {
          return undefinedIfMissing(error);
        }
      });
    },
    put(world, id, body, condition) {
      const request = { method: "put", path: id, query: versionFor(id), body, condition } as const;
      const change = { what: `writing ${describeId(id)}`, verb: "write", condition } as const;
      return calls.change(world, change, async (signal) => (await send({ ...request, signal })) as ArmResource);
    },
    async remove(world, id) {
      const request = { method: "delete", path: id, query: versionFor(id) } as const;
      const change = { what: `deleting ${describeId(id)}`, verb: "delete" } as const;
      await calls.change(world, change, async (signal) => {
        await send({ ...request, signal }).catch(undefinedIfMissing);
      });
    },
    async post(world, id, action, body) {
      const request = { method: "post", path: `${id}/${action}`, query: versionFor(id) } as const;
      const change = { what: `${action} of ${describeId(id)}`, verb: "write" } as const;
      const sent = { ...request, ...(body === undefined ? {} : { body }) };
      return await calls.change(world, change, async (signal) => asJson(await send({ ...sent, signal })));
    },
    async list(world, id, filter) {
      const found: ArmResource[] = [];
      const first = { path: id, query: { ...versionFor(id), ...(filter === undefined ? {} : { $filter: filter }) } };
      for (let next: Pick<ArmRequest, "path" | "query"> | undefined = first; next !== undefined; ) {
        const page: Pick<ArmRequest, "path" | "query"> = next;
        const { value, nextLink } = await calls.read(world, `listing ${describeId(id)}`, async (signal) => {
          const answer = await send({ method: "get", ...page, signal }).catch(undefinedIfMissing);
          return asJson(answer) as { readonly value?: readonly ArmResource[]; readonly nextLink?: string };
        });
        found.push(...(value ?? []));
        next = nextLink === undefined || nextLink === "" || nextLink === null ? undefined : { path: nextLink };
      }
      return found;
    },
  };
}

function versionFor(id: string): { readonly "api-version": string } {
  return { "api-version": apiVersionOf(id) };
}

/** The last type and name of an id: `managedClusters/k01`. */
function describeId(id: string): string {
  return id.split("/").slice(-2).join("/");
}

function undefinedIfMissing(error: unknown): undefined {
  if (isMissing(error)) return undefined;
  throw error;
}

/** Answers without a body have no fields. */
function asJson(body: unknown): Json {
  return typeof body === "object" && body !== null ? (body as Json) : {};
}
