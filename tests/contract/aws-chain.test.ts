import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { IAM } from "@aws-sdk/client-iam";
import { externalIdOf } from "#lib/aws/credentials/chain.ts";
import { awsManagementRole, iamRoleOf } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import type { Hop } from "#lib/cloud/hops.ts";
import { projectRoot } from "#lib/paths.ts";
import { type AwsSystem, awsSystems, type OpenedAws } from "#tests/support/aws-systems.ts";

// Against hanging only: programs start slowly on a loaded machine.
setDefaultTimeout(60_000);

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
  /** Not the owner of the account, who is the root user on some. */
  const person = `arn:aws:iam::${management.accountId}:user/operator`;
  const session = "k8s-multicluster-gitops-operator";
  let keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
  beforeAll(async () => {
    aws = await open(management.accountId);
    keys = await makePerson();
    await makeRole(management, awsManagementRole, { AWS: person }, undefined, [
      { Effect: "Allow", Action: ways, Resource: "arn:aws:iam::*:role/aws-*-iam-role" },
    ]);
    const caller = { AWS: `arn:aws:iam::${management.accountId}:role/${awsManagementRole}` };
    await makeRole(first, iamRoleOf(first), caller, externalIdOf({ domain }));
    // This one asks for another word than ours.
    await makeRole(second, iamRoleOf(second), caller, "somebody-else");
  });
  afterAll(async () => await aws.stop());

  /** Who may assume roles and do nothing else. */
  async function makePerson(): Promise<typeof keys> {
    const iam = new IAM({
      region: "us-east-1",
      endpoint: aws.endpoint,
      credentials: aws.keysOf(management.accountId),
    });
    await iam.createUser({ UserName: "operator" });
    const statement = { Effect: "Allow", Action: ways, Resource: "*" };
    await iam.putUserPolicy({ UserName: "operator", PolicyName: "in", PolicyDocument: policy([statement]) });
    const { AccessKey: key } = await iam.createAccessKey({ UserName: "operator" });
    iam.destroy();
    return { accessKeyId: key?.AccessKeyId ?? "", secretAccessKey: key?.SecretAccessKey ?? "" };
  }

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
    expect(hops.map(({ name, result }) => [name, result.kind === "ok" ? result.identity : result.message])).toEqual([
      ["base", person],
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

  test("ends at the root user, where the owner of the account is that", async () => {
    const { accessKeyId, secretAccessKey } = aws.keysOf(management.accountId);
    const { hops } = await whoami([management], {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    });
    const isRoot = ownerOf(management.accountId).endsWith(":root");
    expect(hops[0]?.result).toMatchObject(isRoot ? { kind: "failed", code: "RootRefused" } : { kind: "ok" });
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
