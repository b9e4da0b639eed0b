import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { externalIdOf } from "#lib/credentials/aws.ts";
import type { Hop } from "#lib/credentials/whoami.ts";
import { awsManagementRole, awsRoleOf } from "#lib/fleet/roles.ts";
import type { AwsAccount } from "#lib/fleet/types.ts";
import { projectRoot } from "#lib/paths.ts";
import { type Ministack, ministack, openMinistack } from "#tests/support/ministack.ts";

if (ministack === undefined)
  process.stdout.write("the way into AWS accounts is not tested: ministack is not installed\n");

const management = { provider: "aws", name: "aws-mgmt", role: "management", accountId: "123456789012" } as const;
const first = { provider: "aws", name: "aws-01", role: "tenant", accountId: "210987654321" } as const;
const second = { provider: "aws", name: "aws-02", role: "tenant", accountId: "321098765432" } as const;
const domain = "mylabs.test";
const roleOf = (account: AwsAccount): string =>
  awsRoleOf({ accounts: [management, first, second], clusters: [] }, account);

describe.skipIf(ministack === undefined)("the way into AWS accounts", () => {
  let aws: Ministack;
  beforeAll(async () => {
    aws = await openMinistack();
    const user = `arn:aws:iam::${management.accountId}:root`;
    await makeRole(management, awsManagementRole, { AWS: user }, undefined, [
      { Effect: "Allow", Action: "sts:AssumeRole", Resource: "arn:aws:iam::*:role/aws-*-iam-role" },
    ]);
    const caller = { AWS: `arn:aws:iam::${management.accountId}:role/${awsManagementRole}` };
    await makeRole(first, roleOf(first), caller, externalIdOf({ domain }));
    // This one asks for another word than ours.
    await makeRole(second, roleOf(second), caller, "somebody-else");
  });
  afterAll(async () => await aws.stop());

  /** With the keys of an account's root user, which an emulator knows by the account's number. */
  async function makeRole(
    account: AwsAccount,
    name: string,
    principal: object,
    externalId?: string,
    statements: readonly object[] = [],
  ): Promise<void> {
    const condition = externalId === undefined ? {} : { Condition: { StringEquals: { "sts:ExternalId": externalId } } };
    const trust = { Effect: "Allow", Principal: principal, Action: "sts:AssumeRole", ...condition };
    await iam(account, { Action: "CreateRole", RoleName: name, AssumeRolePolicyDocument: policy([trust]) });
    if (statements.length === 0) return;
    await iam(account, {
      Action: "PutRolePolicy",
      RoleName: name,
      PolicyName: "in",
      PolicyDocument: policy(statements),
    });
  }

  async function iam(account: AwsAccount, parameters: Readonly<Record<string, string>>): Promise<void> {
    const credential = `${account.accountId}/20260101/us-east-1/iam/aws4_request`;
    const response = await fetch(aws.endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0`,
      },
      body: new URLSearchParams({ Version: "2010-05-08", ...parameters }),
    });
    if (!response.ok) throw new Error(await response.text());
  }

  const policy = (statements: readonly object[]): string =>
    JSON.stringify({ Version: "2012-10-17", Statement: statements });

  async function whoami(accounts: readonly AwsAccount[], variables: Readonly<Record<string, string>> = {}) {
    const file = join(projectRoot, `tests/.fleet-${Bun.randomUUIDv7()}.json`);
    await Bun.write(file, JSON.stringify({ domain, zones: [], accounts, clusters: [] }));
    try {
      const child = Bun.spawn(
        [process.execPath, "run", join(projectRoot, "tasks/whoami.ts"), "--json", "--fleet", file],
        {
          env: {
            PATH: Bun.env.PATH ?? "",
            HOME: "/nonexistent",
            AWS_EC2_METADATA_DISABLED: "true",
            AWS_ACCESS_KEY_ID: management.accountId,
            AWS_SECRET_ACCESS_KEY: "test",
            AWS_ENDPOINT_URL: aws.endpoint,
            ...variables,
          },
          stdout: "pipe",
          stderr: "pipe",
        },
      );
      const [stdout, stderr] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      const hops = stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Hop]));
      return { hops, stderr, exitCode: await child.exited };
    } finally {
      await Bun.file(file).delete();
    }
  }

  test("leads from the base over the management role into a tenant", async () => {
    const { hops, stderr, exitCode } = await whoami([management, first]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(hops.map(({ name, result }) => [name, result.kind === "ok" ? result.arn : result.message])).toEqual([
      ["base", `arn:aws:iam::${management.accountId}:root`],
      [
        "aws-mgmt",
        `arn:aws:sts::${management.accountId}:assumed-role/${awsManagementRole}/k8s-multicluster-gitops-root`,
      ],
      ["aws-01", `arn:aws:sts::${first.accountId}:assumed-role/aws-01-iam-role/k8s-multicluster-gitops-root`],
    ]);
  });

  test.each([
    ["a role that trusts another word", second, "AssumeRoleDenied"],
    ["a role that isn't there", { ...second, name: "aws-03" }, "AssumeRoleDenied"],
  ] as const)("ends at %s, and leads into the others", async (_what, account, code) => {
    const { hops, exitCode } = await whoami([management, first, account]);
    const results = hops.map(({ result }) => (result.kind === "ok" ? "ok" : result.code));
    expect([exitCode, results]).toEqual([1, ["ok", "ok", "ok", code]]);
  });

  test("ends at once without credentials, or with an endpoint somewhere else", async () => {
    const none = await whoami([management], { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" });
    expect(none.hops.map(({ result }) => result)).toMatchObject([{ kind: "failed", code: "CredentialsMissing" }]);
    const elsewhere = await whoami([management], { AWS_ENDPOINT_URL: "https://collector.example.org" });
    expect([elsewhere.exitCode, elsewhere.stderr]).toEqual([
      2,
      expect.stringContaining(
        "AWS_ENDPOINT_URL sends calls for AWS to https://collector.example.org (EndpointRefused)",
      ),
    ]);
  });
});
