import { createHash, randomBytes } from "node:crypto";
import type { GcpFault } from "#sandbox/gcp/api/behaviour.ts";
import { unauthenticated } from "#sandbox/gcp/api/faults.ts";
import type { Caller, GcpCloud } from "#sandbox/gcp/cloud.ts";
import { isActive, tryFindFederation, tryFindServiceAccount } from "#sandbox/gcp/iam/state.ts";
import { groupsWith } from "#sandbox/gcp/oauth/directory.ts";

/** Who a token stands for. */
export type Subject =
  | { readonly kind: "user"; readonly email: string }
  | { readonly kind: "serviceAccount"; readonly email: string; readonly uniqueId: string }
  /** @param members that bindings may name it by, the first one its own */
  | {
      readonly kind: "federated";
      readonly pool: string;
      /** Empty for a pool of GKE. */
      readonly provider: string;
      readonly members: readonly string[];
    };

export interface TokenRecord {
  readonly subject: Subject;
  readonly scopes: readonly string[];
  /** As ISO 8601. */
  readonly expires: string;
}

/** Only hashes of tokens are kept. */
interface TokensState {
  readonly tokens: Record<string, TokenRecord>;
}

export const maxLifetimeSeconds = 3_600;

function tokensOf(cloud: GcpCloud): TokensState["tokens"] {
  return cloud.slice<TokensState>("oauth-tokens", "public", "global", () => ({ tokens: {} })).tokens;
}

/** An opaque access token. */
export function mintAccessToken(
  cloud: GcpCloud,
  subject: Subject,
  scopes: readonly string[],
  lifetimeSeconds = maxLifetimeSeconds,
): { readonly token: string; readonly expires: string } {
  const tokens = tokensOf(cloud);
  const now = cloud.now();
  for (const [hash, { expires }] of Object.entries(tokens)) if (expires <= now.toISOString()) delete tokens[hash];
  const token = `ya29.${randomBytes(48).toString("base64url")}`;
  const expires = new Date(now.getTime() + lifetimeSeconds * 1_000).toISOString();
  tokens[hashOf(token)] = { subject, scopes, expires };
  cloud.save();
  return { token, expires };
}

/** Undefined for a token that is unknown or expired, or whose principal is gone. */
export function tryFindToken(cloud: GcpCloud, token: string): TokenRecord | undefined {
  const found = tokensOf(cloud)[hashOf(token)];
  return found !== undefined && found.expires > cloud.now().toISOString() && exists(cloud, found.subject)
    ? found
    : undefined;
}

/**
 * The caller of an access token, with its groups of this moment.
 *
 * @throws GcpFault 401
 */
export function callerOf(cloud: GcpCloud, token: string): Caller {
  const found = tryFindToken(cloud, token);
  if (found === undefined) throw invalidToken();
  const { subject, scopes } = found;
  if (subject.kind === "federated") return { name: subject.members[0] ?? "", members: subject.members, scopes };
  const member = `${subject.kind}:${subject.email}`;
  return { name: subject.email, members: [member, ...groupsWith(cloud, member)], scopes };
}

function exists(cloud: GcpCloud, subject: Subject): boolean {
  if (subject.kind === "user") return true;
  if (subject.kind === "serviceAccount") {
    return tryFindServiceAccount(cloud, subject.email)?.uniqueId === subject.uniqueId;
  }
  return [subject.pool, subject.provider].every((name) => name === "" || isActive(tryFindFederation(cloud, name)));
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}

function invalidToken(): GcpFault {
  return unauthenticated("Request had invalid authentication credentials", {
    reason: "authError",
    headers: { "www-authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"' },
  });
}
