import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { AssumeRoleCommandInput } from "@aws-sdk/client-sts";
import { createPolicy } from "#sandbox/aws/iam/managed-policies.ts";
import { createRole, deleteRole, putRoleBoundary, putRolePolicy } from "#sandbox/aws/iam/roles.ts";
import {
  type Keys,
  keysOf,
  management,
  openTestCloud,
  policyOf,
  refusalOf,
  type TestCloud,
  tenant,
} from "#tests/sandbox/aws/cloud.ts";

const hub = `arn:aws:iam::${management}:role/hub`;
const spoke = `arn:aws:iam::${tenant}:role/team/spoke`;
const actions = ["sts:AssumeRole", "sts:SetSourceIdentity"];
const may = { Effect: "Allow", Action: "sts:*", Resource: "*" };

let aws: TestCloud;
beforeAll(async () => {
  aws = await openTestCloud();
  const people = { Effect: "Allow", Principal: { AWS: management }, Action: actions };
  createRole(aws.cloud, management, { name: "hub", trust: policyOf(people), maxSessionSeconds: 36_000 });
  putRolePolicy(aws.cloud, management, "hub", "in", policyOf(may));
  const trusted = { Effect: "Allow", Principal: { AWS: hub }, Action: actions };
  createRole(aws.cloud, tenant, { name: "spoke", path: "/team/", trust: policyOf(trusted), maxSessionSeconds: 36_000 });
});
afterAll(async () => await aws.close());

async function assume(keys: Keys | string, input: Partial<AssumeRoleCommandInput> = {}): Promise<Keys> {
  const request = { RoleArn: hub, RoleSessionName: "ada", ...input };
  return keysOf((await aws.sts(keys).assumeRole(request)).Credentials);
}

describe("the administrator of an account", () => {
  test.each([management, tenant, "000000000042"])("of %s is there without having been made", async (account) => {
    const who = await aws.sts(account).getCallerIdentity({});
    expect([who.Account, who.Arn]).toEqual([account, `arn:aws:iam::${account}:user/aws-cli`]);
    expect(who.UserId).toMatch(/^AIDA[A-Z2-7]{17}$/);
  });
});

describe("a session", () => {
  test("is told with the role's name without its path, and with the session's", async () => {
    const { AssumedRoleUser: user } = await aws
      .sts(await assume(management))
      .assumeRole({ RoleArn: spoke, RoleSessionName: "ada" });
    expect(user?.Arn).toBe(`arn:aws:sts::${tenant}:assumed-role/spoke/ada`);
    expect(user?.AssumedRoleId).toMatch(/^AROA[A-Z2-7]{17}:ada$/);
  });

  test("ends when it said it would", async () => {
    const answer = await aws.sts(management).assumeRole({ RoleArn: hub, RoleSessionName: "ada", DurationSeconds: 900 });
    const lifeMs = (answer.Credentials?.Expiration?.getTime() ?? 0) - aws.cloud.now().getTime();
    expect(lifeMs).toBeWithin(898_000, 900_001);
  });

  test.each([
    ["DurationSeconds", 899, /durationSeconds.*greater than or equal to 900/],
    ["DurationSeconds", 43_201, /durationSeconds.*less than or equal to 43200/],
    ["DurationSeconds", 36_001, /exceeds the MaxSessionDuration set for this role/],
    ["RoleSessionName", "a b", /roleSessionName.*regular expression pattern: \[\\w\+=,\.@-\]\*/],
    ["RoleSessionName", "x".repeat(65), /roleSessionName.*less than or equal to 64/],
    ["RoleSessionName", "x", /roleSessionName.*greater than or equal to 2/],
    ["SourceIdentity", "a b", /sourceIdentity/],
    ["ExternalId", "a b", /externalId/],
    ["RoleArn", "arn:aws:iam::1234:role/short-account", /^Request ARN is invalid$/],
    ["RoleArn", `arn:aws:iam::${tenant}:user/no-role`, /^Request ARN is invalid$/],
    ["RoleArn", "a role with some name", /^Request ARN is invalid$/],
    // What would narrow a session must not be passed over in silence.
    ["Policy", policyOf(may), /does not know what to do with the parameter Policy/],
  ] as const)("is refused with %s %p", async (name, value, message) => {
    const refusal = await refusalOf(assume(management, { [name]: value }));
    expect([refusal.name, refusal.message]).toEqual(["ValidationError", expect.stringMatching(message)]);
  });

  test("of a role that isn't there is refused as one that isn't allowed", async () => {
    const RoleArn = `arn:aws:iam::${tenant}:role/nobody`;
    expect(await refusalOf(assume(management, { RoleArn }))).toEqual({
      name: "AccessDenied",
      message: `User: arn:aws:iam::${management}:user/aws-cli is not authorized to perform: sts:AssumeRole on resource: ${RoleArn}`,
    });
  });
});

