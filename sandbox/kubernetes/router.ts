import { isObject, type Json, type JsonObject, objectAt, stringAt } from "#sandbox/json.ts";
import { discover } from "#sandbox/kubernetes/discovery.ts";
import { apiVersionOf, type Kind, type KubernetesObject, serviceAccounts } from "#sandbox/kubernetes/kinds.ts";
import { describeApi } from "#sandbox/kubernetes/open-api.ts";
import {
  apply,
  applyMergePatch,
  type Cluster,
  change,
  create,
  type DeleteOptions,
  read,
  remove,
  type Subresource,
  type WriteOptions,
} from "#sandbox/kubernetes/operations.ts";
import { refuseUnlessPlain } from "#sandbox/kubernetes/patch.ts";
import { decodeProtobuf } from "#sandbox/kubernetes/protobuf.ts";
import { type Matcher, parseFieldSelector, parseLabelSelector } from "#sandbox/kubernetes/selectors.ts";
import {
  badRequest,
  invalidPatchOption,
  methodNotAllowed,
  noSuchPath,
  notAcceptable,
  StatusError,
  unsupportedMediaType,
} from "#sandbox/kubernetes/status.ts";
import { toTable } from "#sandbox/kubernetes/table.ts";
import { answerTokenRequest, type IssueToken, tokenAccountOf } from "#sandbox/kubernetes/token-request.ts";
import { type Access, type Authenticate, authenticate, authorize, onlyToken } from "#sandbox/kubernetes/users.ts";
import { checkResourceVersion, watch } from "#sandbox/kubernetes/watch.ts";

export interface Api extends Cluster {
  /** Bearer token of the one user, who may do everything; or who else is asked whose a token is. */
  readonly token: string | Authenticate;
  /** Signs tokens of service accounts; without it there is no TokenRequest API. */
  readonly issueToken?: IssueToken | undefined;
  /** As in `v1.36.1` or `v1.36.1+k3s1`. */
  readonly version: string;
  /** `127.0.0.1:6551`. */
  readonly address: string;
  /** Ends all watches. */
  readonly stopping: AbortSignal;
}

const applyPatch = "application/apply-patch+yaml";
const PUBLIC_PATHS = ["/readyz", "/livez", "/healthz"];

/** One request to the API server. Never rejects: what goes wrong is answered as a `Status`. */
export async function route(api: Api, request: Request): Promise<Response> {
  try {
    return await answer(api, request);
  } catch (error) {
    if (error instanceof StatusError) return Response.json(error.toJSON(), { status: error.code });
    const message = `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`;
    return Response.json(new StatusError(500, "InternalError", message).toJSON(), { status: 500 });
  }
}

async function answer(api: Api, request: Request): Promise<Response> {
  const url = new URL(request.url);
  const isPublic = PUBLIC_PATHS.includes(url.pathname) && !request.headers.has("authorization");
  const who = typeof api.token === "string" ? onlyToken(api.token) : api.token;
  const user = isPublic ? undefined : await authenticate(who, request);
  const segments = url.pathname
    .split("/")
    .filter((segment) => segment !== "")
    .map(decodeURIComponent);
  const health = PUBLIC_PATHS.find((path) => url.pathname === path);
  if (health !== undefined) return new Response("ok", { headers: { "content-type": "text/plain; charset=utf-8" } });
  if (url.pathname === "/version") return Response.json(versionInfo(api.version));
  const target = findTarget(api.kinds.all, segments);
  if (target !== undefined && user !== undefined) {
    authorize(user, accessOf(request, url, target));
    return answerResource(api, request, url, target);
  }
  const account = tokenAccountOf(segments);
  if (account !== undefined && api.issueToken !== undefined && user !== undefined && request.method === "POST") {
    authorize(user, { verb: "create", kind: serviceAccounts, subresource: "token", ...account });
    checkParameters(url, ["pretty"]);
    return answerTokenRequest(api, api.issueToken, account, await readObject(request));
  }
  const document = request.method === "GET" ? describe(api, segments) : undefined;
  if (document !== undefined) return Response.json(document);
  if (segments.length === 0)
    return Response.json({ paths: ["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"] });
  throw noSuchPath();
}

