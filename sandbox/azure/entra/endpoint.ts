import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { armAudiences, issuerOf, mintAccessToken } from "#sandbox/azure/entra/access-tokens.ts";
import { hasTenant, type Principal, tryFindClient } from "#sandbox/azure/entra/directory.ts";
import { EntraFault, unknownTenant } from "#sandbox/azure/entra/fault.ts";
import { verifyAssertion } from "#sandbox/azure/entra/federation.ts";
import { signingKeyOf } from "#sandbox/azure/entra/signing-key.ts";
import type { HttpRequest } from "#sandbox/cloud/http-server.ts";

/** The server application of AKS: audience of tokens for API servers with Entra. */
export const aksServerApp = "6dae42f8-4368-4678-94ff-3960e28e3630";

/** Audiences that tokens are given for: az also asks for Microsoft Graph. */
const resources: readonly string[] = [...armAudiences, aksServerApp, "https://graph.microsoft.com"];

const route =
  /^\/([^/]+)(\/v2\.0)?\/(oauth2(?:\/v2\.0)?\/token|discovery\/(?:instance|keys|v2\.0\/keys)|\.well-known\/openid-configuration)$/i;
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Whether a path is Entra's and not Resource Manager's. */
export function isEntraPath(path: string): boolean {
  return route.test(path);
}

/** Token endpoint and discovery documents of all tenants. */
export async function answerEntra(cloud: AzureCloud, request: HttpRequest): Promise<Response> {
  const [, tenant = "", version2, what = ""] = route.exec(request.url.pathname) ?? [];
  const authority = request.url.origin;
  try {
    if (/token$/i.test(what)) return await answerToken(cloud, tenant, request);
    if (/instance$/i.test(what)) return Response.json(describeInstance(authority, request.url));
    if (/keys$/i.test(what)) return Response.json({ keys: [signingKeyOf(cloud).published] });
    if (!isKnown(cloud, tenant)) throw unknownTenant(tenant, "invalid_tenant");
    return Response.json(describe(authority, tenant, version2 === undefined));
  } catch (error) {
    if (error instanceof EntraFault) return error.response(cloud.now());
    throw error;
  }
}

/** Documents are also asked for where any tenant may sign in. */
function isKnown(cloud: AzureCloud, tenant: string): boolean {
  return ["common", "organizations"].includes(tenant.toLowerCase()) || hasTenant(cloud, tenant);
}

async function answerToken(cloud: AzureCloud, tenant: string, { method, url, body }: HttpRequest): Promise<Response> {
  if (method !== "POST")
    throw new EntraFault(900561, "invalid_request", "The endpoint only accepts POST requests. Received a GET request.");
  if (!hasTenant(cloud, tenant)) throw unknownTenant(tenant);
  const form = new URLSearchParams(body);
  const grant = required(form, "grant_type");
  if (grant !== "client_credentials") {
    throw new EntraFault(70003, "unsupported_grant_type", `The app requested an unsupported grant type '${grant}'.`);
  }
  const isVersion1 = !/v2\.0\/token$/i.test(url.pathname);
  const audience = isVersion1 ? required(form, "resource") : audienceOf(required(form, "scope"));
  if (!resources.includes(audience.replace(/\/$/, ""))) {
    throw new EntraFault(
      500011,
      "invalid_resource",
      `The resource principal named ${audience} was not found in the tenant named ${tenant}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
    );
  }
  const principal = await authenticate(cloud, tenant, form);
  const { token, begins, expires } = await mintAccessToken(cloud, { tenant, audience, principal });
  const seconds = expires - begins - 1;
  if (!isVersion1) {
    return Response.json({ token_type: "Bearer", expires_in: seconds, ext_expires_in: seconds, access_token: token });
  }
  const [expires_in, ext_expires_in] = [`${seconds}`, `${seconds}`];
  const times = { expires_in, ext_expires_in, expires_on: `${expires}`, not_before: `${begins}` };
  return Response.json({ token_type: "Bearer", ...times, resource: audience, access_token: token });
}

/** The scope may have other words beside the resource: `GUID/.default openid offline_access profile`. */
function audienceOf(scope: string): string {
  const found = scope.split(" ").find((word) => word.endsWith("/.default"));
  if (found !== undefined) return found.slice(0, -"/.default".length);
  throw new EntraFault(
    1002012,
    "invalid_scope",
    `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
  );
}

async function authenticate(cloud: AzureCloud, tenant: string, form: URLSearchParams): Promise<Principal> {
  const clientId = required(form, "client_id");
  const principal = tryFindClient(cloud, tenant, clientId);
  if (principal === undefined) {
    throw new EntraFault(
      700016,
      "unauthorized_client",
      `Application with identifier '${clientId}' was not found in the directory '${tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
    );
  }
  const assertion = form.get("client_assertion");
  if (assertion !== null && form.get("client_assertion_type") === assertionType) {
    await verifyAssertion(cloud, principal, assertion);
    return principal;
  }
  const secret = form.get("client_secret");
  if (secret === null) {
    throw new EntraFault(
      7000218,
      "invalid_client",
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
      401,
    );
  }
  if (secret !== principal.secret) {
    throw new EntraFault(
      7000215,
      "invalid_client",
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
      401,
    );
  }
  return principal;
}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name) ?? "";
  if (value !== "") return value;
  throw new EntraFault(900144, "invalid_request", `The request body must contain the following parameter: '${name}'.`);
}

function describeInstance(authority: string, url: URL): object {
  const asked = url.searchParams.get("authorization_endpoint") ?? `${authority}/common/oauth2/v2.0/authorize`;
  const tenant = URL.parse(asked)?.pathname.split("/")[1] ?? "common";
  const { host } = new URL(authority);
  return {
    tenant_discovery_endpoint: `${authority}/${tenant}/v2.0/.well-known/openid-configuration`,
    "api-version": "1.1",
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}

/** The two versions differ in the issuer and in paths. */
function describe(authority: string, tenant: string, isVersion1: boolean): object {
  const base = `${authority}/${tenant}/oauth2${isVersion1 ? "" : "/v2.0"}`;
  return {
    token_endpoint: `${base}/token`,
    authorization_endpoint: `${base}/authorize`,
    device_authorization_endpoint: `${base}/devicecode`,
    jwks_uri: `${authority}/${tenant}/discovery${isVersion1 ? "" : "/v2.0"}/keys`,
    issuer: isVersion1 ? issuerOf(tenant) : `${authority}/${tenant}/v2.0`,
    token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt", "client_secret_basic"],
    response_modes_supported: ["query", "fragment", "form_post"],
    response_types_supported: ["code", "id_token", "code id_token", "id_token token"],
    scopes_supported: ["openid", "profile", "email", "offline_access"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
  };
}
