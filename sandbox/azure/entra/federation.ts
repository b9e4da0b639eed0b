import { createLocalJWKSet, decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import type { StoredResource } from "#sandbox/azure/arm/kind.ts";
import { resourcesBelow, resourcesOfType } from "#sandbox/azure/arm/store.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import type { Principal } from "#sandbox/azure/entra/directory.ts";
import { EntraFault } from "#sandbox/azure/entra/fault.ts";
import { hasPassed } from "#sandbox/cloud/cloud-base.ts";
import { tryFindKeys } from "#sandbox/cloud/issuers.ts";
import { stringAt, textsAt } from "#sandbox/json.ts";

/** What an assertion says of itself. */
interface Assertion {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

interface FederatedCredential extends Assertion {
  /** Whether the token endpoint knows it by now. */
  readonly isEffective: boolean;
}

export const identityType = "Microsoft.ManagedIdentity/userAssignedIdentities";
export const federatedCredentialType = `${identityType}/federatedIdentityCredentials`;

const documentation = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation";

/**
 * Accepts the token of another issuer in place of a secret: one of the client's federated credentials has to match it exactly.
 *
 * @throws EntraFault AADSTS70021 and those below it, 50013, 50027, 50166, 700024
 */
export async function verifyAssertion(cloud: AzureCloud, principal: Principal, token: string): Promise<void> {
  const assertion = readAssertion(token);
  requireCredential(credentialsFor(cloud, principal), assertion);
  const keys = tryFindKeys(cloud, assertion.issuer.replace(/^https:\/\//, ""));
  if (keys === undefined) {
    throw refusal(50166, `Request to External OIDC endpoint failed. Issuer: '${assertion.issuer}'.`);
  }
  try {
    await jwtVerify(token, createLocalJWKSet({ keys: [...keys] }), {
      algorithms: ["RS256"],
      currentDate: cloud.now(),
      requiredClaims: ["exp", "iat"],
    });
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw outsideOfItsTime(error.payload, cloud.now());
    if (error instanceof errors.JWTClaimValidationFailed) {
      if (error.claim === "nbf") throw outsideOfItsTime(error.payload, cloud.now());
      throw malformed();
    }
    throw refusal(
      50013,
      "Assertion failed signature validation. [Reason - The provided signature value did not match the expected signature value.]",
    );
  }
}

/** Claims that are not verified yet. */
function readAssertion(token: string): Assertion {
  try {
    const { iss = "", sub = "", aud = "" } = decodeJwt(token);
    const [audience = "", ...more] = [aud].flat();
    if (iss !== "" && sub !== "" && more.length === 0) return { issuer: iss, subject: sub, audience };
  } catch {
    // Reported below.
  }
  throw malformed();
}

/** Federated credentials of a managed identity. @param identity its id */
export function credentialsOf(cloud: AzureCloud, identity: string): readonly StoredResource[] {
  return resourcesBelow(cloud, identity).filter(({ type }) => type === federatedCredentialType);
}

function credentialsFor(cloud: AzureCloud, { objectId }: Principal): readonly FederatedCredential[] {
  const identity = resourcesOfType(cloud, identityType).find(
    ({ properties }) => stringAt(properties, "principalId") === objectId,
  );
  if (identity === undefined) return [];
  return credentialsOf(cloud, identity.id).map(({ properties, hidden }) => ({
    issuer: stringAt(properties, "issuer"),
    subject: stringAt(properties, "subject"),
    audience: textsAt(properties, "audiences")[0] ?? "",
    isEffective: hasPassed(cloud, stringAt(hidden, "effective")),
  }));
}

/** The closest credential decides which claim the refusal names. */
function requireCredential(
  credentials: readonly FederatedCredential[],
  { issuer, subject, audience }: Assertion,
): void {
  const ofIssuer = credentials.filter((one) => one.issuer === issuer);
  const ofSubject = ofIssuer.filter((one) => one.subject === subject);
  const matching = ofSubject.find((one) => one.audience === audience);
  if (matching?.isEffective === true) return;
  if (matching !== undefined) {
    throw refusal(
      70021,
      `No matching federated identity record found for presented assertion. Assertion Issuer: '${issuer}'. Assertion Subject: '${subject}'. Assertion Audience: '${audience}'. ${documentation}`,
    );
  }
  if (ofIssuer.length === 0) throw mismatch(700211, "issuer", issuer);
  if (ofSubject.length > 0) throw mismatch(700212, "audience", audience);
  const inOtherCase = ofIssuer.find((one) => one.subject.toLowerCase() === subject.toLowerCase());
  if (inOtherCase === undefined) throw mismatch(700213, "subject", subject);
  throw refusal(
    7002138,
    `No matching federated identity record found for presented assertion subject '${subject}'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison. ${documentation}`,
  );
}

function mismatch(number: number, claim: string, value: string): EntraFault {
  return refusal(
    number,
    `No matching federated identity record found for presented assertion ${claim} '${value}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. ${documentation}`,
  );
}

function outsideOfItsTime({ nbf = 0, exp = 0 }: JWTPayload, now: Date): EntraFault {
  const [begin, end] = [nbf, exp].map((seconds) => new Date(seconds * 1_000).toISOString());
  return refusal(
    700024,
    `Client assertion is not within its valid time range. Current time: ${now.toISOString()}, assertion valid from ${begin}, expiry time of assertion ${end}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .`,
  );
}

function malformed(): EntraFault {
  return new EntraFault(50027, "invalid_request", "JWT token is invalid or malformed.");
}

function refusal(number: number, message: string): EntraFault {
  return new EntraFault(number, "invalid_client", message, 401);
}