/** What the server tells of itself at a path. */
function describe(api: Api, segments: readonly string[]): unknown {
  return discover(api.kinds.all, segments, api.address) ?? describeApi(api.kinds.all, segments, api.version);
}

/** What a URL points at: a kind, maybe in a namespace, maybe one object, maybe its status. */
interface Target {
  readonly kind: Kind;
  /** Undefined: all namespaces. "" for kinds without namespaces. */
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: Subresource;
}

function findTarget(kinds: readonly Kind[], segments: readonly string[]): Target | undefined {
  const core = segments[0] === "api";
  if (!core && segments[0] !== "apis") return undefined;
  const [group, version] = core ? ["", segments[1]] : [segments[1], segments[2]];
  const rest = segments.slice(core ? 2 : 3);
  // `namespaces/x/pods` is the pods of x, `namespaces/x` and `namespaces/x/status` are x itself.
  const scoped = rest[0] === "namespaces" && rest.length > 2 && rest[2] !== "status";
  const [resource, name, subresource, ...more] = scoped ? rest.slice(2) : rest;
  const kind = kinds.find((one) => one.group === group && one.version === version && one.resource === resource);
  if (kind === undefined || more.length > 0 || scoped !== (kind.namespaced && scoped)) return undefined;
  if (subresource !== undefined && !(subresource === "status" && kind.hasStatus)) return undefined;
  const namespace = kind.namespaced ? (scoped ? rest[1] : undefined) : "";
  if (namespace === undefined && name !== undefined) return undefined;
  return { kind, namespace, name, subresource: subresource === undefined ? undefined : "status" };
}

