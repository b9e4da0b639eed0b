import type { Answer, HttpRequest, Operation } from "#sandbox/cloud/http-server.ts";
import { type Behaviours, type GcpCall, GcpFault, type Json } from "#sandbox/gcp/api/behaviour.ts";
import { errorInfo, fault, forbidden, unauthenticated, unsupported } from "#sandbox/gcp/api/faults.ts";
import { type Match, type Method, matchMethod } from "#sandbox/gcp/api/methods.ts";
import { checkAnswer, checkRequest, invalid, toCamelCase } from "#sandbox/gcp/api/schema.ts";
import type { Caller, GcpCloud, Project } from "#sandbox/gcp/cloud.ts";
import { projectOfEmail, tryFindProject } from "#sandbox/gcp/iam/state.ts";
import { requireUsable } from "#sandbox/gcp/projects/projects.ts";
import { requireService } from "#sandbox/gcp/projects/services.ts";

export interface GatewayOptions {
  readonly cloud: GcpCloud;
  readonly behaviours: Behaviours;
  /** Whose an access token is. @throws GcpFault 401 */
  readonly identify: (token: string) => Caller | Promise<Caller>;
  /** @throws GcpFault 403 */
  readonly authorize: (call: GcpCall) => void;
}

/** Google's front: what it checks before a service sees a request. */
export class Gateway {
  readonly #options: GatewayOptions;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /** Of `dns.managedZones.create` the last two words, `managedZones` and `create`. */
  operationOf(request: HttpRequest): Operation {
    const match = tryMatch(request);
    const [action = "", service = ""] = match?.method.id.split(".").reverse() ?? [];
    return { service, action, region: match?.params.locationsId ?? "global" };
  }

  async handle(request: HttpRequest): Promise<Answer> {
    const match = tryMatch(request);
    let [account, caller] = ["", ""];
    try {
      if (match === undefined) throw unknownMethod(request);
      const known = await this.#identify(match.method, request);
      caller = known.name;
      const call = this.#callOf(match, request, known);
      account = call.project?.projectId ?? "";
      return { response: Response.json(await this.#answer(match.method, call)), account, caller };
    } catch (error) {
      return { response: answerFault(error), account, caller };
    }
  }

  async #identify({ id }: Method, { headers }: HttpRequest): Promise<Caller> {
    // Tokens come from there.
    if (id === "sts.token") return { name: "", members: [], scopes: [] };
    const [, token] = /^Bearer (.+)$/i.exec(headers.authorization ?? "") ?? [];
    if (token === undefined)
      throw unauthenticated("Request is missing required authentication credential", { reason: "required" });
    return await this.#options.identify(token);
  }

  #callOf({ method, params }: Match, request: HttpRequest, caller: Caller): GcpCall {
    const { cloud } = this.#options;
    checkQuery(method, request.url.searchParams);
    const project = projectOf(cloud, method, params);
    if (project !== undefined) {
      requireUsable(cloud, project, method.api);
      requireService(cloud, project, method.api);
    }
    return {
      cloud,
      method: method.id,
      caller,
      project,
      params,
      query: request.url.searchParams,
      body: method.request === undefined ? {} : checkRequest(method.api.schemas, method.request, parseBody(request)),
      endpoint: request.url.origin,
    };
  }

  async #answer({ id, api, response }: Method, call: GcpCall): Promise<Json> {
    const behaviour = this.#options.behaviours[id];
    if (behaviour === undefined) {
      throw unsupported(`the method ${id}`);
    }
    this.#options.authorize(call);
    const answer = await behaviour(call);
    if (response === undefined) return answer;
    try {
      checkAnswer(api.schemas, response, answer);
    } catch (error) {
      throw new Error(`${id} does not answer like this: ${error instanceof Error ? error.message : error}`);
    }
    return answer;
  }
}

function tryMatch({ method, url }: HttpRequest): Match | undefined {
  return matchMethod(method, url.hostname, url.pathname);
}

/** The declared project that a path names; for accounts of any project (`projects/-`), that of the account. @throws GcpFault 403 */
function projectOf(cloud: GcpCloud, method: Method, params: Readonly<Record<string, string>>): Project | undefined {
  const named = params.project ?? params.projectsId;
  if (named === undefined) return undefined;
  const project = tryFindProject(cloud, named === "-" ? projectOfEmail(params.serviceAccountsId ?? "") : named);
  if (project !== undefined || named === "-") return project;
  if (method.id.startsWith("cloudresourcemanager.")) {
    const permission = `resourcemanager.${method.id.replace(/^cloudresourcemanager\.(v1\.)?/, "")}`;
    const resource = `//cloudresourcemanager.googleapis.com/projects/${named}`;
    throw forbidden(`Permission '${permission}' denied on resource '${resource}' (or it may not exist).`);
  }
  throw forbidden(`Permission denied on resource project ${named}.`, [
    errorInfo("CONSUMER_INVALID", { consumer: `projects/${named}`, service: method.api.host }),
  ]);
}

/** Parameters of all methods that change the form of an answer only; the sandbox always answers JSON. */
const commonParameters: ReadonlySet<string> = new Set([
  "$.xgafv",
  "$alt",
  "alt",
  "fields",
  "key",
  "prettyPrint",
  "quotaUser",
  // gcloud sends it; later discovery documents do not have it any more.
  "returnPartialSuccess",
  "uploadType",
  "upload_protocol",
]);

function checkQuery({ query }: Method, given: URLSearchParams): void {
  for (const [sent, value] of given) {
    if (commonParameters.has(sent)) continue;
    const parameter = query[sent] ?? query[toCamelCase(sent)];
    if (parameter === undefined) {
      throw invalid(
        `Invalid JSON payload received. Unknown name "${sent}": Cannot bind query parameter. Field '${sent}' could not be found in request message.`,
        "",
      );
    }
    if (parameter.enum !== undefined && !parameter.enum.includes(value)) {
      throw invalid(`Invalid value at '${sent}' (TYPE_ENUM), "${value}"`, sent);
    }
  }
}

function parseBody({ headers, body }: HttpRequest): unknown {
  if (headers["content-type"]?.startsWith("application/x-www-form-urlencoded")) {
    return Object.fromEntries([...new URLSearchParams(body)].map(([name, value]) => [toCamelCase(name), value]));
  }
  try {
    return JSON.parse(body === "" ? "{}" : body);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw invalid(`Invalid JSON payload received. ${why}`, "");
  }
}

function unknownMethod({ method, url }: HttpRequest): GcpFault {
  return fault("NOT_FOUND", `the sandbox has no ${method} ${url.pathname}`);
}

/** An error of the sandbox itself is reported as such, not as a refusal. */
export function answerFault(error: unknown): Response {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const refusal =
    error instanceof GcpFault ? error : fault("INTERNAL", `the sandbox failed: ${message}`, { reason: "backendError" });
  return Response.json(refusal.body(), { status: refusal.status, headers: refusal.headers });
}
