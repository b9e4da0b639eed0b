import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import type { JWK } from "jose";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";

/** The key that Entra signs access tokens with, one for all tenants. */
export interface SigningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly published: JWK;
}

const keys = new WeakMap<AzureCloud, SigningKey>();

export function signingKeyOf(cloud: AzureCloud): SigningKey {
  const known = keys.get(cloud);
  if (known !== undefined) return known;
  const { pem, id } = cloud.slice("entra-keys", "public", "global", createKey);
  cloud.save();
  const privateKey = createPrivateKey(pem);
  const publicKey = createPublicKey(privateKey);
  const published = { ...publicKey.export({ format: "jwk" }), kid: id, x5t: id, alg: "RS256", use: "sig" };
  const key = { id, privateKey, publicKey, published };
  keys.set(cloud, key);
  return key;
}

function createKey(): { readonly pem: string; readonly id: string } {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  return {
    pem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    id: randomBytes(20).toString("base64url"),
  };
}
