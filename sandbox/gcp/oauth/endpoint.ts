import { compactVerify, decodeJwt, importSPKI, type JWTPayload } from "jose";
import type { HttpRequest } from "#sandbox/cloud/http-server.ts";
import { OAuthFault } from "#sandbox/gcp/api/behaviour.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { type ServiceAccount, tryFindServiceAccount } from "#sandbox/gcp/iam/state.ts";
import { maxLifetimeSeconds, mintAccessToken, type Subject, tryFindToken } from "#sandbox/gcp/oauth/access-tokens.ts";
import { userClient } from "#sandbox/gcp/oauth/administrators.ts";
import { userOfToken } from "#sandbox/gcp/oauth/directory.ts";

/** Where keys of service accounts and refresh tokens become access tokens. */
export const oauthHost = "oauth2.googleapis.com";
export const oauthPaths: readonly string[] = ["/token", "/tokeninfo"];

const audiences: readonly string[] = [`https://${oauthHost}/token`, "https://www.googleapis.com/oauth2/v4/token"];
const clockSkewSeconds = 300;
const jwtGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/** Of people: what `gcloud auth application-default login` asks for. */
const userScopes = [
  "https://www.googleapis.com/auth/cloud-platform",
  "https://www.googleapis.com/auth/userinfo.email",
  "openid",
] as const;

/** The token endpoint and the description of tokens. */
export async function answerOAuth(cloud: GcpCloud, request: HttpRequest): Promise<Response> {
  try {
    if (request.url.pathname === "/tokeninfo") return Response.json(describeToken(cloud, request));
    return Response.json(await answerToken(cloud, request));
  } catch (error) {
    if (error instanceof OAuthFault) return Response.json(error.body(), { status: error.status });
    throw error;
  }
}

async function answerToken(cloud: GcpCloud, { method, body }: HttpRequest): Promise<object> {
  if (method !== "POST") throw new OAuthFault(400, "invalid_request", "The request method must be POST.");
  const form = fieldsOf(body);
  const grant = form.get("grant_type") ?? "";
  if (grant === "refresh_token") return answerRefresh(cloud, form);
  if (grant === jwtGrant) return await answerKey(cloud, form.get("assertion") ?? "");
  throw new OAuthFault(400, "unsupported_grant_type", `Invalid grant_type: ${grant}`);
}

/** Google takes JSON, too. */
function fieldsOf(body: string): ReadonlyMap<string, string> {
  if (!body.trimStart().startsWith("{")) return new Map(new URLSearchParams(body));
  try {
    const fields: unknown = JSON.parse(body);
    return new Map(Object.entries(fields ?? {}).map(([name, value]) => [name, String(value)]));
  } catch {
    throw new OAuthFault(400, "invalid_request", "The request body is not JSON.");
  }
}

function answerRefresh(cloud: GcpCloud, form: ReadonlyMap<string, string>): object {
  if (form.get("client_id") !== userClient.id || form.get("client_secret") !== userClient.secret) {
    throw new OAuthFault(401, "invalid_client", "The OAuth client was not found.");
  }
  const email = userOfToken(cloud, form.get("refresh_token") ?? "");
  if (email === undefined) throw new OAuthFault(400, "invalid_grant", "Token has been expired or revoked.");
  return answerFor(cloud, { kind: "user", email }, userScopes);
}

async function answerKey(cloud: GcpCloud, assertion: string): Promise<object> {
  const { iss = "", aud = "", iat = 0, exp = 0, scope } = claimsOf(assertion);
  const account = tryFindServiceAccount(cloud, iss);
  if (account === undefined) throw invalidGrant("Invalid grant: account not found");
  if (!(await isSignedBy(account, assertion))) throw invalidGrant("Invalid JWT Signature.");
  if (![aud].flat().some((one) => audiences.includes(one))) {
    throw invalidGrant("Invalid JWT: Failed audience check. The right audience is https://oauth2.googleapis.com/token");
  }
  const now = cloud.now().getTime() / 1_000;
  if (exp <= now || iat > now + clockSkewSeconds || exp - iat > maxLifetimeSeconds) {
    throw invalidGrant(
      "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.",
    );
  }
  const scopes = typeof scope === "string" ? scope.split(" ").filter((one) => one !== "") : [];
  if (scopes.length === 0) throw new OAuthFault(400, "invalid_scope", "Empty or missing scope not allowed.");
  const { email, uniqueId } = account;
  return answerFor(cloud, { kind: "serviceAccount", email, uniqueId }, scopes);
}

/** Claims that are not verified yet. */
function claimsOf(assertion: string): JWTPayload {
  try {
    return decodeJwt(assertion);
  } catch {
    throw invalidGrant("Invalid JWT: Failed to parse the JWT.");
  }
}

async function isSignedBy({ keys }: ServiceAccount, assertion: string): Promise<boolean> {
  for (const pem of Object.values(keys)) {
    try {
      await compactVerify(assertion, await importSPKI(pem, "RS256"), { algorithms: ["RS256"] });
      return true;
    } catch {
      // Another key may have signed it.
    }
  }
  return false;
}

function answerFor(cloud: GcpCloud, subject: Subject, scopes: readonly string[]): object {
  const { token } = mintAccessToken(cloud, subject, scopes);
  return {
    access_token: token,
    expires_in: maxLifetimeSeconds - 1,
    scope: scopes.join(" "),
    token_type: "Bearer",
  };
}

/** `tokeninfo`: whose a token is. Federated ones are not known there. */
function describeToken(cloud: GcpCloud, { url, body }: HttpRequest): object {
  const token = url.searchParams.get("access_token") ?? fieldsOf(body).get("access_token") ?? "";
  const found = tryFindToken(cloud, token);
  if (found === undefined || found.subject.kind === "federated") {
    throw new OAuthFault(400, "invalid_token", "Invalid Value");
  }
  const { subject, scopes, expires } = found;
  const party = subject.kind === "user" ? userClient.id : subject.uniqueId;
  const seconds = Math.floor(Date.parse(expires) / 1_000);
  return {
    azp: party,
    aud: party,
    scope: scopes.join(" "),
    exp: String(seconds),
    expires_in: String(seconds - Math.floor(cloud.now().getTime() / 1_000)),
    ...(scopes.includes(userScopes[1]) ? { email: subject.email, email_verified: "true" } : {}),
    access_type: subject.kind === "user" ? "offline" : "online",
  };
}

function invalidGrant(message: string): OAuthFault {
  return new OAuthFault(400, "invalid_grant", message);
}
