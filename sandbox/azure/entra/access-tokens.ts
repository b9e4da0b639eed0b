import { randomUUID } from "node:crypto";
import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { ArmFault } from "#sandbox/azure/arm/kind.ts";
import type { AzureCloud, Caller } from "#sandbox/azure/cloud.ts";
import { groupsWith, type Principal, tryFindPrincipal } from "#sandbox/azure/entra/directory.ts";
import { signingKeyOf } from "#sandbox/azure/entra/signing-key.ts";

/** Audiences that Resource Manager accepts, with or without a slash at the end. */
export const armAudiences = ["https://management.azure.com", "https://management.core.windows.net"] as const;

const lifetimeSeconds = 3_600;

export interface AccessToken {
  readonly token: string;
  /** Seconds since 1970. */
  readonly begins: number;
  readonly expires: number;
}

/** @param audience as the scope names it */
export async function mintAccessToken(
  cloud: AzureCloud,
  {
    tenant,
    audience,
    principal,
  }: { readonly tenant: string; readonly audience: string; readonly principal: Principal },
): Promise<AccessToken> {
  const { id, privateKey } = signingKeyOf(cloud);
  const begins = Math.floor(cloud.now().getTime() / 1_000);
  const expires = begins + lifetimeSeconds;
  const token = await new SignJWT({
    aud: audience,
    iss: issuerOf(tenant),
    iat: begins,
    nbf: begins,
    exp: expires,
    appid: principal.clientId,
    appidacr: principal.secret === undefined ? "2" : "1",
    idp: issuerOf(tenant),
    idtyp: "app",
    oid: principal.objectId,
    sub: principal.objectId,
    tid: tenant,
    uti: randomUUID(),
    ver: "1.0",
  })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: id, x5t: id })
    .sign(privateKey);
  return { token, begins, expires };
}

/** Issuer in access tokens. */
export function issuerOf(tenant: string): string {
  return `https://sts.windows.net/${tenant}/`;
}

/**
 * The caller of an access token, unless its principal has been deleted since.
 *
 * @param audiences one of which the token has to have
 * @throws ArmFault 401
 */
export async function callerOf(cloud: AzureCloud, token: string, audiences: readonly string[]): Promise<Caller> {
  const { aud, tid, oid, appid } = await verify(cloud, token);
  const audience = String(aud);
  if (!audiences.includes(audience.replace(/\/$/, ""))) throw wrongAudience(audience, audiences);
  const [tenant, objectId, appId] = [String(tid), String(oid), String(appid)];
  if (tryFindPrincipal(cloud, tenant, objectId) === undefined) {
    throw unauthorized("InvalidAuthenticationToken", "The access token is invalid.");
  }
  return { tenant, objectId, appId, groups: groupsWith(cloud, tenant, objectId) };
}

async function verify(cloud: AzureCloud, token: string): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, signingKeyOf(cloud).publicKey, {
      algorithms: ["RS256"],
      currentDate: cloud.now(),
      requiredClaims: ["aud", "exp", "oid", "tid", "appid"],
    });
    return payload;
  } catch (error) {
    if (!(error instanceof errors.JWTExpired)) {
      throw unauthorized("InvalidAuthenticationToken", "The access token is invalid.");
    }
    const expired = new Date((error.payload.exp ?? 0) * 1_000).toUTCString();
    throw unauthorized(
      "ExpiredAuthenticationToken",
      `The access token expiry UTC time '${expired}' is earlier than current UTC time '${cloud.now().toUTCString()}'.`,
    );
  }
}

function wrongAudience(audience: string, audiences: readonly string[]): ArmFault {
  const allowed = audiences.map((one) => `'${one}'`).join(",");
  return unauthorized(
    "InvalidAuthenticationTokenAudience",
    `The access token has been obtained for wrong audience or resource '${audience}'. It should exactly match with one of the allowed audiences ${allowed}.`,
  );
}

/** A refusal of the token, with the header that asks for another one. */
function unauthorized(code: string, message: string): ArmFault {
  const challenge = `Bearer authorization_uri="https://login.windows.net/", error="invalid_token", error_description="${message}"`;
  return new ArmFault(401, code, message, { headers: { "www-authenticate": challenge } });
}
