import { AwsFault } from "#sandbox/aws/cloud.ts";
import { formatXml, type XmlValue } from "#sandbox/aws/protocol/xml.ts";

/** Parameters of a query request, with lists and structures put together again. */
export type QueryInput = string | readonly QueryInput[] | QueryObject;
export interface QueryObject {
  readonly [key: string]: QueryInput;
}

export interface QueryRequest {
  /** `CreateRole`; empty when the request names none. */
  readonly action: string;
  /** Always an object, but for `Action` and `Version`. */
  readonly input: QueryInput;
}

/**
 * The parameters of a form body and of the URL. `Tags.member.1.Key` becomes `{ Tags: [{ Key }] }`. A list that is sent empty (`Tags=`) is the empty string: `listAt` reads it as no items.
 *
 * @throws AwsFault MalformedInput
 */
export function parseQuery(body: string, url?: URL): QueryRequest {
  const tree: Branch = new Map();
  const pairs = [...(url?.searchParams ?? []), ...new URLSearchParams(body)];
  for (const [path, value] of pairs) plant(tree, path, value);
  const action = tree.get("Action");
  for (const name of ["Action", "Version"]) tree.delete(name);
  return { action: typeof action === "string" ? action : "", input: gather(tree) };
}

/** Name of the action; undefined for a request without one, and for one that cannot be parsed. */
export function tryReadAction(url: URL, body: string): string | undefined {
  try {
    const { action } = parseQuery(body, url);
    return action === "" ? undefined : action;
  } catch {
    return undefined;
  }
}

type Branch = Map<string, string | Branch>;

function plant(root: Branch, path: string, value: string): void {
  const keys = path.split(".");
  const last = keys.pop() ?? "";
  let branch = root;
  for (const key of keys) {
    const next = branch.get(key);
    if (typeof next === "string") throw malformed(path);
    const child: Branch = next ?? new Map();
    branch.set(key, child);
    branch = child;
  }
  if (branch.has(last)) throw malformed(path);
  branch.set(last, value);
}

function malformed(path: string): AwsFault {
  return new AwsFault("MalformedInput", `Key ${path} is given twice, or as a value and as a structure`);
}

function gather(branch: string | Branch): QueryInput {
  if (typeof branch === "string") return branch;
  const [only] = branch.keys();
  const inner = only === undefined ? undefined : branch.get(only);
  if (branch.size === 1 && only === "member" && typeof inner === "object") return inOrder(inner).map(gather);
  return Object.fromEntries([...branch].map(([key, child]) => [key, gather(child)]));
}

/** The items by their numbers, which requests may give in any order. */
function inOrder(list: Branch): readonly (string | Branch)[] {
  for (const index of list.keys()) if (!/^[1-9]\d{0,5}$/.test(index)) throw malformed(index);
  return [...list].sort(([left], [right]) => Number(left) - Number(right)).map(([, item]) => item);
}

function isObject(input: QueryInput): input is QueryObject {
  return typeof input === "object" && !Array.isArray(input);
}

/** The text at a name; undefined when it is missing. @throws AwsFault MalformedInput if it is a list or structure */
export function tryTextAt(input: QueryInput, name: string): string | undefined {
  const found = isObject(input) ? input[name] : undefined;
  if (found === undefined || typeof found === "string") return found;
  throw malformed(name);
}

/** The text at a name. @throws AwsFault ValidationError when it is missing or empty */
export function textAt(input: QueryInput, name: string): string {
  const found = tryTextAt(input, name);
  if (found !== undefined && found !== "") return found;
  const field = name.charAt(0).toLowerCase() + name.slice(1);
  throw new AwsFault(
    "ValidationError",
    `1 validation error detected: Value null at '${field}' failed to satisfy constraint: Member must not be null`,
  );
}

/** The items of a list; none when it is missing or empty. @throws AwsFault MalformedInput if it is something else */
export function listAt(input: QueryInput, name: string): readonly QueryInput[] {
  const found = isObject(input) ? input[name] : undefined;
  if (found === undefined || found === "") return [];
  if (typeof found === "object" && Array.isArray(found)) return found;
  throw malformed(name);
}

/** A list of texts. @throws AwsFault MalformedInput */
export function textsAt(input: QueryInput, name: string): readonly string[] {
  return listAt(input, name).map((item) => {
    if (typeof item === "string") return item;
    throw malformed(name);
  });
}

/** `true` or `false`; undefined when it is missing. @throws AwsFault MalformedInput */
export function booleanAt(input: QueryInput, name: string): boolean | undefined {
  const found = tryTextAt(input, name);
  if (found === undefined || found === "") return undefined;
  if (/^(true|false)$/i.test(found)) return found.toLowerCase() === "true";
  throw new AwsFault("MalformedInput", `${name} is neither true nor false: ${found}`);
}

/** A whole number; undefined when it is missing. @throws AwsFault MalformedInput */
export function integerAt(input: QueryInput, name: string): number | undefined {
  const found = tryTextAt(input, name);
  if (found === undefined || found === "") return undefined;
  if (/^-?\d{1,15}$/.test(found)) return Number(found);
  throw new AwsFault("MalformedInput", `${name} is no whole number: ${found}`);
}

/** @param result undefined for actions that answer nothing but their request id */
export function answerQuery(
  action: string,
  namespace: string,
  result: XmlValue | undefined,
  requestId: string,
): Response {
  const answer = {
    ...(result === undefined ? {} : { [`${action}Result`]: result }),
    ResponseMetadata: { RequestId: requestId },
  };
  return xmlResponse(formatXml(`${action}Response`, answer, { namespace }), 200, requestId);
}

export function answerFault(fault: AwsFault, requestId: string, namespace?: string): Response {
  const error = { Type: fault.status >= 500 ? "Receiver" : "Sender", Code: fault.code, Message: fault.message };
  const text = formatXml(
    "ErrorResponse",
    { Error: error, RequestId: requestId },
    namespace === undefined ? {} : { namespace },
  );
  return xmlResponse(text, fault.status, requestId);
}

function xmlResponse(text: string, status: number, requestId: string): Response {
  return new Response(text, { status, headers: { "content-type": "text/xml", "x-amzn-requestid": requestId } });
}

/** `Tags.member.1.Key=…` as values by key. @throws AwsFault InvalidInput when a key comes twice */
export function tagsAt(input: QueryInput, name: string): Readonly<Record<string, string>> {
  const pairs = listAt(input, name).map((tag) => [textAt(tag, "Key"), tryTextAt(tag, "Value") ?? ""] as const);
  const tags = Object.fromEntries(pairs);
  if (Object.keys(tags).length === pairs.length) return tags;
  throw new AwsFault("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
}

/** Refuses parameters that would be ignored otherwise. @throws AwsFault ValidationError */
export function allowOnly(input: QueryInput, ...known: readonly string[]): void {
  const unknown = isObject(input) ? Object.keys(input).find((name) => !known.includes(name)) : undefined;
  if (unknown === undefined) return;
  throw new AwsFault("ValidationError", `the sandbox does not know what to do with the parameter ${unknown}`);
}
