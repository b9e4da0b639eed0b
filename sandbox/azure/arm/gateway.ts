import { Engine } from "#sandbox/azure/arm/engine.ts";
import {
  type ArmCall,
  ArmFault,
  type Json,
  type Kind,
  type Listing,
  type ResourceId,
  type StoredResource,
} from "#sandbox/azure/arm/kind.ts";
import { answerOperation, findOperation, resumeOperations } from "#sandbox/azure/arm/operations.ts";
import { resourcesBelow } from "#sandbox/azure/arm/store.ts";
import {
  answerProviders,
  findSubscription,
  formatSubscription,
  formatTenant,
  requireRegistered,
  requireWritable,
} from "#sandbox/azure/arm/subscriptions.ts";
import { parseTarget, type Target } from "#sandbox/azure/arm/target.ts";
import type { AzureCloud, Caller } from "#sandbox/azure/cloud.ts";
import type { Answer, HttpRequest, Operation } from "#sandbox/cloud/http-server.ts";

export interface GatewayOptions {
  readonly cloud: AzureCloud;
  readonly kinds: readonly Kind[];
  readonly listings: readonly Listing[];
  /** Whose an access token is. @throws ArmFault 401 */
  readonly identify: (token: string) => Promise<Caller>;
  /** @param action `Microsoft.Network/dnsZones/write` @throws ArmFault 403 */
  readonly authorize: (caller: Caller, action: string, scope: string) => void;
}

