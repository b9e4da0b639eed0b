import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type EksTokenRequest, eksToken, type SigningCredentials } from "#lib/kubernetes/eks-token.ts";
import { type Ministack, ministack, openMinistack } from "#tests/support/ministack.ts";

if (ministack === undefined) process.stdout.write("EKS tokens are not shown to an STS: ministack is not installed\n");

const account = "123456789012";
const region = "eu-central-1";
const cluster = "k01-k8s-aws-mylabs-test";

describe.skipIf(ministack === undefined)("STS", () => {
  let aws: Ministack;
  let credentials: SigningCredentials;
  beforeAll(async () => {
    aws = await openMinistack();
    await iam("CreateUser");
    const made = await iam("CreateAccessKey");
    const field = (name: string): string => new RegExp(`<${name}>(.*?)</${name}>`).exec(made)?.[1] ?? "";
    credentials = { accessKeyId: field("AccessKeyId"), secretAccessKey: field("SecretAccessKey") };
  });
  afterAll(async () => await aws.stop());

  /** As the account's root user, which an emulator knows by the account's number: its signatures are not verified. */
  async function iam(action: string): Promise<string> {
    const credential = `${account}/20260101/us-east-1/iam/aws4_request`;
    const response = await fetch(aws.endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0`,
      },
      body: new URLSearchParams({ Version: "2010-05-08", Action: action, UserName: "somebody" }),
    });
    if (!response.ok) throw new Error(await response.text());
    return await response.text();
  }

  /** As an API server does it: decodes the token, and sends what is in it with the name of its own cluster. */
  async function show(change: Partial<EksTokenRequest> = {}, named = cluster) {
    const token = eksToken({ credentials, region, cluster, at: new Date(), ...change });
    const url = new URL(Buffer.from(token.replace("k8s-aws-v1.", ""), "base64url").toString());
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
    const url = new URL(aws.endpoint);
    expect((await show({ host: url.host })).status).toBe(200);
    const token = eksToken({ credentials, region, cluster, at: new Date() });
    const { search } = new URL(Buffer.from(token.replace("k8s-aws-v1.", ""), "base64url").toString());
    const response = await fetch(`${aws.endpoint}/${search}`, { headers: { "x-k8s-aws-id": cluster } });
    expect(response.status).toBe(403);
  });

  test("refuses one that a wrong key has signed", async () => {
    expect((await show({ credentials: { ...credentials, secretAccessKey: "wrong" } })).status).toBe(403);
  });
});
