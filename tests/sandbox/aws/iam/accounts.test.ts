import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { IAM } from "@aws-sdk/client-iam";
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
    const { User: made } = await iam.createUser({ UserName: "ada", Path: "/team/", Tags: [{ Key: "a", Value: "b" }] });
    expect(made?.Arn).toBe(`arn:aws:iam::${management}:user/team/ada`);
    const PolicyArn = "arn:aws:iam::aws:policy/AdministratorAccess";
    await iam.attachUserPolicy({ UserName: "ada", PolicyArn });
    await iam.putUserPolicy({ UserName: "ada", PolicyName: "own", PolicyDocument: may("ec2:*") });
    const { AccessKey: key } = await iam.createAccessKey({ UserName: "ada" });
    expect(key?.AccessKeyId).toMatch(/^AKIA[A-Z2-7]{16}$/);
    expect(key?.SecretAccessKey?.length).toBe(40);
    const deletion = async () => (await refusalOf(iam.deleteUser({ UserName: "ada" }))).message;
    expect(await deletion()).toContain("must detach all policies first");
    await iam.detachUserPolicy({ UserName: "ada", PolicyArn });
    expect(await deletion()).toContain("must delete policies first");
    await iam.deleteUserPolicy({ UserName: "ada", PolicyName: "own" });
    expect(await deletion()).toContain("must delete access keys first");
    await iam.deleteAccessKey({ UserName: "ada", AccessKeyId: key?.AccessKeyId });
    await iam.deleteUser({ UserName: "ada" });
    expect((await refusalOf(iam.getUser({ UserName: "ada" }))).name).toBe("NoSuchEntityException");
  });

  test("has two keys at most, and is told its secrets once", async () => {
    await iam.createAccessKey({});
    expect((await refusalOf(iam.createAccessKey({}))).message).toBe("Cannot exceed quota for AccessKeysPerUser: 2");
    const { AccessKeyMetadata: keys } = await iam.listAccessKeys({ UserName: "aws-cli" });
    expect(keys?.map(({ AccessKeyId: id }) => id?.slice(0, 4))).toEqual(["AKIA", "AKIA"]);
    expect(JSON.stringify(keys)).not.toContain("Secret");
  });

  test("is the caller where none is named", async () => {
    expect((await iam.getUser({})).User?.UserName).toBe("aws-cli");
  });
});

describe("what a caller may do", () => {
  test.each([
    ["listUsers", "iam:ListUsers", `arn:aws:iam::${management}:user/`],
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
          Action: ["iam:CreateRole", "iam:TagRole"],
          Resource: clusters,
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
    const trust = policyOf({ Effect: "Allow", Principal: { Service: "eks.amazonaws.com" }, Action: "sts:AssumeRole" });
    const make = (RoleName: string, Path: string, Value: string) =>
      maker.createRole({ RoleName, Path, AssumeRolePolicyDocument: trust, Tags: [{ Key: "project", Value }] });
    await make("one", "/clusters/", "fleet");
    expect((await refusalOf(make("two", "/", "fleet"))).name).toBe("AccessDenied");
    expect((await refusalOf(make("two", "/clusters/", "other"))).name).toBe("AccessDenied");
    await maker.attachRolePolicy({ RoleName: "one", PolicyArn });
    const admin = maker.attachRolePolicy({ RoleName: "one", PolicyArn: "arn:aws:iam::aws:policy/AdministratorAccess" });
    expect((await refusalOf(admin)).name).toBe("AccessDenied");
    await iam.detachRolePolicy({ RoleName: "one", PolicyArn });
    await iam.createRole({ RoleName: "foreign", Path: "/clusters/", AssumeRolePolicyDocument: trust });
    expect((await refusalOf(maker.deleteRole({ RoleName: "foreign" }))).name).toBe("AccessDenied");
    await maker.deleteRole({ RoleName: "one" });
  });

  test("has to cover tags too, where something is made with tags", async () => {
    const maker = aws.iam(await userWith("maker", may(["iam:CreateRole", "iam:CreateUser"])));
    const trust = policyOf({ Effect: "Allow", Principal: { AWS: management }, Action: "sts:AssumeRole" });
    const role = { RoleName: "one", AssumeRolePolicyDocument: trust };
    const Tags = [{ Key: "a", Value: "b" }];
    expect((await refusalOf(maker.createRole({ ...role, Tags }))).message).toContain("iam:TagRole");
    expect((await refusalOf(maker.createUser({ UserName: "one", Tags }))).message).toContain("iam:TagUser");
    await maker.createRole(role);
  });

  test("ends at a denial, also for an administrator", async () => {
    await iam.putUserPolicy({
      UserName: "aws-cli",
      PolicyName: "never",
      PolicyDocument: policyOf({ Effect: "Deny", Action: "iam:ListUsers", Resource: "*" }),
    });
    expect((await refusalOf(iam.listUsers({}))).message).toContain("with an explicit deny in an identity-based policy");
  });

  test("is in the caller's own account only", async () => {
    await aws.iam(tenant).createUser({ UserName: "ada" });
    expect((await refusalOf(iam.getUser({ UserName: "ada" }))).name).toBe("NoSuchEntityException");
  });
});

