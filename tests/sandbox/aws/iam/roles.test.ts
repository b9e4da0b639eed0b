import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { IAM } from "@aws-sdk/client-iam";
import { createPolicy } from "#sandbox/aws/iam/managed-policies.ts";
import { createRole, type NewRole } from "#sandbox/aws/iam/roles.ts";
import {
  keysOf,
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

const trusting = (principal: unknown, more: object = {}) =>
  policyOf({ Effect: "Allow", Principal: principal, Action: "sts:AssumeRole", ...more });
const trust = trusting({ Service: "eks.amazonaws.com" });
const may = policyOf({ Effect: "Allow", Action: "ec2:*", Resource: "*" });

const make = (RoleName: string, AssumeRolePolicyDocument = trust) =>
  iam.createRole({ RoleName, AssumeRolePolicyDocument });
/** As a stack creates it, with everything that a template can say. */
const makeByStack = (more: Partial<NewRole>) => createRole(aws.cloud, management, { name: "one", trust, ...more });

const tagsOf = (...keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, ""]));

describe("a role", () => {
  test("is made, read, changed and deleted", async () => {
    const made = makeByStack({ path: "/team/", description: "first", maxSessionSeconds: 7_200, tags: { a: "1" } });
    expect(made.arn).toBe(`arn:aws:iam::${management}:role/team/one`);
    expect((await iam.getRole({ RoleName: "one" })).Role).toMatchObject({
      Arn: made.arn,
      MaxSessionDuration: 7_200,
      Tags: [{ Key: "a", Value: "1" }],
    });
    await iam.updateRole({ RoleName: "one", MaxSessionDuration: 3_600 });
    await iam.updateAssumeRolePolicy({ RoleName: "one", PolicyDocument: trusting({ AWS: tenant }) });
    const { Role: read } = await iam.getRole({ RoleName: "one" });
    expect(read).toMatchObject({ Description: "first", MaxSessionDuration: 3_600, RoleId: made.id });
    expect(JSON.parse(decodeURIComponent(read?.AssumeRolePolicyDocument ?? ""))).toEqual(
      JSON.parse(trusting({ AWS: tenant })),
    );
    expect(read?.CreateDate).toBeInstanceOf(Date);
    await iam.deleteRole({ RoleName: "one" });
    expect(await refusalOf(iam.getRole({ RoleName: "one" }))).toEqual({
      name: "NoSuchEntityException",
      message: "The role with name one cannot be found.",
    });
  });

  test("is one per name, whatever its case or path", async () => {
    await make("one");
    expect((await refusalOf(make("ONE"))).name).toBe("EntityAlreadyExistsException");
    expect(() => makeByStack({ path: "/team/" })).toThrow("already exists");
    await aws.iam(tenant).createRole({ RoleName: "one", AssumeRolePolicyDocument: trust });
  });

  test.each([
    ["a long name", { name: "x".repeat(65) }, /roleName.*less than or equal to 64/],
    ["a space in its name", { name: "a b" }, /The specified value for roleName is invalid/],
    ["half a path", { path: "team" }, /The specified value for path is invalid/],
    ["short sessions", { maxSessionSeconds: 3_599 }, /maxSessionDuration.*greater than or equal to 3600/],
    ["long sessions", { maxSessionSeconds: 43_201 }, /maxSessionDuration.*less than or equal to 43200/],
    ["a tag of AWS's own", { tags: tagsOf("aws:own") }, /aws: prefixed tag key names are not allowed/],
    ["a tag in two cases", { tags: tagsOf("a", "A") }, /Duplicate tag keys found/],
    ["51 tags", { tags: tagsOf(...Array.from({ length: 51 }, (_, index) => `k${index}`)) }, /maximum limit/],
    ["a boundary that isn't there", { boundary: `arn:aws:iam::${management}:policy/none` }, /does not exist/],
  ] as const)("is refused with %s", async (_, more, message) => {
    expect(() => makeByStack(more)).toThrow(message);
    expect((await iam.listRoles({})).Roles).toEqual([]);
  });

  test("is listed with others by name, page by page", async () => {
    for (const name of ["c", "a", "b"]) await make(name);
    const first = await iam.listRoles({ MaxItems: 2 });
    expect([first.IsTruncated, first.Roles?.map(({ RoleName: name }) => name)]).toEqual([true, ["a", "b"]]);
    const second = await iam.listRoles({ MaxItems: 2, Marker: first.Marker });
    expect([second.IsTruncated, second.Roles?.map(({ RoleName: name }) => name)]).toEqual([false, ["c"]]);
  });
});

