import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { SignJWT } from "jose";
import type { StoredResource } from "#sandbox/azure/arm/kind.ts";
import { findResource } from "#sandbox/azure/arm/store.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { type AksHidden, hiddenOf } from "#sandbox/azure/kinds/aks/state.ts";
import { publishKeys } from "#sandbox/cloud/issuers.ts";
import { stringAt } from "#sandbox/json.ts";
import type { IssueToken } from "#sandbox/kubernetes/token-request.ts";

const keyId = "sandbox-aks";

/** Gives a cluster with an OIDC issuer a key, and publishes it. */
export function withIssuer(cloud: AzureCloud, properties: unknown, hidden: AksHidden): AksHidden {
  const issuer = issuerOf(properties);
  if (issuer === "") return hidden;
  const issuerKey = hidden.issuerKey ?? newKey();
  const key = createPublicKey(createPrivateKey(issuerKey)).export({ format: "jwk" });
  publishKeys(cloud, withoutScheme(issuer), [{ ...key, kid: keyId, alg: "RS256", use: "sig" }]);
  return { ...hidden, issuerKey };
}

/** Tokens of a cluster that is gone can't be verified. */
export function withdrawIssuer(cloud: AzureCloud, { properties }: StoredResource): void {
  const issuer = issuerOf(properties);
  if (issuer !== "") publishKeys(cloud, withoutScheme(issuer), []);
}

/** Tokens of service accounts, for workload identity. */
export function issueTokens(cloud: AzureCloud, clusterId: string): IssueToken {
  return async ({ namespace, name, uid, audiences: asked, seconds }) => {
    const cluster = findResource(cloud, clusterId);
    if (cluster === undefined) throw new Error(`${clusterId} is gone`);
    const issuer = issuerOf(cluster.properties) || `https://${stringAt(cluster, "properties", "fqdn")}/`;
    const audiences = asked.length === 0 ? [issuer] : asked;
    const begins = Math.floor(cloud.now().getTime() / 1_000);
    const token = await new SignJWT({
      aud: [...audiences],
      iss: issuer,
      sub: `system:serviceaccount:${namespace}:${name}`,
      iat: begins,
      nbf: begins,
      exp: begins + seconds,
      jti: crypto.randomUUID(),
      "kubernetes.io": { namespace, serviceaccount: { name, uid } },
    })
      .setProtectedHeader({ alg: "RS256", kid: keyId })
      .sign(createPrivateKey(hiddenOf(cluster).issuerKey ?? newKey()));
    return { token, audiences, expires: new Date((begins + seconds) * 1_000) };
  };
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Ends in a slash, as the real one; empty for a cluster without an issuer. */
function issuerOf(properties: unknown): string {
  return stringAt(properties, "oidcIssuerProfile", "issuerURL");
}

function withoutScheme(issuer: string): string {
  return issuer.replace("https://", "");
}
