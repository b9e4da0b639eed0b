import { SignatureV4 } from "@smithy/signature-v4";
import { Sha256 } from "#sandbox/aws/sha256.ts";
import type { AwsKeys } from "#tests/support/aws-systems.ts";

/** Who calls what, where. */
export interface Signer {
  readonly endpoint: string;
  readonly keys: AwsKeys;
  readonly service: string;
  readonly region: string;
}

/** One call of a service that no client is installed of: its status, and its body as it came. */
export async function callSigned(
  { endpoint, keys, service, region }: Signer,
  method: string,
  path: string,
  body = "",
  contentType = "application/json",
) {
  const { hostname, port, host } = new URL(endpoint);
  const signer = new SignatureV4({ service, region, credentials: keys, sha256: Sha256 });
  const content = body === "" ? {} : { body };
  const { headers } = await signer.sign({
    protocol: "http:",
    hostname,
    port: Number(port),
    method,
    path,
    headers: { host, ...(body === "" ? {} : { "content-type": contentType }) },
    ...content,
  });
  const response = await fetch(`${endpoint}${path}`, { method, headers, ...content });
  return { status: response.status, headers: response.headers, text: await response.text() };
}