/** Resource Manager: what it checks before a provider sees a request. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #engine: Engine;
  readonly #listings: ReadonlyMap<string, Listing>;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#engine = new Engine(options.cloud, options.kinds);
    this.#listings = new Map(options.listings.map((listing) => [listing.type.toLowerCase(), listing]));
  }

  /** Goes on with the operations that a stopped sandbox left. */
  resume(): void {
    resumeOperations(this.#options.cloud, this.#engine.kindOf);
  }

  /** `dnsZones` and `write`. */
  operationOf({ method, url }: HttpRequest): Operation {
    const target = parseTarget(method, url.pathname);
    const region = "global";
    if (!("at" in target)) {
      const action = target.kind === "providers" && target.action !== "" ? target.action : "read";
      return { service: target.kind, action, region };
    }
    const kind = this.#engine.kindOf(target.at.type);
    const { type } = kind ?? this.#listings.get(target.at.type.toLowerCase()) ?? target.at;
    const service = kind?.service ?? type.slice(type.lastIndexOf("/") + 1);
    if (target.kind === "action") return { service, action: target.action, region };
    return { service: service === "" ? "resources" : service, action: nameVerb(method, target), region };
  }

  async handle(request: HttpRequest): Promise<Answer> {
    const target = parseTarget(request.method, request.url.pathname);
    const account = "at" in target ? target.at.subscription : "subscription" in target ? target.subscription : "";
    let caller = "";
    try {
      const found = await this.#identify(request);
      caller = found.appId;
      return { response: await this.#answer(request, target, found), account, caller };
    } catch (error) {
      return { response: answerFault(error), account, caller };
    }
  }

  async #identify({ headers }: HttpRequest): Promise<Caller> {
    const [, token] = /^Bearer (.+)$/i.exec(headers.authorization ?? "") ?? [];
    if (token !== undefined) return await this.#options.identify(token);
    const text = "Authentication failed. The 'Authorization' header is missing.";
    const challenge = `Bearer authorization_uri="https://login.windows.net/", error="invalid_token", error_description="${text}"`;
    throw new ArmFault(401, "AuthenticationFailed", text, { headers: { "www-authenticate": challenge } });
  }

  async #answer(request: HttpRequest, target: Target, caller: Caller): Promise<Response> {
    const { cloud } = this.#options;
    const { url } = request;
    if (!url.searchParams.has("api-version")) {
      throw new ArmFault(
        400,
        "MissingApiVersionParameter",
        "The api-version query parameter (?api-version=) is required for all requests.",
      );
    }
    if (target.kind === "unknown") throw new ArmFault(404, "NotFound", `The path ${url.pathname} is not known.`);
    if (target.kind === "tenants" || target.kind === "subscriptions")
      return Response.json(this.#listOwn(target, caller));
    const subscription = "at" in target ? target.at.subscription : target.subscription;
    if (subscription !== "") this.#requireTenant(subscription, caller);
    const { authorize, kinds, listings } = this.#options;
    switch (target.kind) {
      case "subscription":
        authorize(caller, "Microsoft.Resources/subscriptions/read", `/subscriptions/${subscription}`);
        return Response.json(formatSubscription(cloud, findSubscription(cloud, subscription)));
      case "providers": {
        const { namespace, action } = target;
        const name =
          action === "" ? "Microsoft.Resources/subscriptions/providers/read" : `${namespace}/${action}/action`;
        authorize(caller, name, `/subscriptions/${subscription}`);
        return Response.json(answerProviders(cloud, [...kinds, ...listings], target));
      }
      case "operation": {
        const { isResult, name, type, scope } = target;
        authorize(caller, `${type}/read`, scope);
        const operation = findOperation(cloud, subscription, name);
        return answerOperation(cloud, operation, { isResult, url, format: this.#engine.format });
      }
      default:
        return await this.#answerResource(request, target, caller);
    }
  }

  /** Tenants and subscriptions of the caller. */
  #listOwn({ kind }: Target, { tenant, ...caller }: Caller): Json {
    const { cloud } = this.#options;
    const own = cloud.subscriptions().filter(({ tenantId }) => tenantId.toLowerCase() === tenant.toLowerCase());
    if (kind === "tenants") return { value: own.slice(0, 1).map(formatTenant) };
    const readable = own.filter(({ subscriptionId }) =>
      this.#isAllowed(
        { tenant, ...caller },
        "Microsoft.Resources/subscriptions/read",
        `/subscriptions/${subscriptionId}`,
      ),
    );
    return { value: readable.map((one) => formatSubscription(cloud, one)) };
  }

  #isAllowed(caller: Caller, action: string, scope: string): boolean {
    try {
      this.#options.authorize(caller, action, scope);
      return true;
    } catch (error) {
      if (error instanceof ArmFault) return false;
      throw error;
    }
  }

  #requireTenant(subscription: string, { tenant }: Caller): void {
    const { tenantId } = findSubscription(this.#options.cloud, subscription);
    if (tenantId.toLowerCase() === tenant.toLowerCase()) return;
    throw new ArmFault(
      401,
      "InvalidAuthenticationTokenTenant",
      `The access token is from the wrong issuer 'https://sts.windows.net/${tenant}/'. It must match the tenant 'https://sts.windows.net/${tenantId}/' associated with this subscription. Please use the authority (URL) 'https://login.windows.net/${tenantId}' to get the token. Note, if the subscription is transferred to another tenant there is no impact to the services, but information about new tenant could take time to propagate (up to an hour). If you just transferred your subscription and see this error message, please try back later.`,
    );
  }

  async #answerResource(
    { method, url, headers, body }: HttpRequest,
    target: Extract<Target, { readonly at: ResourceId }>,
    caller: Caller,
  ): Promise<Response> {
    const { cloud, authorize } = this.#options;
    const { at } = target;
    const version = url.searchParams.get("api-version") ?? "";
    const call: ArmCall = { cloud, at, caller, version, headers, query: url.searchParams, endpoint: url.origin };
    if (target.kind === "resources") {
      const listed = at.group === "" ? "subscriptions" : "subscriptions/resourceGroups";
      authorize(caller, `Microsoft.Resources/${listed}/resources/read`, at.id);
      this.#engine.requirePlace(at, method);
      return this.#engine.listAll(call);
    }
    const kind = this.#engine.kindOf(at.type);
    const listing = target.kind === "collection" ? this.#listings.get(at.type.toLowerCase()) : undefined;
    const known = kind ?? listing;
    if (known === undefined) throw unknownType(at.type);
    requireVersion(known, version);
    const scope = target.kind === "collection" ? (at.parent ?? at.scope) : at.id;
    const action = actionOf(known, method, target);
    const isVisible = ({ id }: StoredResource): boolean => this.#isAllowed(caller, action, id);
    let isFiltered = false;
    try {
      authorize(caller, action, scope);
    } catch (error) {
      // Lists of a subscription hold what the caller may read, as long as that is anything.
      isFiltered =
        target.kind === "collection" &&
        at.group === "" &&
        kind?.anyScope === undefined &&
        resourcesBelow(cloud, scope).some((one) => one.type.toLowerCase() === at.type.toLowerCase() && isVisible(one));
      if (!isFiltered) throw error;
    }
    if (method !== "GET" && method !== "HEAD" && at.subscription !== "") {
      // Disabled subscriptions accept deletes: https://github.com/Azure/azure-cli-extensions/issues/1524
      if (method !== "DELETE") requireWritable(cloud, at.subscription);
      requireRegistered(cloud, at.subscription, at.type.split("/")[0] ?? "");
    }
    this.#engine.requirePlace(at, method);
    if (listing !== undefined) return await this.#engine.answerListing(listing, call);
    if (kind === undefined) throw unknownType(at.type);
    if (target.kind === "action") return await this.#engine.act(kind, call, target.action);
    if (target.kind === "collection") return this.#engine.list(kind, call, isFiltered ? isVisible : undefined);
    switch (method) {
      case "GET":
      case "HEAD":
        return this.#engine.read(kind, call, method);
      case "PUT":
      case "PATCH":
        return await this.#engine.write(kind, call, parseBody(body), method);
      case "DELETE":
        return await this.#engine.remove(kind, call);
      default:
        throw new ArmFault(405, "MethodNotAllowed", `The method ${method} is not allowed.`);
    }
  }
}

