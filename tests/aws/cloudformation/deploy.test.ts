import { describe, expect, test } from "bun:test";
import { keep } from "#lib/aws/cloudformation/stack.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import { awsError } from "#tests/support/cloudformation-memory.ts";
import { failureOf } from "#tests/support/failure.ts";
import { ownTags, putOwn, scene, stackName, template, templateText } from "#tests/support/stack-scene.ts";

const outputs = createOutputs();
const deployed = ["createChangeSet", "executeChangeSet"];
const another = { parameters: () => ({ RoleName: "r", Purpose: "another" }) };

describe("a new stack", () => {
  test("is made by a change set, with all that it is told", async () => {
    const at = scene({ capabilities: ["CAPABILITY_NAMED_IAM"], serviceRole: () => "arn:aws:iam::111111111111:role/s" });
    const state = await at.ensure();
    expect(at.memory.calls).toEqual(deployed);
    const { ChangeSetName, ClientToken, ...input } = at.memory.inputs.createChangeSet ?? {};
    expect(input).toEqual({
      StackName: stackName,
      ChangeSetType: "CREATE",
      TemplateBody: templateText,
      Parameters: [{ ParameterKey: "RoleName", ParameterValue: "r" }],
      Tags: Object.entries(ownTags).map(([Key, Value]) => ({ Key, Value })),
      Capabilities: ["CAPABILITY_NAMED_IAM"],
      RoleARN: "arn:aws:iam::111111111111:role/s",
      OnStackFailure: "ROLLBACK",
    });
    expect(ClientToken).toBe(ChangeSetName);
    expect(ChangeSetName).toMatch(/^[a-zA-Z][-a-zA-Z0-9]{0,127}$/);
    // Not beside OnStackFailure: AWS refuses both.
    expect(Object.keys(at.memory.inputs.executeChangeSet ?? {}).sort()).toEqual([
      "ChangeSetName",
      "ClientRequestToken",
      "StackName",
    ]);
    expect(state).toMatchObject({ region: "us-east-1", name: stackName, tags: ownTags, template: templateText });
    expect(state.outputs.RoleArn).toBe("arn:aws:iam::111111111111:role/r");
  });

  test("says that the way into its account has changed, when it is what leads there", async () => {
    const [leading, other] = [scene({ entryRoles: [] }), scene()];
    await leading.ensure();
    await other.ensure();
    const change = "roles of aws-01 changed";
    expect([leading.said.includes(change), other.said.includes(change)]).toEqual([true, false]);
  });

  test("tells each event, and how far it is", async () => {
    const at = scene();
    at.memory.changes = ["Vpc", "Cluster", "Role"].map((name) => ({
      Action: "Add",
      LogicalResourceId: name,
      ResourceType: "AWS::EC2::VPC",
    }));
    at.memory.courses.create = [
      {
        end: "CREATE_COMPLETE",
        resources: [
          ["Vpc", "CREATE_IN_PROGRESS"],
          ["Vpc", "CREATE_COMPLETE"],
          ["Cluster", "CREATE_IN_PROGRESS"],
        ],
      },
    ];
    await at.ensure();
    expect(at.said).toContain("Vpc CREATE_COMPLETE (1 of 3)");
    expect(at.written).toEqual([
      "Add: Vpc (AWS::EC2::VPC)",
      "Add: Cluster (AWS::EC2::VPC)",
      "Add: Role (AWS::EC2::VPC)",
      "stack CREATE_IN_PROGRESS: User Initiated",
      "Vpc CREATE_IN_PROGRESS",
      "Vpc CREATE_COMPLETE",
      "Cluster CREATE_IN_PROGRESS",
      "stack CREATE_COMPLETE",
    ]);
  });

  test("is protected once it is there", async () => {
    const at = scene({ isProtected: true });
    const state = await at.ensure();
    expect(at.memory.calls).toEqual([...deployed, "updateTerminationProtection"]);
    expect([state.isProtected, at.memory.stacks[0]?.isProtected]).toEqual([true, true]);
  });

  test("that fails names the earliest cause, and is left for the next run", async () => {
    const at = scene();
    at.memory.courses.create = [
      {
        end: "ROLLBACK_COMPLETE",
        resources: [
          ["Role", "CREATE_COMPLETE"],
          ["Vpc", "CREATE_FAILED", "Resource creation cancelled"],
          [
            "Cluster",
            "CREATE_FAILED",
            "You've reached your quota. (HandlerErrorCode: ServiceLimitExceeded)",
            "AWS::EKS::Cluster",
          ],
          ["Zone", "CREATE_FAILED", "Something else"],
          ["Role", "DELETE_COMPLETE"],
        ],
      },
    ];
    const error = await failureOf(at.ensure());
    expect(error.code).toBe("StackFailed");
    expect(error.message).toBe(
      "aws-01: stack k01-eks: creating it failed: Cluster (AWS::EKS::Cluster): You've reached your quota. (HandlerErrorCode: ServiceLimitExceeded)",
    );
    expect(error.hint).toContain("Service Quotas");
    expect(error.details[1]).toBe("Zone CREATE_FAILED: Something else");
    expect(error.details.at(-1)).toStartWith("https://us-east-1.console.aws.amazon.com/cloudformation/");
    expect(at.memory.calls).toEqual(deployed);
    await at.ensure();
    expect(at.memory.calls).toEqual([...deployed, "deleteStack", ...deployed]);
  });

  test("is left in its parts when somebody wants to look at them", async () => {
    const at = scene({}, { retain: true });
    await at.ensure();
    expect(at.memory.inputs.createChangeSet?.OnStackFailure).toBe("DO_NOTHING");
  });

  test("that can't be made leaves no shell, and tells what AWS's early checks found", async () => {
    const at = scene({ serviceRole: () => "arn:aws:iam::111111111111:role/s" });
    at.memory.changeSetFailure =
      "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck].";
    at.memory.answers.describeEvents = () => ({
      OperationEvents: [
        { ValidationPath: "/Resources/Role", ValidationStatusReason: "a role of that name already exists" },
      ],
    });
    const error = await failureOf(at.ensure());
    expect(error.message).toBe(
      "aws-01: stack k01-eks: CloudFormation can't do it: /Resources/Role: a role of that name already exists",
    );
    expect(error.hint).toContain("of that name is there already");
    expect(at.memory.calls).toEqual(["createChangeSet", "deleteChangeSet", "deleteStack"]);
    // The role's policy allows no delete without it.
    expect(at.memory.inputs.deleteStack?.RoleARN).toBe("arn:aws:iam::111111111111:role/s");
    expect(await at.observe()).toEqual({ kind: "absent" });
  });

  test("that can't be made says so where the checks may not be read", async () => {
    const at = scene();
    at.memory.changeSetFailure = "Template error";
    at.memory.faults.describeEvents = [{ error: awsError("AccessDenied", "not authorized") }];
    expect((await failureOf(at.ensure())).message).toEndWith("CloudFormation can't do it: Template error");
  });

  test("does not take the shell of another's change set away", async () => {
    const at = scene();
    const shell = at.memory.put({ status: "REVIEW_IN_PROGRESS" });
    at.memory.changeSetFailure = "Template error";
    await at.memory.client.createChangeSet({
      StackName: stackName,
      ChangeSetName: "somebody",
      ChangeSetType: "CREATE",
      TemplateBody: "x",
      Parameters: [],
      Tags: [],
    });
    await failureOf(at.ensure());
    expect(shell.status).toBe("REVIEW_IN_PROGRESS");
    expect(at.memory.changeSetsOf(stackName).map(({ name }) => name)).toEqual(["somebody"]);
  });
});

