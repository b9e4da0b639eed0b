import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { IAM } from "@aws-sdk/client-iam";
import {
  createPolicy,
  createPolicyVersion,
  deletePolicy,
  deletePolicyVersion,
} from "#sandbox/aws/iam/managed-policies.ts";
import { createRole, deleteRoleBoundary } from "#sandbox/aws/iam/roles.ts";
import {
  type Keys,
  management,
  openTestCloud,
  policyOf,
  refusalOf,
  type TestCloud,
  tenant,
} from "#tests/sandbox/aws/cloud.ts";

let aws: TestCloud;
let iam: IAM;
beforeEach(async () => {
  aws = await openTestCloud();
  iam = aws.iam(management);
});
afterEach(async () => await aws.close());

const trust = policyOf({ Effect: "Allow", Principal: { Service: "eks.amazonaws.com" }, Action: "sts:AssumeRole" });
const may = (Action: string | readonly string[], Resource = "*", more: object = {}) =>
  policyOf({ Effect: "Allow", Action, Resource, ...more });

/** A user with one policy and a key. */
async function userWith(name: string, document: string): Promise<Keys> {
  await iam.createUser({ UserName: name });
  await iam.putUserPolicy({ UserName: name, PolicyName: "own", PolicyDocument: document });
  const { AccessKey: key } = await iam.createAccessKey({ UserName: name });
  return { accessKeyId: key?.AccessKeyId ?? "", secretAccessKey: key?.SecretAccessKey ?? "" };
}

describe("a user", () => {
  test("is made, given keys and policies, and deleted when nothing is left", async () => {
    const { User: made } = await iam.createUser({ UserName: "ada", Tags: [{ Key: "a", Value: "b" }] });
    expect(made?.Arn).toBe(`arn:aws:iam::${management}:user/ada`);
    const PolicyArn = "arn:aws:iam::aws:policy/AdministratorAccess";
    await iam.attachUserPolicy({ UserName: "ada", PolicyArn });
    const { AccessKey: key } = await iam.createAccessKey({ UserName: "ada" });
    expect(key?.AccessKeyId).toMatch(/^AKIA[A-Z2-7]{16}$/);
    expect(key?.SecretAccessKey?.length).toBe(40);
    const deletion = async () => (await refusalOf(iam.deleteUser({ UserName: "ada" }))).message;
    expect(await deletion()).toContain("must detach all policies first");
    await iam.detachUserPolicy({ UserName: "ada", PolicyArn });
    expect(await deletion()).toContain("must delete access keys first");
    await iam.deleteAccessKey({ UserName: "ada", AccessKeyId: key?.AccessKeyId });
    await iam.deleteUser({ UserName: "ada" });
    expect((await refusalOf(iam.getUser({ UserName: "ada" }))).name).toBe("NoSuchEntityException");
    await userWith("grace", may("ec2:*"));
    expect((await refusalOf(iam.deleteUser({ UserName: "grace" }))).message).toContain("must delete policies first");
  });

  test("has two keys at most, and is told its secrets once", async () => {
    const UserName = "aws-cli";
    await iam.createAccessKey({ UserName });
    expect((await refusalOf(iam.createAccessKey({ UserName }))).message).toBe(
      "Cannot exceed quota for AccessKeysPerUser: 2",
    );
    const { AccessKeyMetadata: keys } = await iam.listAccessKeys({ UserName });
    expect(keys?.map(({ AccessKeyId: id }) => id?.slice(0, 4))).toEqual(["AKIA", "AKIA"]);
    expect(JSON.stringify(keys)).not.toContain("Secret");
  });
});

