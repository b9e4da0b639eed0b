import { afterEach, describe, expect, test } from "bun:test";
import { STS } from "@aws-sdk/client-sts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import {
  createRole,
  deleteRole,
  deleteRolePolicy,
  putRolePolicy,
  tryFindRole,
  updateRole,
} from "#sandbox/aws/iam/roles.ts";
import {
  account,
  closeLabs,
  type Lab,
  openLab,
  refusal,
  region,
  roleTemplate,
  trust,
} from "#tests/sandbox/aws/cloudformation/harness.ts";

afterEach(closeLabs);

const named = { Capabilities: ["CAPABILITY_NAMED_IAM"] as "CAPABILITY_NAMED_IAM"[] };
const statement = (Action: string | readonly string[], Resource = "*", more: object = {}) => ({
  Effect: "Allow",
  Action,
  Resource,
  ...more,
});

/** A role with these rights, which a person or CloudFormation takes on. */
function makeRole(lab: Lab, name: string, statements: readonly object[], principal: object): string {
  const Statement = [{ Effect: "Allow", Principal: principal, Action: "sts:AssumeRole" }];
  const made = createRole(lab.cloud, account, { name, trust: JSON.stringify({ Version: "2012-10-17", Statement }) });
  putRolePolicy(lab.cloud, account, name, "rights", JSON.stringify({ Version: "2012-10-17", Statement: statements }));
  return made.arn;
}

const service = { Service: "cloudformation.amazonaws.com" };
const people = { AWS: `arn:aws:iam::${account}:root` };

async function clientOf(lab: Lab, roleArn: string) {
  const sts = new STS({ region, endpoint: lab.endpoint, credentials: administratorKeys(account) });
  const { Credentials: found } = await sts.assumeRole({ RoleArn: roleArn, RoleSessionName: "me" });
  sts.destroy();
  return lab.client({
    accessKeyId: found?.AccessKeyId ?? "",
    secretAccessKey: found?.SecretAccessKey ?? "",
    sessionToken: found?.SessionToken ?? "",
  });
}

