import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface TokenOptions {
  readonly cluster: string;
  readonly keys: Keys;
  /** @default "sts.us-east-1.amazonaws.com" */
  readonly host?: string;
  readonly date?: Date;
  readonly expiresIn?: number;
  readonly action?: string;
  /** Leaves the header of the cluster out of what is signed. */
  readonly unsigned?: boolean;
}

/** A token as `aws eks get-token` makes it. */
export async function makeToken(options: TokenOptions): Promise<string> {
  const { cluster, keys, host = "sts.us-east-1.amazonaws.com", date = new Date(), expiresIn = 60 } = options;
  const signer = new SignatureV4({ service: "sts", region: "us-east-1", credentials: keys, sha256: Sha256 });
  const header = options.unsigned === true ? {} : { "x-k8s-aws-id": cluster };
  const { query = {} } = await signer.presign(
    {
      method: "GET",
      protocol: "https:",
      hostname: host,
      path: "/",
      query: { Action: options.action ?? "GetCallerIdentity", Version: "2011-06-15" },
      headers: { host, ...header },
    },
    { expiresIn, signingDate: date, unhoistableHeaders: new Set(["x-k8s-aws-id"]) },
  );
  const parameters = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return `k8s-aws-v1.${Buffer.from(`https://${host}/?${parameters.join("&")}`).toString("base64url")}`;
}

/** What the signer wants of a hash: plain, or with a secret. */
class Sha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret as Uint8Array);
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(data as Uint8Array);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error("a hash is made for each use");
  }
}