describe("what a caller may do", () => {
  test.each([
    ["listRoles", "iam:ListRoles", `arn:aws:iam::${management}:role/`],
    ["listOpenIDConnectProviders", "iam:ListOpenIDConnectProviders", `arn:aws:iam::${management}:oidc-provider/*`],
  ] as const)("has to be allowed: %s", async (call, action, resource) => {
    const nobody = aws.iam(await userWith("nobody", may("ec2:*")));
    expect(await refusalOf(nobody[call]({}))).toEqual({
      name: "AccessDenied",
      message: `User: arn:aws:iam::${management}:user/nobody is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`,
    });
    const somebody = aws.iam(await userWith("somebody", may(action)));
    await somebody[call]({});
  });

  test("is limited to paths, tags and policies by conditions", async () => {
    const clusters = `arn:aws:iam::${management}:role/clusters/*`;
    const PolicyArn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy";
    const keys = await userWith(
      "maker",
      policyOf(
        {
          Effect: "Allow",
          Action: ["iam:CreateUser", "iam:TagUser"],
          Resource: "*",
          Condition: { StringEquals: { "aws:RequestTag/project": "fleet" } },
        },
        {
          Effect: "Allow",
          Action: "iam:AttachRolePolicy",
          Resource: clusters,
          Condition: { ArnEquals: { "iam:PolicyARN": PolicyArn } },
        },
        {
          Effect: "Allow",
          Action: "iam:DeleteRole",
          Resource: clusters,
          Condition: { StringEquals: { "iam:ResourceTag/project": "fleet" } },
        },
      ),
    );
    const maker = aws.iam(keys);
    const make = (UserName: string, Value: string) => maker.createUser({ UserName, Tags: [{ Key: "project", Value }] });
    await make("one", "fleet");
    expect((await refusalOf(make("two", "other"))).name).toBe("AccessDenied");
    createRole(aws.cloud, management, { name: "one", path: "/clusters/", trust, tags: { project: "fleet" } });
    createRole(aws.cloud, management, { name: "foreign", path: "/clusters/", trust });
    await maker.attachRolePolicy({ RoleName: "one", PolicyArn });
    const admin = maker.attachRolePolicy({ RoleName: "one", PolicyArn: "arn:aws:iam::aws:policy/AdministratorAccess" });
    expect((await refusalOf(admin)).name).toBe("AccessDenied");
    await iam.detachRolePolicy({ RoleName: "one", PolicyArn });
    expect((await refusalOf(maker.deleteRole({ RoleName: "foreign" }))).name).toBe("AccessDenied");
    await maker.deleteRole({ RoleName: "one" });
  });

  test("has to cover tags too, where something is made with tags", async () => {
    const maker = aws.iam(await userWith("maker", may("iam:CreateUser")));
    const tagged = maker.createUser({ UserName: "one", Tags: [{ Key: "a", Value: "b" }] });
    expect((await refusalOf(tagged)).message).toContain("iam:TagUser");
    await maker.createUser({ UserName: "one" });
  });

  test("ends at a denial, also for an administrator", async () => {
    await iam.putUserPolicy({
      UserName: "aws-cli",
      PolicyName: "never",
      PolicyDocument: policyOf({ Effect: "Deny", Action: "iam:ListRoles", Resource: "*" }),
    });
    expect((await refusalOf(iam.listRoles({}))).message).toContain("with an explicit deny in an identity-based policy");
  });

  test("is in the caller's own account only", async () => {
    await aws.iam(tenant).createUser({ UserName: "ada" });
    expect((await refusalOf(iam.getUser({ UserName: "ada" }))).name).toBe("NoSuchEntityException");
  });
});