describe("a stack", () => {
  test("is made with the rights of who asks, when it has no role", async () => {
    const lab = await openLab();
    const cfn = await clientOf(lab, makeRole(lab, "me", [statement("cloudformation:*")], people));
    await cfn.createStack({
      StackName: "roles",
      TemplateBody: JSON.stringify(roleTemplate({ RoleName: "one" })),
      ...named,
    });
    expect((await lab.stack("roles")).StackStatus).toBe("ROLLBACK_COMPLETE");
    const [failure = ""] = await lab.failures("roles");
    expect(failure).toStartWith(
      `Role: Resource handler returned message: "User: arn:aws:sts::${account}:assumed-role/me/me is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::${account}:role/one because no identity-based policy allows the iam:CreateRole action (Service: Iam, Status Code: 403`,
    );
    expect(failure).toEndWith("HandlerErrorCode: AccessDenied)");
  });

  test("is made with the rights of its role, which has to be handed over and to trust CloudFormation", async () => {
    const lab = await openLab();
    const worker = makeRole(lab, "worker", [statement("iam:*")], service);
    const stranger = makeRole(lab, "stranger", [statement("iam:*")], people);
    const cfn = await clientOf(lab, makeRole(lab, "me", [statement("cloudformation:*")], people));
    const input = { StackName: "roles", TemplateBody: JSON.stringify(roleTemplate({ RoleName: "one" })), ...named };
    expect(await refusal(cfn.createStack({ ...input, RoleARN: worker }))).toContain(
      `is not authorized to perform: iam:PassRole on resource: ${worker}`,
    );
    const passing = statement("iam:PassRole", "*", {
      Condition: { StringEquals: { "iam:PassedToService": "cloudformation.amazonaws.com" } },
    });
    const rights = { Version: "2012-10-17", Statement: [statement("cloudformation:*"), passing] };
    putRolePolicy(lab.cloud, account, "me", "rights", JSON.stringify(rights));
    expect(await refusal(cfn.createStack({ ...input, RoleARN: stranger }))).toBe(
      `ValidationError: Role ${stranger} is invalid or cannot be assumed`,
    );
    await cfn.createStack({ ...input, RoleARN: worker });
    expect(await lab.stack("roles")).toMatchObject({ StackStatus: "CREATE_COMPLETE", RoleARN: worker });
    // The role stays with the stack: nobody has to name it for the deletion, and without it nothing goes.
    deleteRolePolicy(lab.cloud, account, "worker", "rights");
    deleteRole(lab.cloud, account, "worker");
    await cfn.deleteStack({ StackName: "roles" });
    expect((await lab.stack("roles")).StackStatus).toBe("DELETE_FAILED");
    expect((await lab.failures("roles"))[0]).toBe(`Role: Role ${worker} is invalid or cannot be assumed`);
  });

  test("is reached by who may reach it by name", async () => {
    const lab = await openLab();
    await lab.deploy("mine", roleTemplate());
    await lab.deploy("other", roleTemplate());
    const rights = statement("cloudformation:*", `arn:aws:cloudformation:${region}:${account}:stack/mine/*`);
    const cfn = await clientOf(lab, makeRole(lab, "me", [rights], people));
    expect(await refusal(cfn.describeStacks({ StackName: "mine" }))).toBe("not refused");
    expect(await refusal(cfn.describeStacks({ StackName: "other" }))).toContain("cloudformation:DescribeStacks");
    expect(await refusal(cfn.describeStacks({}))).toContain("cloudformation:DescribeStacks");
  });

  test("leaves behind nothing of what was half made", async () => {
    const lab = await openLab();
    const most = ["iam:CreateRole", "iam:GetRole", "iam:DeleteRole"];
    const worker = makeRole(lab, "worker", [statement(most)], service);
    const template = roleTemplate({
      RoleName: "one",
      ManagedPolicyArns: ["arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"],
    });
    const stack = await lab.deploy("roles", template, { RoleARN: worker });
    expect(stack.StackStatus).toBe("ROLLBACK_COMPLETE");
    expect((await lab.failures("roles"))[0]).toContain("iam:AttachRolePolicy");
    expect(tryFindRole(lab.cloud, account, "one")).toBeUndefined();
  });
});

describe("drift", () => {
  test("is found in what the template gives, and in what is gone", async () => {
    const lab = await openLab();
    const two = { Type: "AWS::IAM::Role", Properties: { AssumeRolePolicyDocument: trust(), RoleName: "two" } };
    const { Resources } = roleTemplate({ RoleName: "one", MaxSessionDuration: 3600, Tags: [{ Key: "a", Value: "b" }] });
    await lab.deploy("roles", { Resources: { ...Resources, Two: two } }, { Tags: [{ Key: "project", Value: "x" }] });
    const detect = async () => {
      const { StackDriftDetectionId = "" } = await lab.cfn.detectStackDrift({ StackName: "roles" });
      await lab.service.settled();
      const status = await lab.cfn.describeStackDriftDetectionStatus({ StackDriftDetectionId });
      const { StackResourceDrifts = [] } = await lab.cfn.describeStackResourceDrifts({ StackName: "roles" });
      return { status, drifts: StackResourceDrifts };
    };
    expect((await detect()).status).toMatchObject({
      DetectionStatus: "DETECTION_COMPLETE",
      StackDriftStatus: "IN_SYNC",
    });
    updateRole(lab.cloud, account, "one", { maxSessionSeconds: 7200 });
    deleteRole(lab.cloud, account, "two");
    const { status, drifts } = await detect();
    expect(status).toMatchObject({ StackDriftStatus: "DRIFTED", DriftedStackResourceCount: 2 });
    expect(
      drifts.map(({ LogicalResourceId, StackResourceDriftStatus }) => [LogicalResourceId, StackResourceDriftStatus]),
    ).toEqual([
      ["Role", "MODIFIED"],
      ["Two", "DELETED"],
    ]);
    expect(drifts[0]?.PropertyDifferences).toEqual([
      { PropertyPath: "/MaxSessionDuration", ExpectedValue: "3600", ActualValue: "7200", DifferenceType: "NOT_EQUAL" },
    ]);
  });

  test("is looked for with the rights of who asks", async () => {
    const lab = await openLab();
    await lab.deploy("roles", roleTemplate({ RoleName: "one" }));
    const cfn = await clientOf(lab, makeRole(lab, "me", [statement("cloudformation:*")], people));
    const { StackDriftDetectionId = "" } = await cfn.detectStackDrift({ StackName: "roles" });
    await lab.service.settled();
    expect(await cfn.describeStackDriftDetectionStatus({ StackDriftDetectionId })).toMatchObject({
      DetectionStatus: "DETECTION_FAILED",
      DetectionStatusReason: "Failed to detect drift on resource(s) [Role]",
    });
    const { StackResourceDrifts = [] } = await cfn.describeStackResourceDrifts({ StackName: "roles" });
    expect(StackResourceDrifts[0]?.DriftStatusReason).toContain("iam:GetRole");
  });
});

