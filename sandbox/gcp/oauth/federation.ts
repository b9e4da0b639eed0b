import { createLocalJWKSet, decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import { hasPassed } from "#sandbox/cloud/cloud-base.ts";
import { tryFindKeys } from "#sandbox/cloud/issuers.ts";
import { type Json, OAuthFault } from "#sandbox/gcp/api/behaviour.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { type Federation, isActive, tryFindFederation, tryFindProject } from "#sandbox/gcp/iam/state.ts";
import { maxLifetimeSeconds, mintAccessToken, type Subject } from "#sandbox/gcp/oauth/access-tokens.ts";
import { mapClaims } from "#sandbox/gcp/oauth/mapping.ts";
import { stringAt, textsAt } from "#sandbox/json.ts";

const grant = "urn:ietf:params:oauth:grant-type:token-exchange";
const accessTokenType = "urn:ietf:params:oauth:token-type:access_token";
const subjectTokenTypes: readonly string[] = [
  "urn:ietf:params:oauth:token-type:jwt",
  "urn:ietf:params:oauth:token-type:id_token",
];
const documentation = "https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token";

const providerForm =
  /^\/\/iam\.googleapis\.com\/((projects\/[^/]+\/locations\/global\/workloadIdentityPools\/[^/]+)\/providers\/[^/]+)$/;
/** Of pods: the pool, and the issuer of their cluster. */
const clusterForm = /^identitynamespace:(([a-z][a-z0-9-]+)\.svc\.id\.goog):https:\/\/(.+)$/;

/** Security Token Service: the token of a provider's issuer for one of Google. @throws OAuthFault */
export async function exchangeToken(cloud: GcpCloud, body: Json): Promise<Json> {
  const { grantType, requestedTokenType, subjectTokenType } = body;
  if (grantType !== grant) throw invalidRequest(`Invalid value for "grant_type": it has to be ${grant}.`);
  if (requestedTokenType !== accessTokenType) {
    throw invalidRequest(`Invalid value for "requested_token_type": it has to be ${accessTokenType}.`);
  }
  if (typeof subjectTokenType !== "string" || !subjectTokenTypes.includes(subjectTokenType)) {
    throw invalidRequest('Invalid value for "subject_token_type": the sandbox knows tokens of OpenID Connect.');
  }
  const scopes = stringAt(body, "scope")
    .split(" ")
    .filter((scope) => scope !== "");
  if (scopes.length === 0) throw invalidRequest('Missing required field "scope".');
  const subject = await identify(cloud, stringAt(body, "audience"), stringAt(body, "subjectToken"));
  const { token } = mintAccessToken(cloud, subject, scopes);
  return {
    access_token: token,
    issued_token_type: accessTokenType,
    token_type: "Bearer",
    expires_in: maxLifetimeSeconds - 1,
  };
}

async function identify(cloud: GcpCloud, audience: string, token: string): Promise<Subject> {
  const [, provider, pool = ""] = providerForm.exec(audience) ?? [];
  if (provider !== undefined) return await identifyByProvider(cloud, provider, pool, token);
  const [workload, poolId = "", projectId = "", issuer = ""] = clusterForm.exec(audience) ?? [];
  if (workload !== undefined) return await identifyPod(cloud, { poolId, projectId, issuer }, token);
  throw invalidRequest(
    `Invalid value for "audience". This value should be the full resource name of the Identity Provider. See ${documentation} for the list of possible formats.`,
  );
}

async function identifyByProvider(cloud: GcpCloud, name: string, pool: string, token: string): Promise<Subject> {
  const provider = requireActive(cloud, name);
  requireActive(cloud, pool);
  const issuer = stringAt(provider.fields, "oidc", "issuerUri");
  const allowed = textsAt(provider.fields, "oidc", "allowedAudiences");
  const own = [`https://iam.googleapis.com/${name}`, `//iam.googleapis.com/${name}`];
  const claims = await verify(cloud, token, issuer, allowed.length === 0 ? own : allowed);
  const { subject, groups, attributes } = mapClaims(provider.fields, claims);
  const principal = `principal://iam.googleapis.com/${pool}/subject/${subject}`;
  const set = `principalSet://iam.googleapis.com/${pool}`;
  return {
    kind: "federated",
    pool,
    provider: name,
    members: [
      principal,
      `${set}/*`,
      ...groups.map((group) => `${set}/group/${group}`),
      ...Object.entries(attributes).map(([attribute, value]) => `${set}/attribute.${attribute}/${value}`),
    ],
  };
}

/** A pod of GKE is `ns/NAMESPACE/sa/NAME` in the pool of its cluster's project. */
async function identifyPod(
  cloud: GcpCloud,
  { poolId, projectId, issuer }: { readonly poolId: string; readonly projectId: string; readonly issuer: string },
  token: string,
): Promise<Subject> {
  const number = tryFindProject(cloud, projectId)?.number ?? "";
  const pool = `projects/${number}/locations/global/workloadIdentityPools/${poolId}`;
  requireActive(cloud, pool);
  const { sub = "" } = await verify(cloud, token, `https://${issuer}`, [poolId]);
  const [isPod, namespace = "", account = ""] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(sub) ?? [];
  if (isPod === undefined) throw invalidGrant(`The subject in ID Token ${sub} is not one of a pod.`);
  return {
    kind: "federated",
    pool,
    provider: "",
    members: [
      `principal://iam.googleapis.com/${pool}/subject/ns/${namespace}/sa/${account}`,
      `principalSet://iam.googleapis.com/${pool}/namespace/${namespace}`,
    ],
  };
}

/** One that the token endpoint has heard of by now. */
function requireActive(cloud: GcpCloud, name: string): Federation {
  const found = tryFindFederation(cloud, name);
  if (isActive(found) && hasPassed(cloud, found.effective)) return found;
  throw new OAuthFault(
    400,
    "invalid_target",
    'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\'t exist.',
  );
}

async function verify(
  cloud: GcpCloud,
  token: string,
  issuer: string,
  audiences: readonly string[],
): Promise<JWTPayload> {
  const { iss = "", aud = "", iat = 0 } = claimsOf(token);
  if (iss !== issuer) {
    throw invalidGrant(`The issuer in ID Token ${iss} does not match the expected ones: ${issuer}`);
  }
  if (![aud].flat().some((one) => audiences.includes(one))) {
    throw invalidGrant(`The audience in ID Token [${[aud].flat().join(", ")}] does not match the expected audience.`);
  }
  const keys = tryFindKeys(cloud, issuer.replace(/^https:\/\//, ""));
  if (keys === undefined) throw invalidGrant("Error connecting to the given credential's issuer.");
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: [...keys] }), {
      algorithms: ["RS256", "ES256"],
      currentDate: cloud.now(),
      requiredClaims: ["exp", "iat", "sub"],
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw invalidGrant(`ID Token issued at ${iat} is stale to sign-in.`);
    throw invalidGrant("The given ID Token is not valid: its signature or its claims are wrong.");
  }
}

/** Claims that are not verified yet. */
function claimsOf(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch {
    throw invalidRequest("Unable to parse the ID Token.");
  }
}

function invalidRequest(message: string): OAuthFault {
  return new OAuthFault(400, "invalid_request", message);
}

function invalidGrant(message: string): OAuthFault {
  return new OAuthFault(400, "invalid_grant", message);
}
