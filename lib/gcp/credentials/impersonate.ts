import type { AccessToken } from "#lib/gcp/clients.ts";
import type { GcpEndpoints } from "#lib/gcp/credentials/endpoints.ts";
import { newToken } from "#lib/gcp/credentials/token-request.ts";
import { readJson } from "#lib/gcp/google-error.ts";

interface Hop {
  /** The token of whoever acts as the service account. */
  readonly from: string;
  readonly email: string;
  readonly scopes: readonly string[];
  /** Seconds. @default 3600, the most that Google allows without an organization policy */
  readonly lifetime?: number | undefined;
  /** Service accounts in between, as `projects/-/serviceAccounts/EMAIL`. @default none */
  readonly delegates?: readonly string[] | undefined;
}

interface Reach {
  readonly endpoints: GcpEndpoints;
  readonly send: typeof fetch;
  readonly signal: AbortSignal;
}

/**
 * One hop: https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
 *
 * @throws GoogleError, errors of the network
 */
export async function impersonate(hop: Hop, { endpoints, send, signal }: Reach): Promise<AccessToken> {
  const { from, email, scopes, lifetime = 3_600, delegates } = hop;
  const { iamcredentials } = endpoints.services;
  const response = await send(`${iamcredentials}v1/projects/-/serviceAccounts/${email}:generateAccessToken`, {
    method: "POST",
    headers: { authorization: `Bearer ${from}`, "content-type": "application/json" },
    body: JSON.stringify({ scope: scopes, lifetime: `${lifetime}s`, delegates }),
    signal,
  });
  const { accessToken, expireTime } = await readJson(response);
  return newToken(accessToken, Date.parse(String(expireTime)));
}
