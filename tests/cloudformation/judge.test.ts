import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CloudFormation } from "@aws-sdk/client-cloudformation";
import { IAM } from "@aws-sdk/client-iam";
import { AssumeRoleCommand, type AssumeRoleCommandInput, STSClient } from "@aws-sdk/client-sts";
import type { AwsCredentialIdentity } from "@aws-sdk/types";
import { accountRole, type Contract, management, managementRole, tenant } from "#tests/cloudformation/contract.ts";
import { type Parameters, readTemplate } from "#tests/cloudformation/render.ts";
import { type Ministack, ministack, openMinistack } from "#tests/support/ministack.ts";

if (ministack === undefined)
  process.stdout.write("the roles of the templates have no judge: ministack is not installed\n");

const region = "us-east-1";
/** An emulator knows an account's root user by the account's number. */
const rootOf = (account: string): AwsCredentialIdentity => ({ accessKeyId: account, secretAccessKey: "test" });
const owner = rootOf("111111111111");

describe.skipIf(ministack === undefined)("by an AWS that nobody here wrote, the roles of the templates", () => {
  let aws: Ministack;
  let user: AwsCredentialIdentity;
  beforeAll(async () => {
    aws = await openMinistack();
    user = await makeUser();
    await deploy(owner, management);
    await deploy(rootOf("222222222222"), tenant);
  }, 60_000);
  afterAll(async () => await aws.stop());

  function client<Client>(
    Service: new (settings: { region: string; endpoint: string; credentials: AwsCredentialIdentity }) => Client,
    credentials: AwsCredentialIdentity,
  ): Client {
    return new Service({ region, endpoint: aws.endpoint, credentials });
  }

  async function makeUser(): Promise<AwsCredentialIdentity> {
    const iam = client(IAM, owner);
    await iam.createUser({ UserName: "aws-cli" });
    await iam.attachUserPolicy({ UserName: "aws-cli", PolicyArn: "arn:aws:iam::aws:policy/AdministratorAccess" });
    const { AccessKey: key } = await iam.createAccessKey({ UserName: "aws-cli" });
    return { accessKeyId: key?.AccessKeyId ?? "", secretAccessKey: key?.SecretAccessKey ?? "" };
  }

  async function deploy(credentials: AwsCredentialIdentity, { file, values }: Contract, given: Parameters = {}) {
    const cloudFormation = client(CloudFormation, credentials);
    const name = file.replace(".yml", "");
    await cloudFormation.createStack({
      StackName: name,
      TemplateBody: await readTemplate(file),
      Capabilities: ["CAPABILITY_NAMED_IAM"],
      Parameters: Object.entries({ ...values, ...given }).map(([ParameterKey, ParameterValue]) => ({
        ParameterKey,
        ParameterValue,
      })),
    });
    const deadline = performance.now() + 20_000;
    for (;;) {
      const { Stacks: [stack] = [] } = await cloudFormation.describeStacks({ StackName: name });
      if (stack?.StackStatus === "CREATE_COMPLETE") return;
      if (performance.now() > deadline || stack?.StackStatus?.endsWith("_IN_PROGRESS") !== true) {
        throw new Error(`${name}: ${stack?.StackStatus} ${stack?.StackStatusReason}`);
      }
      await Bun.sleep(50);
    }
  }

  async function assume(
    credentials: AwsCredentialIdentity,
    input: Omit<AssumeRoleCommandInput, "RoleSessionName">,
  ): Promise<AwsCredentialIdentity> {
    const sts = client(STSClient, credentials);
    const { Credentials: found } = await sts.send(new AssumeRoleCommand({ RoleSessionName: "judge", ...input }));
    return {
      accessKeyId: found?.AccessKeyId ?? "",
      secretAccessKey: found?.SecretAccessKey ?? "",
      ...(found?.SessionToken === undefined ? {} : { sessionToken: found.SessionToken }),
    };
  }

  const externalId = { ExternalId: tenant.values.ExternalId ?? "" };

  test("lead a person to the account's role, by name", async () => {
    const first = await assume(user, { RoleArn: managementRole, SourceIdentity: "somebody" });
    const second = await assume(first, { RoleArn: accountRole, ...externalId });
    expect(second.sessionToken).toBeString();
  });

  test("let in nobody who does not say the fleet's word", async () => {
    const first = await assume(user, { RoleArn: managementRole });
    await expect(assume(first, { RoleArn: accountRole })).rejects.toThrow("AssumeRole");
    await expect(assume(first, { RoleArn: accountRole, ExternalId: "another" })).rejects.toThrow("AssumeRole");
  });

  test("let nobody past the management role", async () => {
    await expect(assume(user, { RoleArn: accountRole, ...externalId })).rejects.toThrow("AssumeRole");
  });

  test("give nobody more rights", async () => {
    const first = await assume(user, { RoleArn: managementRole });
    const second = await assume(first, { RoleArn: accountRole, ...externalId });
    const policy = JSON.stringify({ Version: "2012-10-17", Statement: [] });
    for (const [credentials, role] of [
      [first, "aws-mgmt-iam-role"],
      [second, "aws-01-iam-role"],
    ] as const) {
      const iam = client(IAM, credentials);
      await expect(iam.createUser({ UserName: "other" })).rejects.toThrow("not authorized");
      const more = { RoleName: role, PolicyName: "more", PolicyDocument: policy };
      await expect(iam.putRolePolicy(more)).rejects.toThrow("not authorized");
      expect((await iam.getRole({ RoleName: role })).Role?.RoleName).toBe(role);
    }
  });
});
