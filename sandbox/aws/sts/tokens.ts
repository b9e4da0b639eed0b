import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import type { IssuerKey } from "#sandbox/aws/sts/issuers.ts";
import { isObject, type JsonObject } from "#sandbox/json.ts";

/** A JSON Web Token, taken apart but not believed. */
export interface Token {
  readonly header: JsonObject;
  readonly claims: JsonObject;
  /** What is signed. */
  readonly text: string;
  readonly signature: Buffer;
}

/** @param privateKey PEM of RSA for RS256, of P-256 for ES256 */
export function formatToken(
  header: { readonly alg: "RS256" | "ES256"; readonly typ?: string; readonly kid?: string },
  claims: object,
  privateKey: string,
): string {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}

/** Undefined for what is no JSON Web Token. */
export function tryParseToken(token: string): Token | undefined {
  const [head = "", body = "", signature = "", ...more] = token.split(".");
  const [header, claims] = [head, body].map(tryParsePart);
  if (more.length > 0 || signature === "" || header === undefined || claims === undefined) return undefined;
  return { header, claims, text: `${head}.${body}`, signature: Buffer.from(signature, "base64url") };
}

function tryParsePart(part: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Whether one of the issuer's keys has signed it, by one of the two algorithms that STS takes. */
export function isSignedBy({ header, text, signature }: Token, keys: readonly IssuerKey[]): boolean {
  const kinds: Readonly<Record<string, string>> = { RS256: "rsa", ES256: "ec" };
  const kind = typeof header.alg === "string" ? kinds[header.alg] : undefined;
  if (kind === undefined) return false;
  return keys
    .filter(({ kid }) => kid === header.kid)
    .map((jwk): KeyObject => createPublicKey({ key: jwk, format: "jwk" }))
    .filter((key) => key.asymmetricKeyType === kind)
    .some((key) => verify("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }, signature));
}
