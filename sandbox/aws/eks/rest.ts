import { AwsFault, type Call, type Cloud } from "#sandbox/aws/cloud.ts";
import { arnOf, invalidParameter } from "#sandbox/aws/eks/state.ts";
import { requestTags } from "#sandbox/aws/policy/context.ts";
import { isObject, type JsonObject } from "#sandbox/json.ts";

/** One call of an operation, with what is in its path taken apart. */
export interface Asked {
  readonly cloud: Cloud;
  readonly account: string;
  readonly region: string;
  /** ARN of the user or role who calls. */
  readonly principal: string;
  /** The n-th variable part of the path. */
  part(index: number): string;
  query(name: string): string | undefined;
  readonly queries: URLSearchParams;
  readonly body: JsonObject;
  /** @throws AwsFault AccessDenied */
  allow(action: string, resource: string, context?: Readonly<Record<string, string | readonly string[]>>): void;
  /** ARN of the cluster that the path begins with. */
  readonly clusterArn: string;
}

export interface Operation {
  readonly method: string;
  /** `*` for each variable part. */
  readonly path: string;
  readonly run: (asked: Asked) => JsonObject | object;
}

export function operation(line: string, run: Operation["run"]): Operation {
  const [method = "", path = ""] = line.split(" ");
  return { method, path, run };
}

/** @throws AwsFault what the operation refuses, or a path that nobody answers to */
export function answerRest(cloud: Cloud, operations: readonly Operation[], call: Call): Response {
  const segments = call.url.pathname.split("/").filter((segment) => segment !== "");
  for (const { method, path, run } of operations) {
    const wanted = path.split("/").filter((segment) => segment !== "");
    const fits =
      method === call.method &&
      wanted.length === segments.length &&
      wanted.every((segment, index) => segment === "*" || segment === segments[index]);
    if (!fits) continue;
    const parts = segments.filter((_, index) => wanted[index] === "*").map(decodeURIComponent);
    return Response.json(run(askedBy(cloud, call, parts)), { headers: { "x-amzn-requestid": call.requestId } });
  }
  throw new AwsFault("UnknownOperationException", `the sandbox does not know ${call.method} ${call.url.pathname}`, 404);
}

function askedBy(cloud: Cloud, { caller, region, url, body }: Call, parts: readonly string[]): Asked {
  const { account } = caller;
  return {
    cloud,
    account,
    region,
    principal: caller.principal,
    part: (index) => parts[index] ?? "",
    query: (name) => url.searchParams.get(name) ?? undefined,
    queries: url.searchParams,
    body: parseBody(body),
    allow: (action, resource, context) => cloud.authorize(caller, action, resource, context),
    clusterArn: arnOf({ account, region }, "cluster", parts[0] ?? ""),
  };
}

function parseBody(text: string): JsonObject {
  if (text === "") return {};
  try {
    const body: unknown = JSON.parse(text);
    if (isObject(body)) return body;
  } catch {
    // Told below.
  }
  throw new AwsFault("SerializationException", "the body must be a JSON object");
}

/** Condition keys of the tags that a call gives. */
export function tagsContext({ tags }: JsonObject): Readonly<Record<string, string | readonly string[]>> {
  if (!isObject(tags)) return {};
  const pairs = Object.entries(tags).filter((pair): pair is [string, string] => typeof pair[1] === "string");
  const context = Object.entries(requestTags(Object.fromEntries(pairs)));
  return Object.fromEntries(context.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
}

/** @throws AwsFault AccessDenied unless the caller may hand a role to a service */
export function allowToPass({ allow }: Asked, role: unknown, service: string): void {
  if (typeof role === "string" && role !== "") allow("iam:PassRole", role, { "iam:PassedToService": service });
}

const largestPage = 100;

/** One page of a list. @throws AwsFault InvalidParameterException */
export function page<Item>(
  { query }: Asked,
  items: readonly Item[],
): { readonly items: readonly Item[]; readonly more: { readonly nextToken?: string } } {
  const size = Number(query("maxResults") ?? largestPage);
  if (!Number.isInteger(size) || size < 1 || size > largestPage) {
    throw invalidParameter(`maxResults must be between 1 and ${largestPage}`);
  }
  const token = query("nextToken");
  const start = token === undefined ? 0 : Number(Buffer.from(token, "base64url").toString());
  if (!Number.isInteger(start) || start < 0) throw invalidParameter("nextToken is invalid");
  const end = start + size;
  const nextToken = Buffer.from(String(end)).toString("base64url");
  return { items: items.slice(start, end), more: end < items.length ? { nextToken } : {} };
}