describe("a managed policy", () => {
  const create = (document: string) => createPolicy(aws.cloud, management, { name: "own", path: "/team/", document });
  const add = (arn: string, isDefault: boolean) =>
    createPolicyVersion(aws.cloud, management, arn, may("iam:ListRoles"), isDefault);

  test("has versions, of which one counts", async () => {
    const { arn, defaultVersion } = create(may("ec2:*"));
    expect([arn, defaultVersion]).toEqual([`arn:aws:iam::${management}:policy/team/own`, "v1"]);
    const user = aws.iam(await userWith("ada", may("ec2:*")));
    await iam.attachUserPolicy({ UserName: "ada", PolicyArn: arn });
    add(arn, false);
    expect((await refusalOf(user.listRoles({}))).name).toBe("AccessDenied");
    add(arn, true);
    await user.listRoles({});
    deletePolicyVersion(aws.cloud, management, arn, "v2");
    // A number is never given twice.
    expect(add(arn, false).id).toBe("v4");
    expect(() => deletePolicyVersion(aws.cloud, management, arn, "v3")).toThrow("default version");
    for (const _ of ["v5", "v6"]) add(arn, false);
    expect(() => add(arn, false)).toThrow("A managed policy can have up to 5 versions.");
  });

  test("is not deleted while it is attached, a limit of a role, or has other versions", async () => {
    const { arn } = create(may("ec2:*"));
    const deletion = () => deletePolicy(aws.cloud, management, arn);
    createRole(aws.cloud, management, { name: "one", trust, boundary: arn });
    expect((await iam.getRole({ RoleName: "one" })).Role?.PermissionsBoundary?.PermissionsBoundaryArn).toBe(arn);
    expect(deletion).toThrow("Cannot delete a policy attached to entities.");
    deleteRoleBoundary(aws.cloud, management, "one");
    await iam.attachRolePolicy({ RoleName: "one", PolicyArn: arn });
    expect(deletion).toThrow("Cannot delete a policy attached to entities.");
    await iam.detachRolePolicy({ RoleName: "one", PolicyArn: arn });
    add(arn, true);
    expect(deletion).toThrow("This policy has more than one version.");
    deletePolicyVersion(aws.cloud, management, arn, "v1");
    deletion();
  });

  test("of AWS's own can't be changed", () => {
    const arn = "arn:aws:iam::aws:policy/AdministratorAccess";
    expect(() => deletePolicy(aws.cloud, management, arn)).toThrow("was not found");
    expect(() => add(arn, true)).toThrow("was not found");
  });
});

describe("an identity provider", () => {
  const Url = "https://token.actions.githubusercontent.com";
  const OpenIDConnectProviderArn = `arn:aws:iam::${management}:oidc-provider/token.actions.githubusercontent.com`;

  test("is one per URL and account", async () => {
    const made = await iam.createOpenIDConnectProvider({
      Url,
      ClientIDList: ["sts.amazonaws.com"],
      Tags: [{ Key: "a", Value: "b" }],
    });
    expect(made.OpenIDConnectProviderArn).toBe(OpenIDConnectProviderArn);
    expect(await refusalOf(iam.createOpenIDConnectProvider({ Url }))).toEqual({
      name: "EntityAlreadyExistsException",
      message: `Provider with url ${Url} already exists.`,
    });
    await aws.iam(tenant).createOpenIDConnectProvider({ Url });
    const { OpenIDConnectProviderList: all } = await iam.listOpenIDConnectProviders({});
    expect(all).toEqual([{ Arn: OpenIDConnectProviderArn }]);
  });

  test("is given each client id once", async () => {
    await iam.createOpenIDConnectProvider({
      Url,
      ClientIDList: ["sts.amazonaws.com"],
      Tags: [{ Key: "a", Value: "b" }],
    });
    const more = { OpenIDConnectProviderArn, ClientID: "another" };
    for (let times = 0; times < 2; times += 1) await iam.addClientIDToOpenIDConnectProvider(more);
    const { ClientIDList, Tags } = await iam.getOpenIDConnectProvider({ OpenIDConnectProviderArn });
    expect([ClientIDList, Tags]).toEqual([["sts.amazonaws.com", "another"], [{ Key: "a", Value: "b" }]]);
  });

  test("is gone once it is deleted", async () => {
    await iam.createOpenIDConnectProvider({ Url });
    await iam.deleteOpenIDConnectProvider({ OpenIDConnectProviderArn });
    expect(await refusalOf(iam.getOpenIDConnectProvider({ OpenIDConnectProviderArn }))).toEqual({
      name: "NoSuchEntityException",
      message: `OpenIDConnect Provider not found for arn ${OpenIDConnectProviderArn}`,
    });
    expect((await refusalOf(iam.deleteOpenIDConnectProvider({ OpenIDConnectProviderArn }))).name).toBe(
      "NoSuchEntityException",
    );
  });

  test.each(["http://example.com", "https://example.com?x=1", "https://example.com:8443", "example.com"])(
    "can't be at %s",
    async (wrong) => {
      expect((await refusalOf(iam.createOpenIDConnectProvider({ Url: wrong }))).message).toBe(
        "Invalid Open ID Connect Provider URL",
      );
    },
  );
});
