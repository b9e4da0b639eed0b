import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { IAM } from "@aws-sdk/client-iam";
import { STS } from "@aws-sdk/client-sts";
import { type Keys, management, openTestCloud, type TestCloud } from "#tests/sandbox/aws/cloud.ts";
import { trustCases, tryCase } from "#tests/sandbox/aws/sts/trust-cases.ts";
import { type Ministack, ministack, openMinistack } from "#tests/support/ministack.ts";

const cases = trustCases.map((one, number) => ({ ...one, number }));

describe("a role is assumed as its trust policy and the caller's own say", () => {
  let aws: TestCloud;
  beforeAll(async () => {
    aws = await openTestCloud();
  });
  afterAll(async () => await aws.close());

  test.each(cases)("$title: $isLetIn", async (one) => {
    expect(await tryCase(aws, one, one.number)).toBe(one.isLetIn);
  });
});

describe.skipIf(ministack === undefined)("ministack agrees", () => {
  let judge: Ministack;
  beforeAll(async () => {
    judge = await openMinistack();
  }, 40_000);
  afterAll(async () => await judge.stop());

  // The key id of an account's root there is its number.
  const options = (keys: Keys | string) => ({
    region: "us-east-1",
    endpoint: judge.endpoint,
    credentials: typeof keys === "string" ? { accessKeyId: keys, secretAccessKey: "test" } : keys,
    maxAttempts: 1,
  });

  test.each(cases)("$title: $isLetIn", async (one) => {
    const clients = {
      iam: (keys: Keys | string) => new IAM(options(keys)),
      sts: (keys: Keys | string) => new STS(options(keys)),
    };
    const isLetIn = await tryCase(clients, one, one.number);
    // Where it is known to differ it has to go on differing: else the note is to be taken away.
    expect(isLetIn).toBe(one.ministackDiffers === undefined ? one.isLetIn : !one.isLetIn);
  });

  test("about accounts", async () => {
    const sts = new STS(options(management));
    expect((await sts.getCallerIdentity({})).Account).toBe(management);
  });
});
