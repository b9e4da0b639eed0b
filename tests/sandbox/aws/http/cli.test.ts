import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { createRole } from "#sandbox/aws/iam/roles.ts";
import { verifyPresignedIdentity } from "#sandbox/aws/signature.ts";
import { management, openTestCloud, policyOf, type TestCloud, tenant } from "#tests/sandbox/aws/cloud.ts";

/** AWS's own command line, which speaks by botocore: other code than the SDK's. Undefined where it isn't installed. */
const local = join(projectRoot, ".tools/python/bin/aws");
const program = Bun.env.AWS_CLI ?? Bun.which("aws") ?? ((await Bun.file(local).exists()) ? local : undefined);

// Each run of it takes half a second, and more on a busy computer.
const slow = 60_000;

describe.skipIf(program === undefined)("the aws command line", () => {
  let aws: TestCloud;
  beforeAll(async () => {
    aws = await openTestCloud();
  });
  afterAll(async () => await aws.close());

  interface Run {
    readonly exitCode: number;
    readonly output: string;
  }

  async function run(
    words: readonly string[],
    variables: Readonly<Record<string, string>> = {},
    account = management,
  ): Promise<Run> {
    const keys = administratorKeys(account);
    const child = Bun.spawn([program ?? "", "--endpoint-url", aws.server.endpoint, ...words], {
      env: {
        PATH: Bun.env.PATH ?? "",
        HOME: "/nonexistent",
        AWS_DEFAULT_REGION: "eu-central-1",
        AWS_ACCESS_KEY_ID: keys.accessKeyId,
        AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
        AWS_MAX_ATTEMPTS: "1",
        AWS_EC2_METADATA_DISABLED: "true",
        AWS_PAGER: "",
        ...variables,
      },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [output, errors, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { exitCode, output: exitCode === 0 ? output : errors.trim() };
  }

  async function ask<Answer>(...words: readonly string[]): Promise<Answer> {
    const { exitCode, output } = await run(words);
    if (exitCode !== 0) throw new Error(output);
    return JSON.parse(output) as Answer;
  }

  test(
    "knows who it is",
    async () => {
      expect(await ask("sts", "get-caller-identity")).toMatchObject({
        Account: management,
        Arn: `arn:aws:iam::${management}:user/aws-cli`,
      });
    },
    slow,
  );

  test(
    "makes a role, reads it back with its policy as JSON, and assumes it",
    async () => {
      const trust = policyOf({ Effect: "Allow", Principal: { AWS: management }, Action: "sts:AssumeRole" });
      await ask("iam", "create-role", "--role-name", "cli", "--assume-role-policy-document", trust);
      const { Role: role } = await ask<{ readonly Role: Readonly<Record<string, unknown>> }>(
        "iam",
        "get-role",
        "--role-name",
        "cli",
      );
      expect(role).toMatchObject({ RoleName: "cli", AssumeRolePolicyDocument: JSON.parse(trust) });
      const { Credentials: keys } = await ask<{ readonly Credentials: Readonly<Record<string, string>> }>(
        "sts",
        "assume-role",
        "--role-arn",
        String(role.Arn),
        "--role-session-name",
        "ada",
      );
      const session = {
        AWS_ACCESS_KEY_ID: keys.AccessKeyId ?? "",
        AWS_SECRET_ACCESS_KEY: keys.SecretAccessKey ?? "",
        AWS_SESSION_TOKEN: keys.SessionToken ?? "",
      };
      const who = await run(["sts", "get-caller-identity", "--query", "Arn", "--output", "text"], session);
      expect(who.output.trim()).toBe(`arn:aws:sts::${management}:assumed-role/cli/ada`);
      const refused = await run(["iam", "list-roles"], session);
      expect(refused.exitCode).not.toBe(0);
      expect(refused.output).toContain("(AccessDenied) when calling the ListRoles operation: User: arn:aws:sts::");
    },
    slow,
  );

  test(
    "turns the pages of a list",
    async () => {
      const trust = policyOf({ Effect: "Allow", Principal: { AWS: management }, Action: "sts:AssumeRole" });
      for (let index = 0; index < 5; index += 1) createRole(aws.cloud, management, { name: `role-${index}`, trust });
      const { Roles: roles } = await ask<{ readonly Roles: readonly { readonly RoleName: string }[] }>(
        "iam",
        "list-roles",
        "--page-size",
        "2",
      );
      expect(roles.filter(({ RoleName: name }) => name.startsWith("role-")).length).toBe(5);
      expect(aws.server.calls.filter(({ action, error }) => action === "ListRoles" && error === undefined).length).toBe(
        3,
      );
    },
    slow,
  );

  test(
    "says what is wrong with its credentials",
    async () => {
      const wrong = await run(["sts", "get-caller-identity"], { AWS_SECRET_ACCESS_KEY: "x" });
      expect(wrong.output).toContain("(SignatureDoesNotMatch) when calling the GetCallerIdentity operation");
      const unknown = await run(["sts", "get-caller-identity"], { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE" });
      expect(unknown.output).toContain("(InvalidClientTokenId)");
    },
    slow,
  );

  test(
    "makes tokens for clusters that the sandbox believes",
    async () => {
      // It signs for STS of the region, and asks nobody.
      const { output } = await run(["eks", "get-token", "--cluster-name", "k01", "--output", "json"], {}, tenant);
      const { status } = JSON.parse(output) as { readonly status: { readonly token: string } };
      const url = new URL(Buffer.from(status.token.replace("k8s-aws-v1.", ""), "base64url").toString());
      const caller = await verifyPresignedIdentity(aws.cloud, url, { "x-k8s-aws-id": "k01" });
      expect(caller.arn).toBe(`arn:aws:iam::${tenant}:user/aws-cli`);
    },
    slow,
  );
});
