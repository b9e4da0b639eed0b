import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { IAM } from "@aws-sdk/client-iam";
import { externalIdOf } from "#lib/credentials/aws.ts";
import type { Hop } from "#lib/credentials/whoami.ts";
import { awsManagementRole, iamRoleOf } from "#lib/fleet/roles.ts";
import type { AwsAccount } from "#lib/fleet/types.ts";
import { projectRoot } from "#lib/paths.ts";
import { type AwsSystem, awsSystems, type OpenedAws } from "#tests/support/aws-systems.ts";

const management = { provider: "aws", name: "aws-mgmt", role: "management", accountId: "123456789012" } as const;
const first = { provider: "aws", name: "aws-01", role: "tenant", accountId: "210987654321" } as const;
const second = { provider: "aws", name: "aws-02", role: "tenant", accountId: "321098765432" } as const;
const domain = "mylabs.test";
/** What a hop takes: the second says who came first, which follows through all roles. */
const ways = ["sts:AssumeRole", "sts:SetSourceIdentity"];

/** The same way in on every AWS that evaluates trust policies. */
for (const system of awsSystems.filter(({ judges }) => judges.has("trust"))) {
  if (system.whyNot !== undefined) {
    process.stdout.write(`the way into AWS accounts is not gone on ${system.name}: ${system.whyNot}\n`);
    continue;
  }
  describe(`the way into AWS accounts on ${system.name}`, () => way(system));
}

function way({ open, ownerOf }: AwsSystem): void {
  let aws: OpenedAws;
  const owner = ownerOf(management.accountId);
  const session = `k8s-multicluster-gitops-${owner.split(/[:/]/).at(-1)}`;
  beforeAll(async () => {
    aws = await open(management.accountId);
    await makeRole(management, awsManagementRole, { AWS: owner }, undefined, [
      { Effect: "Allow", Action: ways, Resource: "arn:aws:iam::*:role/aws-*-iam-role" },
    ]);
    const caller = { AWS: `arn:aws:iam::${management.accountId}:role/${awsManagementRole}` };
    await makeRole(first, iamRoleOf(first), caller, externalIdOf({ domain }));
    // This one asks for another word than ours.
    await makeRole(second, iamRoleOf(second), caller, "somebody-else");
  });
  afterAll(async () => await aws.stop());

  /** By somebody who may do everything in the account. */
  async function makeRole(
    account: AwsAccount,
    name: string,
    principal: object,
    externalId?: string,
    statements: readonly object[] = [],
  ): Promise<void> {
    const iam = new IAM({
      region: "us-east-1",
      endpoint: aws.endpoint,
      credentials: aws.keysOf(account.accountId),
    });
    const condition = externalId === undefined ? {} : { Condition: { StringEquals: { "sts:ExternalId": externalId } } };
    const trust = [
      { Effect: "Allow", Principal: principal, Action: "sts:AssumeRole", ...condition },
      { Effect: "Allow", Principal: principal, Action: "sts:SetSourceIdentity" },
    ];
    await iam.createRole({ RoleName: name, AssumeRolePolicyDocument: policy(trust) });
    if (statements.length > 0) {
      await iam.putRolePolicy({ RoleName: name, PolicyName: "in", PolicyDocument: policy(statements) });
    }
    iam.destroy();
  }

  const policy = (statements: readonly object[]): string =>
    JSON.stringify({ Version: "2012-10-17", Statement: statements });

  async function whoami(accounts: readonly AwsAccount[], variables: Readonly<Record<string, string>> = {}) {
    const file = join(projectRoot, `tests/.fleet-${Bun.randomUUIDv7()}.json`);
    await Bun.write(file, JSON.stringify({ domain, zones: [], accounts, clusters: [] }));
    const keys = aws.keysOf(management.accountId);
    try {
      const child = Bun.spawn(
        [process.execPath, "run", join(projectRoot, "tasks/whoami.ts"), "--json", "--fleet", file],
        {
          env: {
            PATH: Bun.env.PATH ?? "",
            HOME: "/nonexistent",
            AWS_EC2_METADATA_DISABLED: "true",
            AWS_ACCESS_KEY_ID: keys.accessKeyId,
            AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
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
      ["base", owner],
      ["aws-mgmt", `arn:aws:sts::${management.accountId}:assumed-role/${awsManagementRole}/${session}`],
      ["aws-01", `arn:aws:sts::${first.accountId}:assumed-role/aws-01-iam-role/${session}`],
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
}
