import { afterEach, describe, expect, test } from "bun:test";
import { iamOf } from "#sandbox/aws/iam/model.ts";
import { createRole, findRole, tryFindRole } from "#sandbox/aws/iam/roles.ts";
import {
  account,
  closeLabs,
  openLab,
  parametersOf,
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
/** IAM refuses it: there is no such policy. */
const broken = role({ ManagedPolicyArns: ["arn:aws:iam::aws:policy/NoSuchPolicy"] });
const named = { Capabilities: ["CAPABILITY_NAMED_IAM"] as "CAPABILITY_NAMED_IAM"[] };

describe("a stack that is made", () => {
  test("tells every step, with the token of the caller", async () => {
    const lab = await openLab();
    await lab.cfn.createStack({
      StackName: "roles",
      TemplateBody: JSON.stringify(roleTemplate({ RoleName: "one" })),
      ClientRequestToken: "token-1",
      ...named,
    });
    const stack = await lab.stack("roles");
    expect(stack.StackStatus).toBe("CREATE_COMPLETE");
    expect(stack.Outputs).toEqual([{ OutputKey: "Arn", OutputValue: `arn:aws:iam::${account}:role/one` }]);
    expect(await lab.events("roles")).toEqual([
      "roles CREATE_IN_PROGRESS: User Initiated",
      "Role CREATE_IN_PROGRESS",
      "Role CREATE_IN_PROGRESS: Resource creation Initiated",
      "Role CREATE_COMPLETE",
      "roles CREATE_COMPLETE",
    ]);
    const { StackEvents = [] } = await lab.cfn.describeStackEvents({ StackName: "roles" });
    expect(new Set(StackEvents.map(({ ClientRequestToken }) => ClientRequestToken))).toEqual(new Set(["token-1"]));
  });

  test("is made once for one token", async () => {
    const lab = await openLab();
    const input = {
      StackName: "roles",
      TemplateBody: JSON.stringify(roleTemplate()),
      ClientRequestToken: "t",
      ...named,
    };
    const first = await lab.cfn.createStack(input);
    const second = await lab.cfn.createStack(input);
    expect(second.StackId).toBe(first.StackId);
    expect(await refusal(lab.cfn.createStack({ ...input, ClientRequestToken: "u" }))).toBe(
      "AlreadyExistsException: Stack [roles] already exists",
    );
  });

  test("needs a yes to roles, and another one to names of roles", async () => {
    const lab = await openLab();
    const create = (template: object, capabilities: "CAPABILITY_IAM"[]) =>
      refusal(
        lab.cfn.createStack({ StackName: "s", TemplateBody: JSON.stringify(template), Capabilities: capabilities }),
      );
    expect(await create(roleTemplate(), [])).toBe(
      "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_IAM]",
    );
    expect(await create(roleTemplate({ RoleName: "n" }), ["CAPABILITY_IAM"])).toBe(
      "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_NAMED_IAM]",
    );
  });

  test("goes back when a resource fails, and can only be deleted then", async () => {
    const lab = await openLab();
    const template = { Resources: { Good: role({ RoleName: "good" }), Bad: { ...broken, DependsOn: "Good" } } };
    const stack = await lab.deploy("roles", template);
    expect(stack.StackStatus).toBe("ROLLBACK_COMPLETE");
    expect(tryFindRole(lab.cloud, account, "good")).toBeUndefined();
    const events = await lab.events("roles");
    expect(events).toContain(
      "roles ROLLBACK_IN_PROGRESS: The following resource(s) failed to create: [Bad]. Rollback requested by user.",
    );
    expect(await lab.failures("roles")).toEqual([expect.stringContaining("NoSuchPolicy")]);
    expect(await refusal(lab.deploy("roles", template))).toBe(
      `ValidationError: Stack:${stack.StackId} is in ROLLBACK_COMPLETE state and can not be updated.`,
    );
  });

  test("tells of its other resources that they were cancelled", async () => {
    const lab = await openLab({ speed: 500 });
    await lab.deploy("roles", { Resources: { Slow: role(), Bad: broken } });
    expect(await lab.failures("roles")).toContain("Slow: Resource creation cancelled");
    expect((await lab.stack("roles")).StackStatus).toBe("ROLLBACK_COMPLETE");
  });

  test("stays as it is after a failure with rollback off, and goes on from there", async () => {
    const lab = await openLab();
    const stack = await lab.deploy(
      "roles",
      { Resources: { Good: role({ RoleName: "good" }), Bad: broken } },
      { OnStackFailure: "DO_NOTHING" },
    );
    expect(stack.StackStatus).toBe("CREATE_FAILED");
    expect(findRole(lab.cloud, account, "good").name).toBe("good");
    const fixed = { Resources: { Good: role({ RoleName: "good" }), Bad: role() } };
    expect(await refusal(lab.deploy("roles", fixed))).toContain("non-terminal [CREATE_FAILED] state");
    const updated = await lab.deploy("roles", fixed, { OnStackFailure: "DO_NOTHING" });
    expect(updated.StackStatus).toBe("UPDATE_COMPLETE");
  });

  test("never touches what has its names already", async () => {
    const lab = await openLab();
    createRole(lab.cloud, account, { name: "taken", trust: JSON.stringify(trust()) });
    await lab.cfn.createStack({
      StackName: "roles",
      TemplateBody: JSON.stringify(roleTemplate({ RoleName: "taken" })),
      ...named,
    });
    expect((await lab.stack("roles")).StackStatus).toBe("ROLLBACK_COMPLETE");
    expect(await lab.failures("roles")).toEqual([
      expect.stringContaining("Resource of type 'AWS::IAM::Role' with identifier 'taken' already exists."),
    ]);
    expect(findRole(lab.cloud, account, "taken").name).toBe("taken");
  });

  test("keeps what is to be retained", async () => {
    const lab = await openLab();
    const kept = role({ RoleName: "kept" }, { DeletionPolicy: "Retain" });
    await lab.deploy("one", { Resources: { Kept: kept, Bad: { ...broken, DependsOn: "Kept" } } });
    await lab.deploy("two", roleTemplate({ RoleName: "stays" }, { DeletionPolicy: "Retain" }));
    await lab.cfn.deleteStack({ StackName: "two" });
    await lab.service.settled();
    expect(tryFindRole(lab.cloud, account, "kept")).toBeDefined();
    expect(tryFindRole(lab.cloud, account, "stays")).toBeDefined();
  });
});

describe("a stack that is updated", () => {
  test("changes in place, and says when there is nothing to do", async () => {
    const lab = await openLab();
    await lab.deploy("roles", roleTemplate({ RoleName: "one" }));
    const stack = await lab.deploy("roles", roleTemplate({ RoleName: "one", MaxSessionDuration: 7200 }));
    expect(stack.StackStatus).toBe("UPDATE_COMPLETE");
    expect(findRole(lab.cloud, account, "one").maxSessionSeconds).toBe(7200);
    const again = lab.deploy("roles", roleTemplate({ RoleName: "one", MaxSessionDuration: 7200 }));
    expect(await refusal(again)).toBe(
      "Error: change set FAILED: The submitted information didn't contain changes. Submit different information to create a change set.",
    );
  });

  test("replaces what can't change, and removes the old one at the end", async () => {
    const lab = await openLab();
    await lab.deploy("roles", roleTemplate({ RoleName: "old" }));
    await lab.deploy("roles", roleTemplate({ RoleName: "new" }));
    expect(tryFindRole(lab.cloud, account, "old")).toBeUndefined();
    expect(findRole(lab.cloud, account, "new").name).toBe("new");
    const events = (await lab.events("roles")).slice(-7);
    expect(events).toEqual([
      "Role UPDATE_IN_PROGRESS: Requested update requires the creation of a new physical resource; hence creating one.",
      "Role UPDATE_IN_PROGRESS: Resource creation Initiated",
      "Role UPDATE_COMPLETE",
      "roles UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
      "Role DELETE_IN_PROGRESS",
      "Role DELETE_COMPLETE",
      "roles UPDATE_COMPLETE",
    ]);
  });

  test("can't replace what has to keep its name", async () => {
    const lab = await openLab();
    await lab.deploy("roles", roleTemplate({ RoleName: "one" }));
    const stack = await lab.deploy("roles", roleTemplate({ RoleName: "one", Path: "/x/" }));
    expect(stack.StackStatus).toBe("UPDATE_ROLLBACK_COMPLETE");
    expect(await lab.failures("roles")).toEqual([
      "Role: CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename one and update the stack again.",
    ]);
  });

  test("goes back to what it was when a resource fails", async () => {
    const lab = await openLab();
    const before = roleTemplate({ RoleName: "one" });
    await lab.deploy("roles", before);
    const stack = await lab.deploy("roles", {
      Resources: {
        Role: role({ RoleName: "one", MaxSessionDuration: 7200 }),
        New: role({ RoleName: "new" }),
        Bad: { ...broken, DependsOn: ["Role", "New"] },
      },
    });
    expect(stack.StackStatus).toBe("UPDATE_ROLLBACK_COMPLETE");
    expect(findRole(lab.cloud, account, "one").maxSessionSeconds).toBe(3600);
    expect(tryFindRole(lab.cloud, account, "new")).toBeUndefined();
    const { TemplateBody } = await lab.cfn.getTemplate({ StackName: "roles" });
    expect(JSON.parse(TemplateBody ?? "")).toEqual(before);
    const { StackResourceSummaries = [] } = await lab.cfn.listStackResources({ StackName: "roles" });
    expect(StackResourceSummaries.map(({ LogicalResourceId }) => LogicalResourceId)).toEqual(["Role"]);
  });

  test("stays failed with rollback off, until it is rolled back", async () => {
    const lab = await openLab();
    await lab.deploy("roles", roleTemplate({ RoleName: "one" }));
    const failed = await lab.deploy(
      "roles",
      { Resources: { Role: role({ RoleName: "one", MaxSessionDuration: 7200 }), Bad: broken } },
      { OnStackFailure: "DO_NOTHING" },
    );
    expect(failed.StackStatus).toBe("UPDATE_FAILED");
    await lab.cfn.rollbackStack({ StackName: "roles" });
    expect((await lab.stack("roles")).StackStatus).toBe("UPDATE_ROLLBACK_COMPLETE");
    expect(findRole(lab.cloud, account, "one").maxSessionSeconds).toBe(3600);
  });

  test("is stuck when the way back fails too, and goes on when told to", async () => {
    const lab = await openLab();
    await lab.deploy("roles", roleTemplate({ RoleName: "one" }));
    // Somebody takes the role away: it can neither be changed nor changed back.
    delete iamOf(lab.cloud, account).roles.one;
    await lab.deploy("roles", roleTemplate({ RoleName: "one", MaxSessionDuration: 7200 }));
    expect((await lab.stack("roles")).StackStatus).toBe("UPDATE_ROLLBACK_FAILED");
    expect(await refusal(lab.cfn.continueUpdateRollback({ StackName: "roles", ResourcesToSkip: ["Other"] }))).toContain(
      "[Other]",
    );
    await lab.cfn.continueUpdateRollback({ StackName: "roles", ResourcesToSkip: ["Role"] });
    expect((await lab.stack("roles")).StackStatus).toBe("UPDATE_ROLLBACK_COMPLETE");
  });

  test("gives its tags to its resources, and keeps them when none are sent", async () => {
    const lab = await openLab();
    await lab.deploy("roles", roleTemplate({ RoleName: "one", Tags: [{ Key: "own", Value: "1" }] }), {
      Tags: [{ Key: "project", Value: "fleet" }],
    });
    expect(findRole(lab.cloud, account, "one").tags).toEqual({ own: "1", project: "fleet" });
    await lab.deploy("roles", roleTemplate({ RoleName: "one", Tags: [{ Key: "own", Value: "2" }] }));
    expect(findRole(lab.cloud, account, "one").tags).toEqual({ own: "2", project: "fleet" });
    await lab.deploy("roles", roleTemplate({ RoleName: "one", Tags: [{ Key: "own", Value: "2" }] }), { Tags: [] });
    expect(findRole(lab.cloud, account, "one").tags).toEqual({ own: "2" });
  });

  test("takes values of before for parameters, and asks for new ones", async () => {
    const lab = await openLab();
    const template = {
      Parameters: { Name: { Type: "String" }, Hours: { Type: "Number", Default: 1 } },
      Resources: {
        Role: role({ RoleName: { Ref: "Name" }, Description: { "Fn::Join": [" ", [{ Ref: "Hours" }, "hours"]] } }),
      },
    };
    expect(await refusal(lab.deploy("roles", template))).toBe("ValidationError: Parameters: [Name] must have values");
    await lab.deploy("roles", template, { Parameters: parametersOf({ Name: "one" }) });
    await lab.deploy("roles", template, {
      Parameters: [
        { ParameterKey: "Name", UsePreviousValue: true },
        { ParameterKey: "Hours", ParameterValue: "2" },
      ],
    });
    expect(findRole(lab.cloud, account, "one").description).toBe("2 hours");
  });
});