describe("a chain of roles", () => {
  test("gives an hour at most, whatever the role allows", async () => {
    const first = await assume(management, { DurationSeconds: 36_000 });
    expect(await refusalOf(assume(first, { RoleArn: spoke, DurationSeconds: 3_601 }))).toEqual({
      name: "ValidationError",
      message: "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    });
    await assume(first, { RoleArn: spoke, DurationSeconds: 3_600 });
  });

  test("keeps its source identity, which can't be changed on the way", async () => {
    const first = await assume(management, { SourceIdentity: "ada" });
    const second = await aws.sts(first).assumeRole({ RoleArn: spoke, RoleSessionName: "ada" });
    expect(second.SourceIdentity).toBe("ada");
    const refusal = await refusalOf(assume(first, { RoleArn: spoke, SourceIdentity: "bob" }));
    expect(refusal.message).toContain("is not authorized to perform: sts:SetSourceIdentity");
  });

  test("is stopped by a role that lets no source identity in, also when none is asked for anew", async () => {
    const trust = policyOf({ Effect: "Allow", Principal: { AWS: hub }, Action: "sts:AssumeRole" });
    const { arn } = createRole(aws.cloud, tenant, { name: "plain", trust });
    await assume(await assume(management), { RoleArn: arn });
    const refusal = await refusalOf(assume(await assume(management, { SourceIdentity: "ada" }), { RoleArn: arn }));
    expect(refusal.message).toContain("sts:SetSourceIdentity");
  });

  test("is refused what the sandbox would ignore", async () => {
    for (const more of [{ Tags: [{ Key: "team", Value: "blue" }] }, { Policy: policyOf(may) }]) {
      const refusal = await refusalOf(assume(management, more));
      expect(refusal.message).toContain("the sandbox does not know what to do with the parameter");
    }
  });

  test("ends with the role: another one of the same name is another", async () => {
    const trust = policyOf({ Effect: "Allow", Principal: { AWS: management }, Action: "sts:AssumeRole" });
    const make = () => createRole(aws.cloud, management, { name: "short-lived", trust });
    const { arn } = make();
    const keys = await assume(management, { RoleArn: arn });
    deleteRole(aws.cloud, management, "short-lived");
    make();
    expect((await refusalOf(aws.sts(keys).getCallerIdentity({}))).name).toBe("InvalidClientTokenId");
  });
});

describe("a permissions boundary", () => {
  test("limits a session to what both it and the role's own policies allow", async () => {
    const trust = policyOf({ Effect: "Allow", Principal: { AWS: management }, Action: "sts:AssumeRole" });
    const limit = { ...may, Action: ["iam:GetUser", "iam:ListAccessKeys"] };
    const { arn: boundary } = createPolicy(aws.cloud, management, { name: "limit", document: policyOf(limit) });
    const { arn } = createRole(aws.cloud, management, { name: "bounded", trust, boundary });
    putRolePolicy(
      aws.cloud,
      management,
      "bounded",
      "own",
      policyOf({ ...may, Action: ["iam:GetUser", "iam:ListRoles"] }),
    );
    const iam = aws.iam(await assume(management, { RoleArn: arn }));
    await iam.getUser({ UserName: "aws-cli" });
    expect((await refusalOf(iam.listAccessKeys({ UserName: "aws-cli" }))).message).toContain(
      "no identity-based policy allows",
    );
    expect((await refusalOf(iam.listRoles({}))).message).toContain("no permissions boundary allows the iam:ListRoles");
    const denial = createPolicy(aws.cloud, management, {
      name: "denial",
      document: policyOf({ ...may, Action: "*" }, { ...may, Effect: "Deny", Action: "iam:GetUser" }),
    });
    putRoleBoundary(aws.cloud, management, "bounded", denial.arn);
    expect((await refusalOf(iam.getUser({ UserName: "aws-cli" }))).message).toContain("explicit deny");
  });
});

describe("a service", () => {
  const service = "cloudformation.amazonaws.com";
  const trust = (account: string) =>
    policyOf({
      Effect: "Allow",
      Principal: { Service: service },
      Action: "sts:AssumeRole",
      Condition: { StringEquals: { "aws:SourceAccount": account } },
    });

  test("acts by a role that trusts it, within the role's policies", () => {
    const { arn } = createRole(aws.cloud, tenant, { name: "stacks", trust: trust(tenant) });
    putRolePolicy(aws.cloud, tenant, "stacks", "own", policyOf({ ...may, Action: "ec2:*" }));
    const caller = aws.cloud.assumeAsService(arn, service);
    expect(caller.arn).toBe(`arn:aws:sts::${tenant}:assumed-role/stacks/AWSCloudFormation`);
    aws.cloud.authorize(caller, "ec2:CreateVpc", "*");
    expect(() => aws.cloud.authorize(caller, "eks:CreateCluster", "*")).toThrow(
      /not authorized to perform: eks:CreateCluster/,
    );
  });

  test.each([
    ["another service", "eks.amazonaws.com", tenant],
    ["the same service for another account", service, management],
  ])("is refused by a role that trusts only %s", (_, asked, trusted) => {
    const { arn } = createRole(aws.cloud, tenant, { name: `for-${trusted}-${asked}`, trust: trust(trusted) });
    expect(() => aws.cloud.assumeAsService(arn, asked)).toThrow(/is invalid or cannot be assumed/);
  });

  test("is refused a role that isn't there", () => {
    expect(() => aws.cloud.assumeAsService(`arn:aws:iam::${tenant}:role/none`, service)).toThrow(/cannot be assumed/);
  });
});
