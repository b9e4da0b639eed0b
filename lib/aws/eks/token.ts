/**
 * EKS tokens: a presigned STS request that identifies the caller. The API server sends it.
 *
 * Implemented here because the SDK's signer takes longer to load than the rest of `tasks/kube-token.ts`; tests compare it
 * to the SDK's, botocore's and aws-iam-authenticator's.
 */

export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface EksTokenRequest {
  readonly credentials: SigningCredentials;
  /** Region of the cluster, whose STS endpoint is used. */
  readonly region: string;
  /** As EKS knows it, which is not its FQDN. */
  readonly cluster: string;
  readonly at: Date;
  /** @default STS of the region */
  readonly host?: string;
  /** Declared validity in seconds, which is not enforced, but older servers reject more than 60. @default 60 */
  readonly expiresSeconds?: number;
}

/**
 * Servers accept a token for 15 minutes after its date, regardless of its declared validity.
 *
 * Source: https://github.com/kubernetes-sigs/aws-iam-authenticator, pkg/token/token.go
 */
export const eksTokenLifeMs = 15 * 60_000;
const algorithm = "AWS4-HMAC-SHA256";
const signedHeaders = "host;x-k8s-aws-id";

export function eksToken(request: EksTokenRequest): string {
  return `k8s-aws-v1.${Buffer.from(presignCallerIdentity(request)).toString("base64url")}`;
}

/** Signature version 4 in the query: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
export function presignCallerIdentity(request: EksTokenRequest): string {
  const { credentials, region, cluster, at, host = stsHost(region), expiresSeconds = 60 } = request;
  const time = at.toISOString().replace(/[-:]|\.\d+/g, "");
  const day = time.slice(0, 8);
  const scope = `${day}/${region}/sts/aws4_request`;
  const { sessionToken: session = "" } = credentials;
  // In the order of their names, as they are signed.
  const query = [
    ["Action", "GetCallerIdentity"],
    ["Version", "2011-06-15"],
    ["X-Amz-Algorithm", algorithm],
    ["X-Amz-Credential", `${credentials.accessKeyId}/${scope}`],
    ["X-Amz-Date", time],
    ["X-Amz-Expires", String(expiresSeconds)],
    ...(session === "" ? [] : [["X-Amz-Security-Token", session]]),
    ["X-Amz-SignedHeaders", signedHeaders],
  ]
    .map(([name = "", value = ""]) => `${name}=${encode(value)}`)
    .join("&");
  const headers = `host:${host}\nx-k8s-aws-id:${cluster}\n`;
  const canonical = ["GET", "/", query, headers, signedHeaders, sha256("")].join("\n");
  const key = [region, "sts", "aws4_request"].reduce(sign, sign(`AWS4${credentials.secretAccessKey}`, day));
  const signature = sign(key, [algorithm, time, scope, sha256(canonical)].join("\n")).toString("hex");
  return `https://${host}/?${query}&X-Amz-Signature=${signature}`;
}

/** Servers know the hosts of their partition's regions, and no other. */
function stsHost(region: string): string {
  return `sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
}

/** AWS signs the characters, too, that encodeURIComponent leaves as they are. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

// Bun's own hashes: they need no module.
function sign(key: string | Buffer, text: string): Buffer {
  return new Bun.CryptoHasher("sha256", key).update(text).digest();
}

function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
