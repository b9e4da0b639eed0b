import { AwsFault, type Caller } from "#sandbox/aws/cloud.ts";
import { clusterAdminPolicy } from "#sandbox/aws/eks/access-entries.ts";
import { principalIdOf } from "#sandbox/aws/eks/principals.ts";
import { type AccessEntryRecord, type Place, recordOf } from "#sandbox/aws/eks/state.ts";
import { verifyPresignedIdentity } from "#sandbox/aws/signature.ts";
import type { Authenticate } from "#sandbox/kubernetes/users.ts";

/** As aws-iam-authenticator has them. */
const prefix = "k8s-aws-v1.";
const longestToken = 4 * 1024;
const clusterHeader = "x-k8s-aws-id";
const lifetimeMs = 15 * 60_000;
/** Clocks of client and server may differ a little. */
const skewMs = 60_000;
const largestExpires = 900;
const parameters = [
  "action",
  "version",
  "x-amz-algorithm",
  "x-amz-credential",
  "x-amz-date",
  "x-amz-expires",
  "x-amz-security-token",
  "x-amz-signature",
  "x-amz-signedheaders",
];

/** Whose token this is, asked of the cluster's access entries: what EKS does at each request to an API server. */
export function authenticator(place: Place, name: string): Authenticate {
  return async (token) => {
    const caller = await callerOf(place, name, token);
    if (caller === undefined) return undefined;
    const record = recordOf(place, name).accessEntries[caller.principal];
    if (record === undefined || record.entry.type !== "STANDARD") return undefined;
    if (principalIdOf(place.cloud, caller.principal) !== record.principalId) return undefined;
    const isAdministrator = record.policies.some(({ policyArn }) => policyArn === clusterAdminPolicy);
    return { name: userName(record, caller), may: () => isAdministrator };
  };
}

/** Who signed a token; undefined for what is none, is too old, or is for another cluster. */
async function callerOf({ cloud, region }: Place, cluster: string, token: string): Promise<Caller | undefined> {
  const encoded = token.slice(prefix.length);
  // Whole and without padding: what can't be read is not read in part.
  const isWhole = /^[\w-]+$/.test(encoded) && encoded.length % 4 !== 1;
  if (token.length > longestToken || !token.startsWith(prefix) || !isWhole) return undefined;
  const text = Buffer.from(encoded, "base64url").toString("latin1");
  const url = /^[!-~]+$/.test(text) ? URL.parse(text) : null;
  if (url === null || !isIdentityRequest(url) || !isRecent(url, cloud.now())) return undefined;
  if (!isSts(url, region)) return undefined;
  try {
    return await verifyPresignedIdentity(cloud, url, { host: url.host, [clusterHeader]: cluster });
  } catch (error) {
    if (error instanceof AwsFault) return undefined;
    throw error;
  }
}

/** STS of a region, or the sandbox's endpoint, which is on this computer. */
function isSts({ protocol, hostname }: URL, region: string): boolean {
  const isSandbox = hostname === "127.0.0.1" || hostname === "localhost";
  if (isSandbox) return protocol === "http:" || protocol === "https:";
  const hosts = /^sts(\.[a-z]{2}(-[a-z]+)+-\d)?\.amazonaws\.com$/;
  return protocol === "https:" && (hosts.test(hostname) || hostname === `sts.${region}.amazonaws.com`);
}

function isIdentityRequest({ pathname, searchParams }: URL): boolean {
  const keys = [...searchParams.keys()].map((key) => key.toLowerCase());
  const areKnown = keys.every((key) => parameters.includes(key)) && new Set(keys).size === keys.length;
  const signed = (searchParams.get("X-Amz-SignedHeaders") ?? "").split(";");
  const expires = Number(searchParams.get("X-Amz-Expires") ?? "NaN");
  return (
    pathname === "/" &&
    areKnown &&
    searchParams.get("Action") === "GetCallerIdentity" &&
    signed.includes(clusterHeader) &&
    Number.isInteger(expires) &&
    expires >= 0 &&
    expires <= largestExpires
  );
}

function isRecent({ searchParams }: URL, now: Date): boolean {
  const text = searchParams.get("X-Amz-Date") ?? "";
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return false;
  const [year = "", month = "", day = "", hour = "", minute = "", second = ""] = match.slice(1);
  const age = now.getTime() - Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return age <= lifetimeMs && age >= -skewMs;
}

/** Entries of roles name each session by its own. */
function userName({ entry }: AccessEntryRecord, { arn }: Caller): string {
  const session = arn.split("/").at(-1) ?? "";
  return entry.username.replace("{{SessionName}}", session.replaceAll("@", "-"));
}
