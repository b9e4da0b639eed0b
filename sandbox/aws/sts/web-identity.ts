import { createLocalJWKSet, decodeJwt, errors, type JWK, type JWTPayload, jwtVerify } from "jose";
import { AwsFault, type Cloud } from "#sandbox/aws/cloud.ts";
import { iamOf, type OidcProvider } from "#sandbox/aws/iam/model.ts";
import { oidcProviderArn } from "#sandbox/aws/iam/oidc-providers.ts";
import { tryFindRole } from "#sandbox/aws/iam/roles.ts";
import { type ContextValues, contextOf, resourceTags } from "#sandbox/aws/policy/context.ts";
import { parsePolicy } from "#sandbox/aws/policy/parse.ts";
import { evaluateTrust } from "#sandbox/aws/policy/trust.ts";
import { allowOnly, integerAt, type QueryInput, textAt } from "#sandbox/aws/protocol/query.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";
import { accountOfRole, checkDuration, checkSession, formatSession } from "#sandbox/aws/sts/assume-role.ts";
import { openSession } from "#sandbox/aws/sts/sessions.ts";
import { githubIssuer } from "#sandbox/cloud/github.ts";
import { tryFindKeys } from "#sandbox/cloud/issuers.ts";

/** Claims of GitHub that trust policies may ask for beside `aud` and `sub`. Sessions don't keep them. */
const githubClaims = [
  "actor",
  "actor_id",
  "enterprise_id",
  "environment",
  "job_workflow_ref",
  "ref",
  "repository",
  "repository_id",
  "workflow",
] as const;

/** Claims that would set a source identity or tags; GitHub has no way to make them. */
const refusedClaims = ["https://aws.amazon.com/source_identity", "https://aws.amazon.com/tags"] as const;

/** @throws AwsFault InvalidIdentityToken, ExpiredTokenException, AccessDenied, ValidationError */
export async function assumeRoleWithWebIdentity(cloud: Cloud, input: QueryInput): Promise<XmlValue> {
  allowOnly(input, "RoleArn", "RoleSessionName", "WebIdentityToken", "DurationSeconds");
  const roleArn = textAt(input, "RoleArn");
  const name = textAt(input, "RoleSessionName");
  const seconds = integerAt(input, "DurationSeconds");
  checkSession(roleArn, name, seconds);
  const account = accountOfRole(roleArn);
  const identity = await verifyToken(cloud, account, textAt(input, "WebIdentityToken"));
  const role = tryFindRole(cloud, account, roleArn);
  if (role === undefined) throw notAuthorized();
  const { provider, subject, audience } = identity;
  const { verdict } = evaluateTrust(parsePolicy(role.trust, "trust"), {
    requester: { kind: "Federated", provider: provider.arn },
    action: "sts:AssumeRoleWithWebIdentity",
    context: contextOf(identity.context, resourceTags(role.tags, "iam"), {
      "aws:ResourceAccount": account,
      "sts:RoleSessionName": name,
    }),
    ids: role.trusted,
  });
  if (verdict !== "allowed") throw notAuthorized();
  const lifetime = seconds ?? 3_600;
  checkDuration(lifetime, role);
  const session = openSession(cloud, account, role, {
    name,
    seconds: lifetime,
    context: {
      "aws:FederatedProvider": provider.arn,
      [`${provider.url}:sub`]: subject,
      [`${provider.url}:aud`]: audience,
    },
  });
  return {
    ...formatSession(session, role),
    SubjectFromWebIdentityToken: subject,
    Audience: audience,
    Provider: provider.arn,
  };
}

interface WebIdentity {
  readonly provider: OidcProvider;
  readonly subject: string;
  readonly audience: string;
  readonly context: ContextValues;
}

async function verifyToken(cloud: Cloud, account: string, token: string): Promise<WebIdentity> {
  const claims = decode(token);
  const issuer = claimOf(claims, "iss");
  const subject = claimOf(claims, "sub");
  const url = issuer.replace(/^https:\/\//, "");
  const provider = iamOf(cloud, account).providers[oidcProviderArn(account, url)];
  if (provider === undefined || issuer !== `https://${url}`) {
    throw invalid(`No OpenIDConnect provider found in your account for ${issuer}`);
  }
  const keys = tryFindKeys(cloud, url);
  if (keys === undefined) {
    throw invalid(
      "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
    );
  }
  await verify(token, keys, cloud.now());
  const audience = audiencesOf(claims).find((one) => provider.clientIds.includes(one));
  if (audience === undefined) throw invalid("Incorrect token audience");
  for (const claim of refusedClaims) {
    if (claims[claim] !== undefined) throw invalid(`the sandbox does not know what to do with the claim ${claim}`);
  }
  return { provider, subject, audience, context: contextOfToken(url, subject, audience, claims) };
}

/** Claims that are not verified yet. */
function decode(token: string): JWTPayload {
  try {
    // Without a signature it is an unsecured token.
    if (!token.endsWith(".")) return decodeJwt(token);
  } catch {
    // Reported below.
  }
  throw invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)");
}

/** @throws AwsFault ExpiredTokenException, InvalidIdentityToken */
async function verify(token: string, keys: readonly JWK[], now: Date): Promise<void> {
  try {
    await jwtVerify(token, createLocalJWKSet({ keys: [...keys] }), {
      algorithms: ["RS256", "ES256"],
      currentDate: now,
      requiredClaims: ["exp", "iat"],
    });
  } catch (error) {
    const seconds = Math.floor(now.getTime() / 1_000);
    if (error instanceof errors.JWTExpired) {
      throw new AwsFault(
        "ExpiredTokenException",
        `Token expired: current date/time ${seconds} must be before the expiration date/time ${error.payload.exp}`,
      );
    }
    if (!(error instanceof errors.JWTClaimValidationFailed)) throw invalid("Invalid token signature.");
    const { claim, payload } = error;
    if (claim !== "nbf") throw invalid(`Missing a required claim: ${claim}`);
    throw invalid(
      `Token is not yet valid: current date/time ${seconds} must be after the not-before date/time ${payload.nbf}`,
    );
  }
}

function contextOfToken(url: string, subject: string, audience: string, claims: JWTPayload): ContextValues {
  const names = url === githubIssuer ? githubClaims : [];
  const more = names.map((name) => [`${url}:${name}`, tryTextOf(claims[name])] as const);
  return { ...Object.fromEntries(more), [`${url}:sub`]: subject, [`${url}:aud`]: audience };
}

function tryTextOf(claim: unknown): string | undefined {
  return typeof claim === "string" || typeof claim === "number" ? String(claim) : undefined;
}

function claimOf(claims: JWTPayload, name: "iss" | "sub"): string {
  const found = claims[name];
  if (typeof found === "string" && found !== "") return found;
  throw invalid(`Missing a required claim: ${name}`);
}

/** The party that a token was given to counts before those that it is for. */
function audiencesOf({ azp, aud }: JWTPayload): readonly string[] {
  if (typeof azp === "string") return [azp];
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  const texts = audiences.filter((one): one is string => typeof one === "string");
  if (texts.length === 0) throw invalid("Missing a required claim: aud");
  return texts;
}

function invalid(message: string): AwsFault {
  return new AwsFault("InvalidIdentityToken", message);
}

function notAuthorized(): AwsFault {
  return new AwsFault("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403);
}
