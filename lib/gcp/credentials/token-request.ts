import type { AccessToken } from "#lib/gcp/clients.ts";
import { GoogleError, readJson } from "#lib/gcp/google-error.ts";
import { keepSecret } from "#lib/secrets.ts";

interface Sending {
  readonly send: typeof fetch;
  readonly signal: AbortSignal;
}

/** An OAuth client that names itself: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1 */
export interface OAuthClient {
  readonly id: string;
  readonly secret: string;
}

/** Google leaves the duration out where it is that of another token. A token that is rejected earlier is fetched again. */
const defaultSeconds = 3_600;

/**
 * Asks a token endpoint. Not by Google's library, which takes longer to load than the call: kubectl waits for it.
 * https://www.rfc-editor.org/rfc/rfc6749#section-4.5
 *
 * @throws GoogleError, errors of the network
 */
export async function requestToken(
  url: string,
  form: Readonly<Record<string, string>>,
  { send, signal }: Sending,
  client?: OAuthClient,
): Promise<AccessToken> {
  const response = await send(url, {
    method: "POST",
    headers: client === undefined ? {} : { authorization: basic(client) },
    body: new URLSearchParams(form),
    signal,
  });
  const { access_token: token, expires_in: seconds } = await readJson(response);
  return newToken(token, Date.now() + (typeof seconds === "number" ? seconds : defaultSeconds) * 1_000);
}

function basic({ id, secret }: OAuthClient): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
}

/** @throws GoogleError if there is none. Its message has nothing of the answer, which may be half a token */
export function newToken(token: unknown, expiresMs: number): AccessToken {
  if (typeof token !== "string" || token === "" || Number.isNaN(expiresMs)) {
    throw new GoogleError({ code: "UNKNOWN", message: "the answer has no token" }, { status: 200 });
  }
  keepSecret(token);
  return { token, expires: new Date(expiresMs) };
}