describe("a key", () => {
  const root = {
    Sid: "Iam",
    Effect: "Allow",
    Principal: { AWS: `arn:aws:iam::${account}:root` },
    Action: "kms:*",
    Resource: "*",
  };
  const template = (statements: readonly object[]) => ({
    Resources: {
      Key: {
        Type: "AWS::KMS::Key",
        Properties: { EnableKeyRotation: true, KeyPolicy: { Version: "2012-10-17", Statement: statements } },
      },
    },
  });
  const byTag = { Condition: { StringEquals: { "aws:ResourceTag/project": "one" } } };
  const Tags = [{ Key: "project", Value: "one" }];
  const create = statement(["kms:CreateKey", "kms:TagResource"]);

  test("is refused to a creator who may change its policy by a tag only", async () => {
    const lab = await openLab();
    const RoleARN = makeRole(lab, "worker", [create, statement("kms:*", "arn:aws:kms:*:*:key/*", byTag)], service);
    await lab.deploy("key", template([root]), { RoleARN, Tags });
    expect((await lab.failures("key"))[0]).toContain(
      "The new key policy will not allow you to update the key policy in the future.",
    );
  });

  test("is administered by whom its policy names, without any right in IAM", async () => {
    const lab = await openLab();
    const RoleARN = makeRole(lab, "worker", [create], service);
    const named = { Effect: "Allow", Principal: { AWS: RoleARN }, Action: "kms:*", Resource: "*" };
    expect((await lab.deploy("key", template([root, named]), { RoleARN, Tags })).StackStatus).toBe("CREATE_COMPLETE");
    const less = { ...named, Action: ["kms:PutKeyPolicy", "kms:DescribeKey"] };
    expect((await lab.deploy("key", template([root, less]), { RoleARN, Tags })).StackStatus).toBe("UPDATE_COMPLETE");
    await lab.cfn.deleteStack({ StackName: "key" });
    await lab.service.settled();
    expect((await lab.failures("key"))[0]).toContain("kms:ScheduleKeyDeletion");
  });

  test("is out of reach of a role of the same name that was created later", async () => {
    const lab = await openLab();
    const RoleARN = makeRole(lab, "worker", [create], service);
    const named = { Effect: "Allow", Principal: { AWS: RoleARN }, Action: "kms:*", Resource: "*" };
    await lab.deploy("key", template([root, named]), { RoleARN, Tags });
    deleteRolePolicy(lab.cloud, account, "worker", "rights");
    deleteRole(lab.cloud, account, "worker");
    makeRole(lab, "worker", [create], service);
    await lab.cfn.deleteStack({ StackName: "key" });
    await lab.service.settled();
    expect((await lab.failures("key"))[0]).toContain("kms:DescribeKey");
  });

  test("names nobody who does not exist", async () => {
    const lab = await openLab();
    const named = {
      Effect: "Allow",
      Principal: { AWS: `arn:aws:iam::${account}:role/gone` },
      Action: "kms:*",
      Resource: "*",
    };
    await lab.deploy("key", template([root, named]));
    expect((await lab.failures("key"))[0]).toContain("Invalid principal in policy");
  });
});
