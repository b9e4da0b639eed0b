import { afterEach, describe, expect, test } from "bun:test";
import { createRole } from "#sandbox/aws/iam/roles.ts";
import {
  account,
  closeLabs,
  type Lab,
  openLab,
  refusal,
  roleTemplate,
  trust,
} from "#tests/sandbox/aws/cloudformation/harness.ts";

afterEach(closeLabs);

const role = (properties: object = {}) => ({
  Type: "AWS::IAM::Role",
  Properties: { AssumeRolePolicyDocument: trust(), ...properties },
});

async function compare(lab: Lab, StackName: string, template: object, more: object = {}) {
  const { Id } = await lab.cfn.createChangeSet({
    StackName,
    ChangeSetName: "look",
    TemplateBody: JSON.stringify(template),
    Capabilities: ["CAPABILITY_NAMED_IAM"],
    ...more,
  });
  await lab.service.settled();
  return lab.cfn.describeChangeSet({ ChangeSetName: Id });
}

describe("a change set", () => {
  test("of a new stack leaves it in review, and makes nothing", async () => {
    const lab = await openLab();
    const found = await compare(lab, "roles", roleTemplate({ RoleName: "one" }), { ChangeSetType: "CREATE" });
    expect(found).toMatchObject({ Status: "CREATE_COMPLETE", ExecutionStatus: "AVAILABLE" });
    expect(found.Changes?.[0]?.ResourceChange).toMatchObject({
      Action: "Add",
      LogicalResourceId: "Role",
      ResourceType: "AWS::IAM::Role",
    });
    expect((await lab.stack("roles")).StackStatus).toBe("REVIEW_IN_PROGRESS");
    await lab.cfn.deleteChangeSet({ ChangeSetName: "look", StackName: "roles" });
    expect(await refusal(lab.cfn.describeChangeSet({ ChangeSetName: "look", StackName: "roles" }))).toBe(
      "ChangeSetNotFoundException: ChangeSet [look] does not exist",
    );
    await lab.cfn.deleteStack({ StackName: "roles" });
    await lab.service.settled();
    expect(await refusal(lab.cfn.describeStacks({ StackName: "roles" }))).toContain("does not exist");
  });

  test("shows what is replaced, with the resources that depend on it", async () => {
    const lab = await openLab();
    const template = (name: string, hours: number, more: object = {}) => ({
      Parameters: { Seconds: { Type: "Number", Default: hours } },
      Resources: {
        Role: role({ RoleName: name, MaxSessionDuration: { Ref: "Seconds" } }),
        Leaning: role({ Description: { "Fn::GetAtt": ["Role", "Arn"] } }),
        ...more,
      },
    });
    await lab.deploy("roles", template("one", 3600, { Gone: role() }));
    const { Changes = [] } = await compare(lab, "roles", template("two", 7200));
    const [first, second, third] = Changes.map(({ ResourceChange }) => ResourceChange);
    expect(first).toMatchObject({
      Action: "Modify",
      LogicalResourceId: "Role",
      Replacement: "True",
      Scope: ["Properties"],
    });
    expect(
      first?.Details?.map(({ Target, ChangeSource, CausingEntity }) => [
        Target?.Name,
        Target?.RequiresRecreation,
        ChangeSource,
        CausingEntity,
      ]),
    ).toEqual([
      ["RoleName", "Always", "DirectModification", undefined],
      ["MaxSessionDuration", "Never", "ParameterReference", "Seconds"],
    ]);
    expect(second).toMatchObject({ LogicalResourceId: "Leaning", Replacement: "False" });
    expect(second?.Details?.[0]).toMatchObject({
      Evaluation: "Dynamic",
      ChangeSource: "ResourceAttribute",
      CausingEntity: "Role.Arn",
    });
    expect(third).toMatchObject({ Action: "Remove", LogicalResourceId: "Gone", PolicyAction: "Delete" });
  });

  test("of other tags alone is a change", async () => {
    const lab = await openLab();
    await lab.deploy("roles", roleTemplate());
    const { Changes = [] } = await compare(lab, "roles", roleTemplate(), { Tags: [{ Key: "a", Value: "b" }] });
    expect(Changes[0]?.ResourceChange).toMatchObject({
      LogicalResourceId: "Role",
      Scope: ["Tags"],
      Replacement: "False",
    });
  });

  test("of other outputs alone is a change", async () => {
    const lab = await openLab();
    await lab.deploy("roles", roleTemplate());
    const stack = await lab.deploy("roles", { ...roleTemplate(), Outputs: { Name: { Value: { Ref: "Role" } } } });
    expect(stack.StackStatus).toBe("UPDATE_COMPLETE");
    expect(stack.Outputs?.map(({ OutputKey }) => OutputKey)).toEqual(["Name"]);
  });

  test("finds wrong properties and taken names before anything is done", async () => {
    const lab = await openLab();
    createRole(lab.cloud, account, { name: "taken", trust: JSON.stringify(trust()) });
    const template = {
      Resources: { Wrong: role({ MaxSessionDuration: 1, Foo: 1 }), Taken: role({ RoleName: "taken" }) },
    };
    const found = await compare(lab, "roles", template, { ChangeSetType: "CREATE" });
    expect(found.Status).toBe("FAILED");
    expect(found.StatusReason).toBe(
      "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation, AWS::EarlyValidation::ResourceExistenceCheck]. To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information.",
    );
    const { OperationEvents = [] } = await lab.cfn.describeEvents({
      ChangeSetName: found.ChangeSetId ?? "",
      Filters: { FailedEvents: true },
    });
    expect(
      OperationEvents.map(
        ({ EventType, ValidationName, ValidationStatusReason }) =>
          `${EventType} ${ValidationName} ${ValidationStatusReason}`,
      ).sort(),
    ).toEqual([
      "VALIDATION_ERROR NAME_CONFLICT_VALIDATION Resource of type 'AWS::IAM::Role' with identifier 'taken' already exists.",
      "VALIDATION_ERROR PROPERTY_VALIDATION #/MaxSessionDuration: 1 is not greater or equal to 3600",
      "VALIDATION_ERROR PROPERTY_VALIDATION #: extraneous key [Foo] is not permitted",
    ]);
    expect(await refusal(lab.cfn.executeChangeSet({ ChangeSetName: found.ChangeSetId }))).toContain("[FAILED]");
  });

  test("is made once under a name, and once for a token", async () => {
    const lab = await openLab();
    const input = { ChangeSetType: "CREATE", ClientToken: "t" } as const;
    const first = await compare(lab, "roles", roleTemplate(), input);
    expect((await compare(lab, "roles", roleTemplate(), input)).ChangeSetId).toBe(first.ChangeSetId);
    expect(await refusal(compare(lab, "roles", roleTemplate(), { ...input, ClientToken: "u" }))).toContain(
      "AlreadyExistsException",
    );
  });

  test("is refused for a stack that isn't there, or is there already", async () => {
    const lab = await openLab();
    expect(await refusal(compare(lab, "none", roleTemplate()))).toBe("ValidationError: Stack [none] does not exist");
    await lab.deploy("roles", roleTemplate());
    expect(await refusal(compare(lab, "roles", roleTemplate(), { ChangeSetType: "CREATE" }))).toBe(
      "ValidationError: Stack [roles] already exists and cannot be created again with the changeSet [look].",
    );
  });

  test("goes when another one is executed", async () => {
    const lab = await openLab();
    await lab.deploy("roles", roleTemplate());
    await compare(lab, "roles", roleTemplate({ MaxSessionDuration: 7200 }));
    await lab.deploy("roles", roleTemplate({ MaxSessionDuration: 10_800 }));
    const { Summaries = [] } = await lab.cfn.listChangeSets({ StackName: "roles" });
    expect(Summaries.map(({ ExecutionStatus }) => ExecutionStatus)).toEqual(["EXECUTE_COMPLETE"]);
  });

  test("with what nobody would look at is refused", async () => {
    const lab = await openLab();
    const more = { ChangeSetType: "CREATE", NotificationARNs: ["arn:aws:sns:us-east-1:111111111111:topic"] };
    expect(await refusal(compare(lab, "roles", roleTemplate(), more))).toBe(
      "ValidationError: This sandbox does not know NotificationARNs of CreateChangeSet",
    );
  });
});
