import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { HttpRequest } from "@smithy/core/protocols";
import { SignatureV4 } from "@smithy/signature-v4";
import fc from "fast-check";
import { type EksTokenRequest, eksToken, presignCallerIdentity } from "#lib/aws/eks/token.ts";
import { projectRoot } from "#lib/paths.ts";

// Only against hanging: programs are started, which a loaded machine lets wait.
setDefaultTimeout(120_000);

const credentials = {
  accessKeyId: "ASIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  sessionToken: "IQoJb3JpZ2luX2VjEBQa/+==(it's)*!~",
};
const request: EksTokenRequest = {
  credentials,
  region: "eu-central-1",
  cluster: "k01-k8s-aws-mylabs-dev",
  at: new Date("2026-03-04T05:06:07.890Z"),
};

function decode(token: string): URL {
  return new URL(Buffer.from(token.replace("k8s-aws-v1.", ""), "base64url").toString());
}

/** What is in a presigned URL, whatever the order. */
function partsOf(url: URL): Readonly<Record<string, string>> {
  return { origin: url.origin, path: url.pathname, ...Object.fromEntries(url.searchParams) };
}

/** The moment at which another program signed. */
function dateOf(url: URL): Date {
  const [, ...numbers] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(url.searchParams.get("X-Amz-Date") ?? "") ?? [];
  const [year = 0, month = 0, ...rest] = numbers.map(Number);
  return new Date(Date.UTC(year, month - 1, ...(rest as [number, number, number, number])));
}

class Sha256 {
  readonly #hasher: Bun.CryptoHasher;
  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hasher =
      key === undefined ? new Bun.CryptoHasher("sha256") : new Bun.CryptoHasher("sha256", key as Uint8Array);
  }
  update(data: string | Uint8Array): void {
    this.#hasher.update(data);
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.#hasher.digest()));
  }
  reset(): void {
    throw new Error("the signer does not reset");
  }
}

async function presignBySdk({ credentials: keys, region, cluster, at }: EksTokenRequest): Promise<URL> {
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const signer = new SignatureV4({
    service: "sts",
    region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    sha256: Sha256,
  });
  const host = `sts.${region}.amazonaws.com`;
  const unsigned = new HttpRequest({
    protocol: "https:",
    method: "GET",
    hostname: host,
    path: "/",
    query: { Action: "GetCallerIdentity", Version: "2011-06-15" },
    headers: { host, "x-k8s-aws-id": cluster },
  });
  const { query = {} } = await signer.presign(unsigned, { expiresIn: 60, signingDate: at });
  return new URL(`https://${host}/?${new URLSearchParams(query as Record<string, string>)}`);
}

describe("a token of EKS", () => {
  test("is what the SDK's signer makes of the same", async () => {
    expect(partsOf(decode(eksToken(request)))).toEqual(partsOf(await presignBySdk(request)));
  });

  test("is that for keys, names and times of all kinds", async () => {
    const text = fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          credentials: fc.record({
            accessKeyId: fc.stringMatching(/^[A-Z0-9]{16,20}$/),
            secretAccessKey: text,
            sessionToken: fc.option(text, { nil: undefined }),
          }),
          region: fc.constantFrom("us-east-1", "eu-central-1", "ap-southeast-5"),
          cluster: fc.stringMatching(/^[0-9A-Za-z][\w-]{0,99}$/),
          at: fc.date({ min: new Date("2000-01-01"), max: new Date("2099-12-31"), noInvalidDate: true }),
        }),
        async (one) => {
          expect(partsOf(new URL(presignCallerIdentity(one)))).toEqual(partsOf(await presignBySdk(one)));
        },
      ),
      { numRuns: 60 },
    );
  });

  test("is text that goes into a header, and small enough for every server", () => {
    const token = eksToken({ ...request, credentials: { ...credentials, sessionToken: "x".repeat(1_500) } });
    expect(token).toMatch(/^k8s-aws-v1\.[\w-]+$/);
    expect(token.length).toBeLessThan(4_096);
  });

  test("asks STS of the cluster's region, which has another name in China", () => {
    expect(decode(eksToken(request)).origin).toBe("https://sts.eu-central-1.amazonaws.com");
    expect(decode(eksToken({ ...request, region: "cn-north-1" })).origin).toBe(
      "https://sts.cn-north-1.amazonaws.com.cn",
    );
  });

  test("is of no use for another cluster, time, region or role", () => {
    const others: readonly EksTokenRequest[] = [
      { ...request, cluster: "k02-k8s-aws-mylabs-dev" },
      { ...request, region: "us-east-1" },
      { ...request, at: new Date("2026-03-04T05:06:08Z") },
      { ...request, credentials: { ...credentials, secretAccessKey: "another" } },
      { ...request, credentials: { ...credentials, sessionToken: undefined } },
    ];
    const signatures = [request, ...others].map((one) => decode(eksToken(one)).searchParams.get("X-Amz-Signature"));
    expect(new Set(signatures).size).toBe(6);
  });
});

const programs = [
  {
    name: "aws",
    path: findProgram("AWS_CLI", "aws", join(projectRoot, ".tools/python/bin/aws")),
    args: ["eks", "get-token", "--cluster-name", request.cluster, "--region", request.region, "--output", "json"],
  },
  {
    name: "aws-iam-authenticator",
    path: findProgram("AWS_IAM_AUTHENTICATOR", "aws-iam-authenticator"),
    args: ["token", "--cluster-id", request.cluster, "--region", request.region],
  },
] as const;

function findProgram(variable: string, name: string, fallback = ""): string | undefined {
  // One that a test's PATH may have only as a stub is asked for its version first.
  return [Bun.env[variable], fallback, Bun.which(name)].find(
    (path): path is string => typeof path === "string" && path !== "" && runs(path),
  );
}

function runs(path: string): boolean {
  if (Bun.which(path) === null) return false;
  const verb = path.endsWith("aws-iam-authenticator") ? "version" : "--version";
  return Bun.spawnSync([path, verb], { stdout: "ignore", stderr: "ignore" }).exitCode === 0;
}

describe("a token of EKS, beside those of other programs", () => {
  for (const { name, path, args } of programs) {
    test.skipIf(path === undefined)(`is the one of ${name} at the same second`, async () => {
      const child = Bun.spawn([path ?? "", ...args], {
        env: {
          PATH: Bun.env.PATH ?? "",
          HOME: "/nonexistent",
          AWS_EC2_METADATA_DISABLED: "true",
          AWS_ACCESS_KEY_ID: credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
          AWS_SESSION_TOKEN: credentials.sessionToken,
          AWS_REGION: request.region,
          AWS_STS_REGIONAL_ENDPOINTS: "regional",
        },
        stdout: "pipe",
        stderr: "pipe",
      });
      const [stdout, stderr] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      expect([await child.exited, stderr]).toEqual([0, ""]);
      const theirs = decode((JSON.parse(stdout) as { readonly status: { readonly token: string } }).status.token);
      // The authenticator's says 0 seconds of itself, which changes its signature; servers don't look.
      const expiresSeconds = Number(theirs.searchParams.get("X-Amz-Expires"));
      const ours = decode(eksToken({ ...request, at: dateOf(theirs), expiresSeconds }));
      expect(partsOf(theirs)).toEqual(partsOf(ours));
      expect(ours.searchParams.get("X-Amz-Signature")).toMatch(/^[0-9a-f]{64}$/);
    });
  }
});
