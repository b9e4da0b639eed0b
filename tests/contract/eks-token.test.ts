import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { IAM } from "@aws-sdk/client-iam";
import { type EksTokenRequest, eksToken, type SigningCredentials } from "#lib/aws/eks/token.ts";
import { type AwsSystem, awsSystems, type OpenedAws } from "#tests/support/aws-systems.ts";

const account = "123456789012";
const region = "eu-central-1";
const cluster = "k01-k8s-aws-mylabs-test";
const minuteMs = 60_000;

/** moto takes a signed GET for one of S3's. */
for (const system of awsSystems.filter(({ judges }) => judges.has("tokens"))) {
  if (system.whyNot !== undefined) {
    process.stdout.write(`EKS tokens are not shown to the STS of ${system.name}: ${system.whyNot}\n`);
    continue;
  }
  describe(`STS of ${system.name}`, () => tokens(system));
}

function tokens({ open, judges }: AwsSystem): void {
  let aws: OpenedAws;
  let credentials: SigningCredentials;
  beforeAll(async () => {
    aws = await open(account);
    const iam = new IAM({ region: "us-east-1", endpoint: aws.endpoint, credentials: aws.keysOf(account) });
    await iam.createUser({ UserName: "somebody" });
    const { AccessKey } = await iam.createAccessKey({ UserName: "somebody" });
    credentials = { accessKeyId: AccessKey?.AccessKeyId ?? "", secretAccessKey: AccessKey?.SecretAccessKey ?? "" };
    iam.destroy();
  });
  afterAll(async () => await aws.stop());

  const tokenOf = (change: Partial<EksTokenRequest> = {}): URL => {
    const token = eksToken({ credentials, region, cluster, at: new Date(), ...change });
    return new URL(Buffer.from(token.replace("k8s-aws-v1.", ""), "base64url").toString());
  };

  /** As an API server does it: decodes the token, and sends what is in it with the name of its own cluster. */
  async function show(change: Partial<EksTokenRequest> = {}, named = cluster) {
    const url = tokenOf(change);
    const response = await fetch(`${aws.endpoint}/${url.search}`, {
      headers: { host: url.host, "x-k8s-aws-id": named },
    });
    return { status: response.status, text: await response.text() };
  }

  test("knows from a token who one is", async () => {
    const { status, text } = await show();
    expect([status, text]).toEqual([200, expect.stringContaining(`<Arn>arn:aws:iam::${account}:user/somebody</Arn>`)]);
  });

  test("refuses it in the name of another cluster", async () => {
    expect((await show({}, "k02-k8s-aws-mylabs-test")).status).toBe(403);
  });

  test("refuses it for another host than it is signed for", async () => {
    expect((await show({ host: new URL(aws.endpoint).host })).status).toBe(200);
    const response = await fetch(`${aws.endpoint}/${tokenOf().search}`, { headers: { "x-k8s-aws-id": cluster } });
    expect(response.status).toBe(403);
  });

  test("refuses one that a wrong key has signed", async () => {
    expect((await show({ credentials: { ...credentials, secretAccessKey: "wrong" } })).status).toBe(403);
  });

  // AWS lets it live for a quarter of an hour, whatever it says itself.
  test.skipIf(!judges.has("expiry of tokens"))("takes one of 14 minutes ago, and none of 16", async () => {
    const ago = (minutes: number) => show({ at: new Date(Date.now() - minutes * minuteMs) });
    expect((await ago(14)).status).toBe(200);
    expect((await ago(16)).status).toBe(403);
  });
}
