import { afterEach, describe, expect, test } from "bun:test";
import { attachRolePolicy, tryFindRole } from "#sandbox/aws/iam/roles.ts";
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

  test("fails on what resists, and can leave it behind then", async () => {
    const lab = await openLab();
    await lab.deploy("roles", { Resources: { One: role({ RoleName: "one" }), Two: role({ RoleName: "two" }) } });
    attachRolePolicy(lab.cloud, account, "one", "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy");
    expect(await refusal(lab.cfn.deleteStack({ StackName: "roles", RetainResources: ["One"] }))).toContain(
      "DELETE_FAILED",
    );
    await lab.cfn.deleteStack({ StackName: "roles" });
    const failed = await lab.stack("roles");
    expect(failed.StackStatus).toBe("DELETE_FAILED");
    expect(failed.StackStatusReason).toBe("The following resource(s) failed to delete: [One]. ");
    expect(tryFindRole(lab.cloud, account, "two")).toBeUndefined();
    await lab.cfn.deleteStack({ StackName: "roles", RetainResources: ["One"] });
    expect((await lab.stack(failed.StackId ?? "")).StackStatus).toBe("DELETE_COMPLETE");
    expect(tryFindRole(lab.cloud, account, "one")).toBeDefined();
  });

  test("goes by force past what resists", async () => {
    const lab = await openLab();
    await lab.deploy("roles", roleTemplate({ RoleName: "one" }));
    attachRolePolicy(lab.cloud, account, "one", "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy");
    await lab.cfn.deleteStack({ StackName: "roles" });
    const { StackId = "" } = await lab.stack("roles");
    await lab.cfn.deleteStack({ StackName: "roles", DeletionMode: "FORCE_DELETE_STACK" });
    expect((await lab.stack(StackId)).StackStatus).toBe("DELETE_COMPLETE");
  });

  test("ends a creation that is under way", async () => {
    const lab = await openLab({ speed: 100 });
    const { StackId = "" } = await lab.cfn.createStack({
      StackName: "roles",
      TemplateBody: JSON.stringify(roleTemplate({ RoleName: "one" })),
      ...named,
    });
    await lab.cfn.deleteStack({ StackName: "roles" });
    expect((await lab.stack(StackId)).StackStatus).toBe("DELETE_COMPLETE");
    expect(tryFindRole(lab.cloud, account, "one")).toBeUndefined();
  });
});

describe("exports", () => {
  const exporting = (value: string) => ({
    Resources: { Role: role() },
    Outputs: { Name: { Value: value, Export: { Name: "shared" } } },
  });
  const importing = { Resources: { Role: role({ Description: { "Fn::ImportValue": "shared" } }) } };

  test("hold their stack as long as another one uses them", async () => {
    const lab = await openLab();
    await lab.deploy("one", exporting("a"));
    await lab.deploy("two", importing);
    expect((await lab.cfn.listExports({})).Exports?.map(({ Name, Value }) => `${Name}=${Value}`)).toEqual(["shared=a"]);
    expect((await lab.cfn.listImports({ ExportName: "shared" })).Imports).toEqual(["two"]);
    await lab.cfn.deleteStack({ StackName: "one" });
    const held = await lab.stack("one");
    expect(held.StackStatus).toBe("CREATE_COMPLETE");
    expect(held.StackStatusReason).toBe("Delete canceled. Cannot delete export shared as it is in use by two.");
    const changed = await lab.deploy("one", exporting("b"));
    expect(changed.StackStatus).toBe("UPDATE_ROLLBACK_COMPLETE");
    expect((await lab.events("one")).join("\n")).toContain("Export shared cannot be updated as it is in use by two");
    await lab.cfn.deleteStack({ StackName: "two" });
    await lab.service.settled();
    await lab.cfn.deleteStack({ StackName: "one" });
    await lab.service.settled();
    expect((await lab.cfn.listExports({})).Exports).toEqual([]);
  });

  test("have a name once", async () => {
    const lab = await openLab();
    await lab.deploy("one", exporting("a"));
    const second = await lab.deploy("two", exporting("a"));
    expect(second.StackStatus).toBe("ROLLBACK_COMPLETE");
    expect((await lab.events("two")).join("\n")).toContain("Export with name shared is already exported by stack one");
  });
});
