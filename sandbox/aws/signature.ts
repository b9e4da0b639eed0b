import { createHash, timingSafeEqual } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import { AwsFault, type Caller, type Cloud } from "#sandbox/aws/cloud.ts";
import { findCredential } from "#sandbox/aws/keys.ts";
import { Sha256 } from "#sandbox/aws/sha256.ts";
import type { HttpRequest } from "#sandbox/cloud/http-server.ts";

export interface Verified {
  readonly caller: Caller;
  /** Of the credential scope: `cloudformation`. */
  readonly service: string;
  readonly region: string;
}

/** How far a client's clock may be off. */
const skewMs = 5 * 60_000;
/** How long a URL that was signed in advance counts, whatever it says of itself: so it is with STS, and so with tokens of EKS. */
const presignedMs = 15 * 60_000;

export function isSigned({ url, headers }: Pick<HttpRequest, "url" | "headers">): boolean {
  return headers.authorization !== undefined || url.searchParams.has("X-Amz-Signature");
}

/**
 * Signs a request again with the secret that its key should have, and compares.
 *
 * @throws AwsFault MissingAuthenticationToken, IncompleteSignature, InvalidClientTokenId, ExpiredToken, SignatureDoesNotMatch
 */
export async function verifySignature(cloud: Cloud, request: HttpRequest): Promise<Verified> {
  const claim = readClaim(request);
  const { caller, secret } = findCredential(cloud, claim.accessKeyId, claim.sessionToken);
  const { date, region, service } = claim;
  checkAge(cloud.now().getTime(), claim);
  const signer = new SignatureV4({
    service,
    region,
    credentials: {
      accessKeyId: claim.accessKeyId,
      secretAccessKey: secret,
      ...(claim.sessionToken === undefined ? {} : { sessionToken: claim.sessionToken }),
    },
    sha256: Sha256,
    applyChecksum: false,
  });
  const names = new Set(claim.signedHeaders);
  const unsigned = {
    method: request.method,
    protocol: request.url.protocol,
    hostname: request.url.hostname,
    path: request.url.pathname,
    query: queryOf(request.url, claim.isPresigned),
    headers: Object.fromEntries(Object.entries(request.headers).filter(([name]) => names.has(name))),
    body: request.body,
  };
  checkBodyHash(unsigned.headers["x-amz-content-sha256"], request.body);
  const options = { signingDate: date, signableHeaders: names };
  const expected = claim.isPresigned
    ? (await signer.presign(unsigned, { ...options, expiresIn: claim.expiresSeconds, unhoistableHeaders: names }))
        .query?.["X-Amz-Signature"]
    : /Signature=([0-9a-f]+)$/.exec((await signer.sign(unsigned, options)).headers.authorization ?? "")?.[1];
  if (typeof expected !== "string" || !isSame(expected, claim.signature)) throw mismatch(defaultMismatch);
  return { caller, service, region };
}

/**
 * Who has signed a GetCallerIdentity in advance, as clusters of EKS ask of the token that kubectl brings.
 *
 * @param headers what the signature covers beside the host: `x-k8s-aws-id`
 * @throws AwsFault as verifySignature does; AccessDenied for anything but a GetCallerIdentity of STS
 */
export async function verifyPresignedIdentity(
  cloud: Cloud,
  url: URL,
  headers: Readonly<Record<string, string>>,
): Promise<Caller> {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const request = { method: "GET", url, headers: { host: url.host, ...Object.fromEntries(lower) }, body: "" };
  if (!url.searchParams.has("X-Amz-Signature")) throw missingToken();
  const { caller, service } = await verifySignature(cloud, request);
  if (service !== "sts" || url.searchParams.get("Action") !== "GetCallerIdentity") {
    throw new AwsFault("AccessDenied", "the URL is not a GetCallerIdentity of STS", 403);
  }
  return caller;
}

/** What a request says about its signature. */
interface Claim {
  readonly accessKeyId: string;
  readonly sessionToken: string | undefined;
  readonly date: Date;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly isPresigned: boolean;
  readonly expiresSeconds: number;
}

