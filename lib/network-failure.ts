/** Why a request got no response from its server. */
export interface NetworkFailure {
  /** One line, in the runtime's words: `getaddrinfo EAI_AGAIN sts.us-east-1.amazonaws.com`. */
  readonly reason: string;
  /** What to check next. */
  readonly hint: string;
  /** It may be resolved within a minute. An untrusted certificate is permanent. */
  readonly transient: boolean;
  /** The request did not reach the server, so a retry is safe. */
  readonly unsent: boolean;
}

const cutOff = { hint: "check this computer's network: the connection was cut", transient: true, unsent: false };

/** A request that never left this computer. The SDK doesn't retry it: the caller decides how long to try. */
export class UnsentRequest extends Error {
  readonly failure: NetworkFailure;

  constructor(failure: NetworkFailure) {
    super(failure.reason);
    this.name = "UnsentRequest";
    this.failure = failure;
  }
}

/** Error codes of Bun and Node.js (https://nodejs.org/api/errors.html), and OpenSSL's codes for certificates. */
const kinds: readonly (readonly [codes: RegExp, failure: Omit<NetworkFailure, "reason">])[] = [
  [
    /^(ENOTFOUND|EAI_\w+|EDNS\w*|ENODATA|ESERVFAIL)$/,
    { hint: "check this computer's network and DNS: the host name was not resolved", transient: true, unsent: true },
  ],
  [
    /^(ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ENETDOWN|EHOSTDOWN|EADDRNOTAVAIL|FailedToOpenSocket|ConnectionRefused)$/,
    {
      hint: "check this computer's network, VPN and firewall: no connection was opened",
      transient: true,
      unsent: true,
    },
  ],
  [
    /^ERR_PROXY_TUNNEL$/,
    { hint: "check HTTPS_PROXY and NO_PROXY: the proxy opened no connection", transient: true, unsent: true },
  ],
  [
    /^(UNABLE_TO_\w+|CERT_\w+|DEPTH_ZERO_\w+|SELF_SIGNED_\w+|ERR_TLS_CERT_\w+|HOSTNAME_MISMATCH|INVALID_CA)$/,
    {
      hint: "if a proxy inspects TLS, set REQUESTS_CA_BUNDLE (AWS also reads AWS_CA_BUNDLE) to a file with its certificate authority",
      transient: false,
      unsent: true,
    },
  ],
  [
    /^(EPROTO|ERR_SSL_\w+|ERR_TLS_\w+)$/,
    { hint: "check for a proxy or portal on the way: the TLS handshake failed", transient: true, unsent: true },
  ],
  [
    /^(ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ESOCKETTIMEDOUT|ConnectionClosed|UND_ERR_\w+|HPE_\w+|ERR_HTTP\w*|InvalidHTTPResponse)$/,
    cutOff,
  ],
];
const cut = /socket hang up|socket connection was closed|fetch failed/i;
const timedOut = { hint: "check this computer's network: no answer came in time", transient: true, unsent: false };

/** Undefined for responses, and for errors that don't concern the network. */
export function findNetworkFailure(thrown: unknown): NetworkFailure | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if (thrown instanceof UnsentRequest) return thrown.failure;
  const code = "code" in thrown ? String(thrown.code) : "";
  const found = kinds.find(([codes]) => codes.test(code))?.[1];
  if (found !== undefined) return { ...found, reason: formatReason(thrown, code) };
  if (/^(TimeoutError|NetworkingError|RequestTimeout\w*)$/.test(thrown.name)) {
    return { ...timedOut, reason: thrown.message };
  }
  if (cut.test(thrown.message)) return { ...cutOff, reason: formatReason(thrown, code) };
  const inner: readonly unknown[] = thrown instanceof AggregateError ? thrown.errors : [thrown.cause];
  return inner.map(findNetworkFailure).find((failure) => failure !== undefined);
}

/** Bun's advice is for developers, not for users of a program. */
function formatReason({ message }: Error, code: string): string {
  const first = message.replace(/ For more information, pass `verbose.*$/s, "").replace(/\. Was there a typo.*$/s, "");
  return first.includes(code) ? first : `${first} (${code})`;
}