describe("a stack that is there", () => {
  test("keeps others' tags and the values that are to stay", async () => {
    const at = scene({ parameters: () => ({ RoleName: keep("first"), Purpose: "another" }) });
    putOwn(at, { tags: { ...ownTags, cost: "42" } });
    const state = await at.ensure();
    expect(at.memory.inputs.createChangeSet).toMatchObject({
      ChangeSetType: "UPDATE",
      Parameters: [
        { ParameterKey: "RoleName", UsePreviousValue: true },
        { ParameterKey: "Purpose", ParameterValue: "another" },
      ],
    });
    expect([state.tags.cost, state.parameters.RoleName]).toEqual(["42", "r"]);
  });

  test("is left alone when CloudFormation finds no change", async () => {
    const at = scene();
    putOwn(at);
    expect((await at.ensure()).status.name).toBe("CREATE_COMPLETE");
    expect(at.memory.calls).toEqual(["createChangeSet", "deleteChangeSet"]);
  });

  test("is only protected where nothing else differs", async () => {
    const at = scene({ isProtected: true });
    putOwn(at);
    const state = await at.ensure();
    expect(at.resource.diff(state, outputs)).toEqual([]);
  });

  test("is as it was when a change fails", async () => {
    const at = scene(another);
    putOwn(at);
    at.memory.courses.update = [
      {
        end: "UPDATE_ROLLBACK_COMPLETE",
        resources: [["Role", "UPDATE_FAILED", "User: u is not authorized to perform: iam:UpdateRole"]],
      },
    ];
    const error = await failureOf(at.ensure());
    expect([error.code, error.hint]).toEqual([
      "StackFailed",
      expect.stringContaining("the role that CloudFormation acts by"),
    ]);
    expect(await at.present()).toMatchObject({
      parameters: { Purpose: "tests" },
      lastFailure: expect.stringContaining("iam:UpdateRole"),
    });
  });

  test("that can't be led back is not updated, and says what keeps it", async () => {
    const at = scene(another);
    putOwn(at, { status: "UPDATE_ROLLBACK_FAILED" });
    at.memory.courses.continue = [
      { end: "UPDATE_ROLLBACK_FAILED", resources: [["Role", "UPDATE_FAILED", "the role is gone"]] },
    ];
    const error = await failureOf(at.ensure());
    expect(error.message).toBe(
      "aws-01: stack k01-eks: rolling it back failed: Role (AWS::IAM::Role): the role is gone",
    );
    expect(error.hint).toContain("--resources-to-skip");
    expect(at.memory.calls).toEqual(["continueUpdateRollback"]);
  });

  test("is not made anew, nor is anything of value in it, without leave", async () => {
    const at = scene(another);
    putOwn(at);
    at.memory.changes = [
      { Action: "Modify", LogicalResourceId: "Tag", ResourceType: "AWS::SSM::Parameter", Replacement: "True" },
      { Action: "Modify", LogicalResourceId: "Cluster", ResourceType: "AWS::EKS::Cluster", Replacement: "True" },
    ];
    const error = await failureOf(at.ensure());
    expect([error.code, error.message]).toEqual([
      "ReplacementRequired",
      "aws-01: stack k01-eks: would be replaced or removed: Cluster",
    ]);
    expect(at.memory.calls).toEqual(["createChangeSet", "deleteChangeSet"]);
    expect(at.memory.changeSetsOf(stackName)).toEqual([]);
  });

  test("is made anew with leave", async () => {
    const at = scene(another, { allowReplacement: true });
    putOwn(at);
    at.memory.changes = [
      { Action: "Modify", LogicalResourceId: "Cluster", ResourceType: "AWS::EKS::Cluster", Replacement: "True" },
    ];
    expect((await at.ensure()).status.name).toBe("UPDATE_COMPLETE");
  });

  test.each([
    [{ RoleName: "r", Missing: "x" }, "it has no parameter Missing"],
    [{}, "no value for its parameter RoleName"],
  ])("is not touched when values and template don't fit: %#", async (given, fault) => {
    const at = scene({ parameters: () => given });
    putOwn(at);
    const error = await failureOf(at.ensure());
    expect([error.code, error.message]).toEqual(["TemplateInvalid", `${template}: ${fault}`]);
    expect(at.memory.calls).toEqual([]);
  });
});
