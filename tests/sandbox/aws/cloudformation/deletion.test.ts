import { afterEach, describe, expect, test } from "bun:test";
import { attachRolePolicy, detachRolePolicy, tryFindRole } from "#sandbox/aws/iam/roles.ts";
import {
  account,
  closeLabs,
  openLab,
  refusal,
  roleTemplate,
  trust,
} from "#tests/sandbox/aws/cloudformation/harness.ts";

afterEach(closeLabs);

const role = (properties: object = {}, more: object = {}) => ({
  Type: "AWS::IAM::Role",
  Properties: { AssumeRolePolicyDocument: trust(), ...properties },
  ...more,
});
const named = { Capabilities: ["CAPABILITY_NAMED_IAM"] as "CAPABILITY_NAMED_IAM"[] };

describe("a stack that is deleted", () => {
  test("is still there by its id, and its events", async () => {
    const lab = await openLab();
    const { StackId = "" } = await lab.deploy("roles", roleTemplate({ RoleName: "one" }));
    await lab.cfn.deleteStack({ StackName: "roles" });
    await lab.service.settled();
    expect(tryFindRole(lab.cloud, account, "one")).toBeUndefined();
    expect((await lab.stack(StackId)).StackStatus).toBe("DELETE_COMPLETE");
    expect(await refusal(lab.cfn.describeStacks({ StackName: "roles" }))).toBe(
      "ValidationError: Stack with id roles does not exist",
    );
    expect((await lab.events(StackId)).at(-1)).toBe("roles DELETE_COMPLETE");
    expect(await refusal(lab.cfn.deleteStack({ StackName: "roles" }))).toBe("not refused");
  });

  test("is refused while it is protected", async () => {
    const lab = await openLab();
    await lab.deploy("roles", roleTemplate());
    await lab.cfn.updateTerminationProtection({ StackName: "roles", EnableTerminationProtection: true });
    expect(await refusal(lab.cfn.deleteStack({ StackName: "roles" }))).toBe(
      "ValidationError: Stack [roles] cannot be deleted while TerminationProtection is enabled",
    );
  });

  test("fails on what resists, and goes once nothing does", async () => {
    const lab = await openLab();
    await lab.deploy("roles", { Resources: { One: role({ RoleName: "one" }), Two: role({ RoleName: "two" }) } });
    attachRolePolicy(lab.cloud, account, "one", "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy");
    await lab.cfn.deleteStack({ StackName: "roles" });
    const failed = await lab.stack("roles");
    expect(failed.StackStatus).toBe("DELETE_FAILED");
    expect(failed.StackStatusReason).toBe("The following resource(s) failed to delete: [One]. ");
    expect(tryFindRole(lab.cloud, account, "two")).toBeUndefined();
    detachRolePolicy(lab.cloud, account, "one", "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy");
    await lab.cfn.deleteStack({ StackName: "roles" });
    expect((await lab.stack(failed.StackId ?? "")).StackStatus).toBe("DELETE_COMPLETE");
    expect(tryFindRole(lab.cloud, account, "one")).toBeUndefined();
  });

  test("while it is being created is created no further, and goes", async () => {
    const lab = await openLab({ speed: 100 });
    const Resources = { One: role({ RoleName: "one" }), Two: role({ RoleName: "two" }, { DependsOn: "One" }) };
    const { StackId = "" } = await lab.cfn.createStack({
      StackName: "roles",
      TemplateBody: JSON.stringify({ Resources }),
      ...named,
    });
    await lab.cfn.deleteStack({ StackName: "roles" });
    expect((await lab.stack(StackId)).StackStatus).toBe("DELETE_COMPLETE");
    expect(await lab.events(StackId)).toEqual([
      "roles CREATE_IN_PROGRESS: User Initiated",
      "One CREATE_IN_PROGRESS",
      "One CREATE_IN_PROGRESS: Resource creation Initiated",
      "roles DELETE_IN_PROGRESS: User Initiated",
      "One CREATE_FAILED: Resource creation cancelled",
      "One DELETE_IN_PROGRESS",
      "One DELETE_COMPLETE",
      "roles DELETE_COMPLETE",
    ]);
    expect(tryFindRole(lab.cloud, account, "one")).toBeUndefined();
  });
});
