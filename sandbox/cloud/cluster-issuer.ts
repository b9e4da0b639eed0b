import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { type JWK, SignJWT } from "jose";
import type { IssueToken, TokenClaims } from "#sandbox/kubernetes/token-request.ts";

/** Signs tokens of a cluster's service accounts. */
export interface ClusterIssuer {
  /** The `iss` of its tokens. */
  readonly url: string;
  /** PEM. */
  readonly key: string;
  readonly keyId: string;
  readonly now: Date;
}

/** PEM. */
export function newIssuerKey(): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** What others verify its tokens by. @param key PEM */
export function publicKeyOf(key: string, keyId: string): JWK {
  const found = createPublicKey(createPrivateKey(key)).export({ format: "jwk" });
  return { ...found, kid: keyId, alg: "RS256", use: "sig" };
}

export async function signToken(
  { url, key, keyId, now }: ClusterIssuer,
  { namespace, name, uid, audiences: asked, seconds }: TokenClaims,
): ReturnType<IssueToken> {
  const audiences = asked.length === 0 ? [url] : asked;
  const begins = Math.floor(now.getTime() / 1_000);
  const token = await new SignJWT({
    aud: [...audiences],
    iss: url,
    sub: `system:serviceaccount:${namespace}:${name}`,
    iat: begins,
    nbf: begins,
    exp: begins + seconds,
    jti: crypto.randomUUID(),
    "kubernetes.io": { namespace, serviceaccount: { name, uid } },
  })
    .setProtectedHeader({ alg: "RS256", kid: keyId })
    .sign(createPrivateKey(key));
  return { token, audiences, expires: new Date((begins + seconds) * 1_000) };
}