function nameVerb(method: string, { kind }: Target): string {
  if (method === "GET" || method === "HEAD") return kind === "resource" ? "read" : "list";
  return method === "DELETE" ? "delete" : "write";
}

/** As role definitions name it. */
function actionOf(known: Kind | Listing, method: string, target: Target): string {
  const type = ("actionType" in known ? known.actionType : undefined) ?? known.type;
  if (target.kind === "action") return `${type}/${target.action}/action`;
  const verb = nameVerb(method, target);
  return `${type}/${verb === "list" ? "read" : verb}`;
}

function requireVersion({ type, versions }: Kind | Listing, version: string): void {
  if (versions.length === 0 || versions.includes(version)) return;
  const [namespace = "", ...rest] = type.split("/");
  throw new ArmFault(
    400,
    "InvalidResourceType",
    `The resource type '${rest.join("/")}' could not be found in the namespace '${namespace}' for api version '${version}'. The supported api-versions are '${versions.join(",")}'.`,
  );
}

function unknownType(type: string): ArmFault {
  const [namespace = "", ...rest] = type.split("/");
  const text = `The resource type '${rest.join("/")}' could not be found in the namespace '${namespace}'.`;
  return new ArmFault(404, "InvalidResourceType", text);
}

function parseBody(text: string): Json {
  try {
    return JSON.parse(text === "" ? "{}" : text) as Json;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ArmFault(
      400,
      "InvalidRequestContent",
      `The request content was invalid and could not be deserialized: '${why}'`,
    );
  }
}

/** An error of the sandbox itself is reported as such, not as a refusal. */
export function answerFault(error: unknown): Response {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const fault =
    error instanceof ArmFault ? error : new ArmFault(500, "InternalServerError", `the sandbox failed: ${message}`);
  return Response.json(fault.body(), { status: fault.status, headers: fault.headers });
}