describe("a managed policy", () => {
  test("has versions, of which one counts", async () => {
    const { Policy: policy } = await iam.createPolicy({
      PolicyName: "own",
      Path: "/team/",
      PolicyDocument: may("ec2:*"),
    });
    const PolicyArn = policy?.Arn;
    expect([PolicyArn, policy?.DefaultVersionId]).toEqual([`arn:aws:iam::${management}:policy/team/own`, "v1"]);
    const add = (SetAsDefault: boolean) =>
      iam.createPolicyVersion({ PolicyArn, PolicyDocument: may("iam:ListUsers"), SetAsDefault });
    await add(false);
    await add(true);
    await iam.deletePolicyVersion({ PolicyArn, VersionId: "v2" });
    // A number is never given twice.
    expect((await add(false)).PolicyVersion?.VersionId).toBe("v4");
    expect((await iam.getPolicy({ PolicyArn })).Policy?.DefaultVersionId).toBe("v3");
    const { PolicyVersion: read } = await iam.getPolicyVersion({ PolicyArn, VersionId: "v3" });
    expect(decodeURIComponent(read?.Document ?? "")).toBe(may("iam:ListUsers"));
    expect((await refusalOf(iam.deletePolicyVersion({ PolicyArn, VersionId: "v3" }))).name).toBe(
      "DeleteConflictException",
    );
    await add(false);
    await add(false);
    expect((await refusalOf(add(false))).message).toStartWith("A managed policy can have up to 5 versions.");
    const versions = (await iam.listPolicyVersions({ PolicyArn })).Versions ?? [];
    expect(versions.map(({ VersionId: id, IsDefaultVersion: counts }) => `${id} ${counts}`)).toEqual([
      "v6 false",
      "v5 false",
      "v4 false",
      "v3 true",
      "v1 false",
    ]);
  });

  test("gives what its default version allows, from then on", async () => {
    const user = aws.iam(await userWith("ada", may("ec2:*")));
    const { Policy: policy } = await iam.createPolicy({ PolicyName: "own", PolicyDocument: may("ec2:*") });
    await iam.attachUserPolicy({ UserName: "ada", PolicyArn: policy?.Arn });
    expect((await refusalOf(user.listUsers({}))).name).toBe("AccessDenied");
    await iam.createPolicyVersion({ PolicyArn: policy?.Arn, PolicyDocument: may("iam:ListUsers"), SetAsDefault: true });
    await user.listUsers({});
  });

  test("is not deleted while it is attached, a limit of a role, or has other versions", async () => {
    const { Policy: policy } = await iam.createPolicy({ PolicyName: "own", PolicyDocument: may("ec2:*") });
    const PolicyArn = policy?.Arn;
    const trust = policyOf({ Effect: "Allow", Principal: { AWS: management }, Action: "sts:AssumeRole" });
    const deletion = async () => (await refusalOf(iam.deletePolicy({ PolicyArn }))).message;
    await iam.createRole({ RoleName: "one", AssumeRolePolicyDocument: trust, PermissionsBoundary: PolicyArn });
    expect((await iam.getRole({ RoleName: "one" })).Role?.PermissionsBoundary?.PermissionsBoundaryArn).toBe(PolicyArn);
    expect(await deletion()).toBe("Cannot delete a policy attached to entities.");
    await iam.deleteRolePermissionsBoundary({ RoleName: "one" });
    await iam.attachRolePolicy({ RoleName: "one", PolicyArn });
    expect(await deletion()).toBe("Cannot delete a policy attached to entities.");
    await iam.detachRolePolicy({ RoleName: "one", PolicyArn });
    await iam.createPolicyVersion({ PolicyArn, PolicyDocument: may("iam:ListUsers"), SetAsDefault: true });
    expect(await deletion()).toContain("This policy has more than one version.");
    await iam.deletePolicyVersion({ PolicyArn, VersionId: "v1" });
    await iam.deletePolicy({ PolicyArn });
  });

  test("of AWS's own is there word for word, and can't be changed", async () => {
    const PolicyArn = "arn:aws:iam::aws:policy/AdministratorAccess";
    const { Policy: policy } = await iam.getPolicy({ PolicyArn });
    const { PolicyVersion: version } = await iam.getPolicyVersion({ PolicyArn, VersionId: policy?.DefaultVersionId });
    expect(JSON.parse(decodeURIComponent(version?.Document ?? ""))).toEqual({
      Version: "2012-10-17",
      Statement: [{ Action: "*", Effect: "Allow", Resource: "*" }],
    });
    for (const wish of [
      iam.deletePolicy({ PolicyArn }),
      iam.createPolicyVersion({ PolicyArn, PolicyDocument: may("ec2:*") }),
      iam.getPolicy({ PolicyArn: "arn:aws:iam::aws:policy/PowerUserAccess" }),
    ]) {
      expect((await refusalOf(wish)).name).toBe("NoSuchEntityException");
    }
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

  test("is given client ids and tags, once each, and loses them again", async () => {
    await iam.createOpenIDConnectProvider({ Url, ClientIDList: ["sts.amazonaws.com"] });
    const more = { OpenIDConnectProviderArn, ClientID: "another" };
    for (let times = 0; times < 2; times += 1) await iam.addClientIDToOpenIDConnectProvider(more);
    const clients = async () => (await iam.getOpenIDConnectProvider({ OpenIDConnectProviderArn })).ClientIDList;
    expect(await clients()).toEqual(["sts.amazonaws.com", "another"]);
    for (let times = 0; times < 2; times += 1) await iam.removeClientIDFromOpenIDConnectProvider(more);
    expect(await clients()).toEqual(["sts.amazonaws.com"]);
    await iam.tagOpenIDConnectProvider({ OpenIDConnectProviderArn, Tags: [{ Key: "a", Value: "b" }] });
    expect((await iam.listOpenIDConnectProviderTags({ OpenIDConnectProviderArn })).Tags).toEqual([
      { Key: "a", Value: "b" },
    ]);
    await iam.untagOpenIDConnectProvider({ OpenIDConnectProviderArn, TagKeys: ["a"] });
    expect((await iam.listOpenIDConnectProviderTags({ OpenIDConnectProviderArn })).Tags).toEqual([]);
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
