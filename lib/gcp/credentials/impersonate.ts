import type { AccessToken } from "#lib/gcp/clients.ts";
import type { GcpEndpoints } from "#lib/gcp/credentials/endpoints.ts";
import { parseGoogleError } from "#lib/gcp/google-error.ts";
import { keepSecret } from "#lib/secrets.ts";

interface Hop {
  /** The token of whoever acts as the service account. */
  readonly from: string;
  readonly email: string;
  readonly scopes: readonly string[];
}

/**
 * One hop: https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
 *
 * @throws GoogleError, errors of the network
 */
export async function impersonate(
  { from, email, scopes }: Hop,
  {
    endpoints,
    send,
    signal,
  }: { readonly endpoints: GcpEndpoints; readonly send: typeof fetch; readonly signal: AbortSignal },
): Promise<AccessToken> {
  const { iamcredentials } = endpoints.services;
  const response = await send(`${iamcredentials}v1/projects/-/serviceAccounts/${email}:generateAccessToken`, {
    method: "POST",
    headers: { authorization: `Bearer ${from}`, "content-type": "application/json" },
    body: JSON.stringify({ scope: scopes, lifetime: "3600s" }),
    signal,
  });
  const text = await response.text();
  if (!response.ok) throw parseGoogleError(text, response);
  const { accessToken: token, expireTime } = JSON.parse(text) as Record<string, string>;
  if (token === undefined || expireTime === undefined) throw parseGoogleError(text, response);
  keepSecret(token);
  return { token, expires: new Date(expireTime) };
}