describe("a trust policy", () => {
  test.each([
    ["AWS", `arn:aws:iam::${tenant}:role/none`],
    ["AWS", `arn:aws:iam::${management}:user/none`],
    ["AWS", `arn:aws:iam::${management}:role/*`],
    ["AWS", `arn:aws:sts::${management}:assumed-role/none/ada`],
    ["AWS", "123"],
    ["Service", "somebody"],
  ] as const)("may not name the %s %s, which isn't there", async (kind, name) => {
    const shown = kind === "Service" ? "SERVICE" : kind;
    expect(await refusalOf(make("one", trusting({ [kind]: name })))).toEqual({
      name: "MalformedPolicyDocumentException",
      message: `Invalid principal in policy: "${shown}":"${name}"`,
    });
  });

  test("forgets a role that is made again under the same name, and tells it by its old id", async () => {
    const { Role: caller } = await make("caller");
    await make("one", trusting({ AWS: caller?.Arn }));
    await iam.deleteRole({ RoleName: "caller" });
    const told = async () => {
      const { Role: role } = await iam.getRole({ RoleName: "one" });
      return JSON.parse(decodeURIComponent(role?.AssumeRolePolicyDocument ?? "")).Statement[0].Principal.AWS;
    };
    expect(await told()).toBe(caller?.RoleId);
    await make("caller", trusting({ AWS: management }));
    expect(await told()).toBe(caller?.RoleId);
    const RoleArn = `arn:aws:iam::${management}:role/one`;
    const sts = aws.sts(management);
    const session = await sts.assumeRole({ RoleArn: caller?.Arn, RoleSessionName: "ada" });
    const again = () => aws.sts(keysOf(session.Credentials)).assumeRole({ RoleArn, RoleSessionName: "ada" });
    expect((await refusalOf(again())).name).toBe("AccessDenied");
    await iam.updateAssumeRolePolicy({ RoleName: "one", PolicyDocument: trusting({ AWS: caller?.Arn }) });
    await again();
  });

  test("has a limit of its own", async () => {
    const values = Array.from({ length: 200 }, (_, index) => `repo:example/r${index}`);
    const long = trusting("*", { Condition: { StringEquals: { "sts:ExternalId": values } } });
    expect(await refusalOf(make("one", long))).toEqual({
      name: "LimitExceededException",
      message: "Cannot exceed quota for ACLSizePerRole: 2048",
    });
    // White space does not count.
    await make("one", JSON.stringify(JSON.parse(trust), undefined, 8).padEnd(4_000));
  });
});

describe("policies of a role", () => {
  beforeEach(async () => void (await make("one")));

  test("are inline or attached, and keep the role from being deleted", async () => {
    await iam.putRolePolicy({ RoleName: "one", PolicyName: "own", PolicyDocument: may });
    const PolicyArn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy";
    for (let times = 0; times < 2; times += 1) await iam.attachRolePolicy({ RoleName: "one", PolicyArn });
    expect((await iam.listRolePolicies({ RoleName: "one" })).PolicyNames).toEqual(["own"]);
    const { PolicyDocument: read } = await iam.getRolePolicy({ RoleName: "one", PolicyName: "own" });
    expect(decodeURIComponent(read ?? "")).toBe(may);
    expect((await iam.listAttachedRolePolicies({ RoleName: "one" })).AttachedPolicies).toEqual([
      { PolicyName: "AmazonEKSClusterPolicy", PolicyArn },
    ]);
    const deletion = () => refusalOf(iam.deleteRole({ RoleName: "one" }));
    expect((await deletion()).message).toBe("Cannot delete entity, must detach all policies first.");
    await iam.detachRolePolicy({ RoleName: "one", PolicyArn });
    expect(await deletion()).toEqual({
      name: "DeleteConflictException",
      message: "Cannot delete entity, must delete policies first.",
    });
    await iam.deleteRolePolicy({ RoleName: "one", PolicyName: "own" });
    await iam.deleteRole({ RoleName: "one" });
  });

  test("that aren't there are neither read, deleted, attached nor detached", async () => {
    const PolicyArn = `arn:aws:iam::${management}:policy/none`;
    const wishes = [
      iam.getRolePolicy({ RoleName: "one", PolicyName: "none" }),
      iam.deleteRolePolicy({ RoleName: "one", PolicyName: "toString" }),
      iam.attachRolePolicy({ RoleName: "one", PolicyArn }),
      iam.attachRolePolicy({ RoleName: "one", PolicyArn: "arn:aws:iam::aws:policy/AmazonNothing" }),
      iam.detachRolePolicy({ RoleName: "one", PolicyArn }),
    ];
    for (const wish of wishes) expect((await refusalOf(wish)).name).toBe("NoSuchEntityException");
  });

  test("have limits: in size, and in number", async () => {
    const action = "ec2:DescribeNetworkInterfacePermissions";
    const long = policyOf(...Array.from({ length: 120 }, () => ({ Effect: "Allow", Action: action, Resource: "*" })));
    const put = (PolicyName: string) => iam.putRolePolicy({ RoleName: "one", PolicyName, PolicyDocument: long });
    await put("first");
    expect(await refusalOf(put("second"))).toEqual({
      name: "LimitExceededException",
      message: "Maximum policy size of 10240 bytes exceeded for role one",
    });
    for (let index = 0; index < 11; index += 1) {
      const { arn } = createPolicy(aws.cloud, management, { name: `p${index}`, document: may });
      const attaching = iam.attachRolePolicy({ RoleName: "one", PolicyArn: arn });
      if (index < 10) await attaching;
      else expect((await refusalOf(attaching)).message).toBe("Cannot exceed quota for PoliciesPerRole: 10");
    }
  });
});