function readClaim({ url, headers }: HttpRequest): Claim {
  const query = (name: string) => url.searchParams.get(name) ?? undefined;
  const header = headers.authorization;
  if (header === undefined) {
    if (query("X-Amz-Signature") === undefined) throw missingToken();
    if (query("X-Amz-Algorithm") !== "AWS4-HMAC-SHA256") throw incomplete("X-Amz-Algorithm is not AWS4-HMAC-SHA256");
    const expiresSeconds = Number(query("X-Amz-Expires"));
    if (!Number.isInteger(expiresSeconds) || expiresSeconds < 0 || expiresSeconds > 604_800) {
      throw incomplete("X-Amz-Expires must be between 0 and 604800 seconds");
    }
    return {
      ...readScope(query("X-Amz-Credential"), query("X-Amz-Date"), query("X-Amz-SignedHeaders")),
      sessionToken: query("X-Amz-Security-Token"),
      signature: query("X-Amz-Signature") ?? "",
      isPresigned: true,
      expiresSeconds,
    };
  }
  const [algorithm, ...rest] = header.split(" ");
  if (algorithm !== "AWS4-HMAC-SHA256") throw incomplete(`Unsupported authorization type ${algorithm}`);
  const parts = Object.fromEntries(rest.join("").split(",").map(splitPart));
  return {
    ...readScope(parts.Credential, headers["x-amz-date"], parts.SignedHeaders),
    sessionToken: headers["x-amz-security-token"],
    signature: parts.Signature ?? "",
    isPresigned: false,
    expiresSeconds: 0,
  };
}

function splitPart(part: string): readonly [string, string] {
  const at = part.indexOf("=");
  return [part.slice(0, at), part.slice(at + 1)];
}

function readScope(
  credential = "",
  longDate = "",
  signedHeaders = "",
): Pick<Claim, "accessKeyId" | "date" | "region" | "service" | "signedHeaders"> {
  const [accessKeyId = "", day, region = "", service = "", end] = credential.split("/");
  const [, y, m, d, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(longDate) ?? [];
  if (accessKeyId === "" || end !== "aws4_request") {
    throw incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term");
  }
  if (day === undefined || !longDate.startsWith(day)) {
    throw mismatch(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${day}' != '${longDate.slice(0, 8)}'`,
    );
  }
  const date = new Date(`${y}-${m}-${d}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(date.getTime())) throw incomplete(`Date must be in ISO-8601 'basic format'. Got '${longDate}'`);
  const names = signedHeaders.split(";");
  if (!names.includes("host")) throw mismatch("'Host' must be a 'SignedHeader' in the AWS Authorization.");
  return { accessKeyId, date, region, service, signedHeaders: names };
}

function checkAge(nowMs: number, { date, isPresigned }: Claim): void {
  const [signed, now] = [basicTime(date.getTime()), basicTime(nowMs)];
  const maxMs = isPresigned ? presignedMs : skewMs;
  if (date.getTime() < nowMs - maxMs) {
    const limit = basicTime(nowMs - maxMs);
    throw mismatch(`Signature expired: ${signed} is now earlier than ${limit} (${now} - ${maxMs / 60_000} min.)`);
  }
  if (date.getTime() > nowMs + skewMs) {
    const limit = basicTime(nowMs + skewMs);
    throw mismatch(`Signature not yet current: ${signed} is still later than ${limit} (${now} + 5 min.)`);
  }
}

function basicTime(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, "");
}

/** The parameters that are signed; those of the signature itself are put in again by signing. */
function queryOf(url: URL, isPresigned: boolean): Record<string, string | string[]> {
  const own = ["X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders"];
  const names = [...new Set(url.searchParams.keys())].filter((name) => !isPresigned || !own.includes(name));
  return Object.fromEntries(
    names.map((name) => {
      const values = url.searchParams.getAll(name);
      return [name, values.length === 1 ? (values[0] ?? "") : values];
    }),
  );
}

/** The signer believes this header; the body has to be what it says. */
function checkBodyHash(hash: string | undefined, body: string): void {
  if (hash !== undefined && hash !== createHash("sha256").update(body).digest("hex")) throw mismatch(defaultMismatch);
}

function isSame(expected: string, given: string): boolean {
  const [one, other] = [Buffer.from(expected), Buffer.from(given)];
  return one.length === other.length && timingSafeEqual(one, other);
}

const defaultMismatch =
  "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

function mismatch(message: string): AwsFault {
  return new AwsFault("SignatureDoesNotMatch", message, 403);
}

function incomplete(message: string): AwsFault {
  return new AwsFault("IncompleteSignature", message, 400);
}

function missingToken(): AwsFault {
  return new AwsFault("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
}