function accessOf(request: Request, url: URL, { kind, namespace, name, subresource }: Target): Access {
  const watches = ["true", "1"].includes(url.searchParams.get("watch") ?? "");
  const reads = name !== undefined ? "get" : watches ? "watch" : "list";
  const writes = { POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" } as const;
  const verb = writes[request.method as keyof typeof writes] ?? reads;
  return { verb, kind, subresource, namespace: kind.namespaced ? namespace : undefined, name };
}

async function answerResource(api: Api, request: Request, url: URL, target: Target): Promise<Response> {
  const { kind, namespace, name, subresource } = target;
  const form = negotiate(request.headers.get("accept"));
  const render = (object: KubernetesObject) =>
    form === "table"
      ? toTable(kind, [object], {
          resourceVersion: object.metadata.resourceVersion,
          includeObject: url.searchParams.get("includeObject") ?? "Metadata",
        })
      : object;
  switch (request.method) {
    case "GET":
      if (name === undefined) return answerList(api, url, target, form, render);
      checkParameters(url, ["includeObject", "resourceVersion", "pretty"]);
      return Response.json(render(read(api, kind, namespace ?? "", name)));
    case "POST": {
      if (name !== undefined) throw methodNotAllowed();
      const options = writeOptions(request, url);
      const body = await readObject(request);
      return Response.json(render(create(api, kind, namespace ?? namespaceOf(body), body, options)), { status: 201 });
    }
    case "PUT": {
      if (name === undefined) throw methodNotAllowed();
      const options = writeOptions(request, url);
      const body = await readObject(request);
      return Response.json(render(change(api, kind, namespace ?? "", name, subresource, () => body, options)));
    }
    case "PATCH": {
      if (name === undefined) throw methodNotAllowed();
      if (mediaType(request) === applyPatch) return answerApply(api, request, url, { ...target, name }, render);
      if (url.searchParams.has("force")) {
        throw invalidPatchOption("force", "FieldValueForbidden", "Forbidden: may not be specified for non-apply patch");
      }
      const options = writeOptions(request, url);
      const patch = await readPatch(request);
      const patched = (current: KubernetesObject) => applyMergePatch(current, patch);
      return Response.json(render(change(api, kind, namespace ?? "", name, subresource, patched, options)));
    }
    case "DELETE": {
      if (name === undefined || subresource !== undefined) throw methodNotAllowed();
      const options = await deleteOptions(request, url);
      const { object, gone } = remove(api, kind, namespace ?? "", name, options);
      return Response.json(gone ? deleted(kind, object) : render(object));
    }
    default:
      throw methodNotAllowed();
  }
}

async function answerApply(
  api: Api,
  request: Request,
  url: URL,
  { kind, namespace = "", name, subresource }: Target & { readonly name: string },
  render: (object: KubernetesObject) => unknown,
): Promise<Response> {
  const manager = url.searchParams.get("fieldManager") ?? "";
  if (manager === "") {
    throw invalidPatchOption("fieldManager", "FieldValueRequired", "Required value: is required for apply patch");
  }
  const force = url.searchParams.get("force") ?? "false";
  if (!["true", "false"].includes(force)) throw badRequest(`invalid force value: ${force}`);
  const options = { ...writeOptions(request, url, ["force"]), manager, force: force === "true" };
  const body = parseBody(await request.text(), "application/yaml");
  if (!isObject(body)) throw badRequest("error decoding YAML: an object is wanted");
  const { object, made } = apply(api, kind, namespace, name, subresource, body, options);
  return Response.json(render(object), { status: made ? 201 : 200 });
}

function answerList(
  api: Api,
  url: URL,
  { kind, namespace }: Target,
  form: Form,
  render: (object: KubernetesObject) => unknown,
): Response {
  checkParameters(url, [
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "includeObject",
    "labelSelector",
    "limit",
    "pretty",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
  ]);
  const parameter = (key: string) => url.searchParams.get(key) ?? "";
  if (parameter("continue") !== "")
    throw badRequest("continue key is not valid: the sandbox answers lists in one piece");
  const byLabel = parseLabelSelector(parameter("labelSelector"));
  const byField = parseFieldSelector(parameter("fieldSelector"));
  const matches: Matcher = (object) => byLabel(object) && byField(object);
  const resourceVersion = parameter("resourceVersion");
  checkResourceVersion(resourceVersion);
  if (["true", "1"].includes(parameter("watch"))) {
    const seconds = Number(parameter("timeoutSeconds"));
    const stream = watch(
      api.store,
      {
        kind,
        namespace: kind.namespaced ? namespace : undefined,
        matches,
        resourceVersion,
        sendInitialEvents: parameter("sendInitialEvents") === "true",
        timeoutMs: seconds > 0 ? seconds * 1000 : undefined,
        render,
      },
      api.stopping,
    );
    return new Response(stream, { headers: { "content-type": "application/json" } });
  }
  const objects = api.store.list(kind, kind.namespaced ? namespace : undefined).filter(matches);
  const version = String(api.store.resourceVersion);
  if (form === "table") {
    return Response.json(
      toTable(kind, objects, {
        resourceVersion: version,
        includeObject: parameter("includeObject") || "Metadata",
      }),
    );
  }
  return Response.json({
    kind: `${kind.kind}List`,
    apiVersion: apiVersionOf(kind),
    metadata: { resourceVersion: version },
    // Items of a list carry neither kind nor apiVersion, as in the real server's answer.
    items: objects.map(({ kind: _kind, apiVersion: _apiVersion, ...object }) => object),
  });
}

type Form = "json" | "table";

/** The first of the accepted forms that is known. */
function negotiate(accept: string | null): Form {
  if (accept === null) return "json";
  for (const entry of accept.split(",")) {
    const [type, ...parameters] = entry.split(";").map((part) => part.trim());
    const as = parameters.find((parameter) => parameter.startsWith("as="));
    if (type !== "application/json" && type !== "*/*" && type !== "application/*") continue;
    if (as === undefined) return "json";
    if (as === "as=Table" && parameters.includes("v=v1")) return "table";
  }
  throw notAcceptable();
}

/** A parameter that would be ignored is refused. */
function checkParameters(url: URL, known: readonly string[]): void {
  for (const key of url.searchParams.keys()) {
    if (!known.includes(key)) throw badRequest(`the sandbox does not know the query parameter "${key}"`);
  }
}

function writeOptions(request: Request, url: URL, more: readonly string[] = []): WriteOptions {
  checkParameters(url, ["dryRun", "fieldManager", "fieldValidation", "pretty", ...more]);
  const dryRun = url.searchParams.get("dryRun");
  if (dryRun !== null && dryRun !== "All") throw badRequest(`invalid dryRun value: ${dryRun}`);
  const fieldValidation = url.searchParams.get("fieldValidation") ?? "Warn";
  if (fieldValidation !== "Ignore" && fieldValidation !== "Warn" && fieldValidation !== "Strict") {
    throw badRequest(`invalid fieldValidation value: ${fieldValidation}`);
  }
  // Who doesn't say who it is goes by the name of its program.
  const program = (request.headers.get("user-agent") ?? "").split("/")[0] ?? "";
  const manager = url.searchParams.get("fieldManager") || program || "unknown";
  return { dryRun: dryRun === "All", manager, fieldValidation };
}

async function deleteOptions(request: Request, url: URL): Promise<DeleteOptions> {
  checkParameters(url, ["dryRun", "gracePeriodSeconds", "propagationPolicy", "pretty"]);
  const text = await request.text();
  const body = text === "" ? {} : parseBody(text, "application/json");
  const policy = stringAt(body, "propagationPolicy") || (url.searchParams.get("propagationPolicy") ?? "");
  if (!["", "Background", "Foreground", "Orphan"].includes(policy)) {
    throw badRequest(`invalid propagationPolicy "${policy}"`);
  }
  const uid = stringAt(body, "preconditions", "uid");
  const resourceVersion = stringAt(body, "preconditions", "resourceVersion");
  const dryRun = url.searchParams.get("dryRun") === "All" || JSON.stringify(objectAt(body).dryRun) === '["All"]';
  return {
    dryRun,
    orphan: policy === "Orphan",
    ...(uid === "" ? {} : { uid }),
    ...(resourceVersion === "" ? {} : { resourceVersion }),
  };
}

async function readObject(request: Request): Promise<JsonObject> {
  const type = mediaType(request);
  if (type === "application/vnd.kubernetes.protobuf") return decodeProtobuf(await request.bytes());
  if (!["application/json", "application/yaml", ""].includes(type)) {
    throw unsupportedMediaType(
      `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml`,
    );
  }
  const body = parseBody(await request.text(), type);
  if (!isObject(body)) throw badRequest("the body must be an object");
  return body;
}

async function readPatch(request: Request): Promise<Json> {
  const type = mediaType(request);
  const text = await request.text();
  switch (type) {
    case "application/merge-patch+json":
      return parseBody(text, type);
    case "application/strategic-merge-patch+json": {
      const patch = parseBody(text, type);
      refuseUnlessPlain(patch);
      return patch;
    }
    default:
      throw unsupportedMediaType(
        `the body of the request was in an unknown format (${type}) - accepted media types include: ` +
          "application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml",
      );
  }
}

function parseBody(text: string, type: string): Json {
  try {
    return type === "application/yaml" ? (Bun.YAML.parse(text) as Json) : JSON.parse(text);
  } catch (error) {
    throw badRequest(`error decoding the body: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function mediaType(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";")[0]?.trim() ?? "";
}

function namespaceOf(body: JsonObject): string {
  return stringAt(body, "metadata", "namespace") || "default";
}

function deleted(kind: Kind, object: KubernetesObject): unknown {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: {
      name: object.metadata.name,
      ...(kind.group === "" ? {} : { group: kind.group }),
      kind: kind.resource,
      uid: object.metadata.uid,
    },
  };
}

function versionInfo(version: string): unknown {
  const [major = "", minor = ""] = version.replace(/^v/, "").split(".");
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    gitVersion: version,
    gitCommit: "0000000000000000000000000000000000000000",
    gitTreeState: "clean",
    buildDate: "2026-01-01T00:00:00Z",
    goVersion: "go1.26.0",
    compiler: "gc",
    platform: "linux/amd64",
  };
}
