import { describe, expect, test } from "bun:test";
import { StackStatus } from "@aws-sdk/client-cloudformation";
import { keep } from "#lib/aws/cloudformation/stack.ts";
import { FleetError } from "#lib/errors.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import { awsError, type MemoryStack } from "#tests/support/cloudformation-memory.ts";
import { failureOf } from "#tests/support/failure.ts";
import { ownTags, putOwn, type Scene, scene, templateText } from "#tests/support/stack-scene.ts";

const outputs = createOutputs();

/** What is seen in each state, and what an ensure then asks of CloudFormation. */
const update = "createChangeSet executeChangeSet";
const table: Readonly<Record<keyof typeof StackStatus, readonly [kind: string, calls: string]>> = {
  CREATE_COMPLETE: ["present", update],
  UPDATE_COMPLETE: ["present", update],
  UPDATE_ROLLBACK_COMPLETE: ["present", update],
  IMPORT_COMPLETE: ["present", update],
  IMPORT_ROLLBACK_COMPLETE: ["present", update],
  REVIEW_IN_PROGRESS: ["absent", update],
  DELETE_COMPLETE: ["absent", update],
  CREATE_FAILED: ["broken", `deleteStack ${update}`],
  ROLLBACK_COMPLETE: ["broken", `deleteStack ${update}`],
  ROLLBACK_FAILED: ["broken", `deleteStack ${update}`],
  DELETE_FAILED: ["broken", `deleteStack ${update}`],
  UPDATE_ROLLBACK_FAILED: ["present", `continueUpdateRollback ${update}`],
  UPDATE_FAILED: ["present", `rollbackStack ${update}`],
  IMPORT_ROLLBACK_FAILED: ["present", "StackFailed"],
  CREATE_IN_PROGRESS: ["busy", "StillBusy"],
  ROLLBACK_IN_PROGRESS: ["busy", "StillBusy"],
  DELETE_IN_PROGRESS: ["busy", "StillBusy"],
  UPDATE_IN_PROGRESS: ["busy", "StillBusy"],
  UPDATE_COMPLETE_CLEANUP_IN_PROGRESS: ["busy", "StillBusy"],
  UPDATE_ROLLBACK_IN_PROGRESS: ["busy", "StillBusy"],
  UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS: ["busy", "StillBusy"],
  IMPORT_IN_PROGRESS: ["busy", "StillBusy"],
  IMPORT_ROLLBACK_IN_PROGRESS: ["busy", "StillBusy"],
};

describe("a stack in the state", () => {
  test.each(Object.values(StackStatus))("%s is taken for what it is, and led on", async (status) => {
    const [kind, calls] = table[status];
    const at = scene({ parameters: () => ({ RoleName: "r", Purpose: "another" }) });
    putOwn(at, { status });
    expect((await at.observe()).kind).toBe(kind as never);
    if (!calls.includes(" ")) {
      expect((await failureOf(at.ensure())).code).toBe(calls);
      expect(at.memory.calls).toEqual([]);
      return;
    }
    const state = await at.ensure();
    expect(at.memory.calls.join(" ")).toBe(calls);
    expect(state.status.isStable).toBe(true);
    expect(at.resource.diff(state, outputs)).toEqual([]);
  });
});

describe("a stack is", () => {
  test("absent where there is none", async () => {
    expect(await scene().observe()).toEqual({ kind: "absent" });
  });

  test("looked at twice before it is believed to be under review", async () => {
    const at = scene();
    const stack = putOwn(at, { status: "REVIEW_IN_PROGRESS" });
    at.memory.staleLooks = 1;
    at.memory.begin(stack, "create");
    expect((await at.observe()).kind).toBe("busy");
  });

  test("failing when it can't be looked at, and never taken for absent", async () => {
    const at = scene();
    at.memory.faults.describeStacks = [{ error: awsError("AccessDenied", "User: u is not authorized to perform: x") }];
    expect((await failureOf(at.observe())).code).toBe("AwsDenied");
  });

  test("busy, with who is at work and how far it is", async () => {
    for (const [token, who] of [
      ["k8s-multicluster-gitops-1", "begun by another command of this project"],
      ["Console-UpdateStack-1", "begun in AWS's console"],
      [undefined, "begun by something else"],
    ] as const) {
      const at = scene();
      const stack = putOwn(at);
      at.memory.begin(stack, "update", token);
      // More of them than one page holds.
      const [first] = stack.events;
      for (const name of ["Vpc", "Subnet", "Role", "Cluster"]) {
        const event = { EventId: name, LogicalResourceId: name, PhysicalResourceId: name, ClientRequestToken: "x" };
        stack.events.push({ ...first, ...event } as never);
      }
      expect(await at.observe()).toEqual({
        kind: "busy",
        why: `CloudFormation is at work on it (UPDATE_IN_PROGRESS), ${who}, last Cluster UPDATE_IN_PROGRESS: User Initiated`,
        inCloud: true,
      });
    }
  });

  test.each([
    [
      { tags: {}, description: "A bucket" },
      'a stack k01-eks is in us-east-1 of aws-01 that this project did not make (without tags, made on 2026-01-02): "A bucket"',
    ],
    [
      { tags: { ...ownTags, fleet: "example.org" } },
      "a stack k01-eks is in us-east-1 of aws-01 that belongs to the fleet example.org",
    ],
    [
      { tags: { fleet: "mylabs.dev" }, status: "UPDATE_IN_PROGRESS" as const },
      "a stack k01-eks is in us-east-1 of aws-01 that this project did not make (tagged fleet=mylabs.dev, made on 2026-01-02)",
    ],
  ])("foreign without our tags, whatever it does: %#", async (change, why) => {
    const at = scene();
    putOwn(at, change);
    expect(await at.observe()).toEqual({ kind: "foreign", why });
    expect((await failureOf(at.ensure())).code).toBe("ForeignResource");
    expect(at.memory.calls).toEqual([]);
  });

  test("taken over by our tags, when that is asked for", async () => {
    const at = scene({}, { adopt: true });
    putOwn(at, { tags: { cost: "42", "aws:x": "reserved" } });
    expect((await at.ensure()).tags).toEqual({ cost: "42", ...ownTags });
  });

  test("broken with the reason of the failure", async () => {
    const at = scene();
    at.memory.courses.create = [
      { end: "ROLLBACK_COMPLETE", resources: [["Vpc", "CREATE_FAILED", "limit exceeded.", "AWS::EC2::VPC"]] },
    ];
    await failureOf(at.ensure());
    expect(await at.observe()).toEqual({
      kind: "broken",
      why: "it failed to come into being (ROLLBACK_COMPLETE): Vpc (AWS::EC2::VPC): limit exceeded",
    });
  });
});

describe("a stack differs", () => {
  const changesOf = async (at: Scene, change: Partial<MemoryStack> = {}) => {
    putOwn(at, change);
    return at.resource.diff(await at.present(), outputs);
  };

  test("in nothing when it is as it should be", async () => {
    expect(await changesOf(scene())).toEqual([]);
  });

  test("in nothing by others' tags, comments, descriptions and defaults that have the same effect", async () => {
    const template = templateText
      .replace("Description: A role, for tests of stacks", "# A comment\nDescription: Another")
      .replace("Default: tests", "Default: something else")
      .replace("!GetAtt Role.Arn", "{ Fn::GetAtt: [Role, Arn] }");
    expect(template).not.toBe(templateText);
    expect(await changesOf(scene(), { tags: { ...ownTags, cost: "42" }, template })).toEqual([]);
  });

  test("by each parameter, tag and property that differs, each with its place", async () => {
    const at = scene({ isProtected: true, parameters: () => ({ RoleName: "r", MaxSessionSeconds: "7200" }) });
    const template = templateText.replace("Service: eks.amazonaws.com", "Service: ec2.amazonaws.com");
    const differences = await changesOf(at, { tags: { ...ownTags, cluster: "k02" }, template });
    expect(differences.map(({ field, from, to }) => `${field}: ${from} → ${to}`)).toEqual([
      "parameters.MaxSessionSeconds: 3600 → 7200",
      "tags.cluster: k02 → k01.k8s.aws.mylabs.dev",
      "termination protection: off → on",
      "Resources.Role.Properties.AssumeRolePolicyDocument.Statement.0.Principal.Service: ec2.amazonaws.com → eks.amazonaws.com",
    ]);
  });

  test("by its state when an update left it halfway", async () => {
    expect(await changesOf(scene(), { status: "UPDATE_ROLLBACK_FAILED" })).toMatchObject([
      { field: "state", from: "UPDATE_ROLLBACK_FAILED" },
    ]);
  });

  test("by the default of a parameter that nobody gives any more", async () => {
    const parameters = { RoleName: "r", MaxSessionSeconds: "7200", Purpose: "tests" };
    expect(await changesOf(scene(), { parameters })).toMatchObject([
      { field: "parameters.MaxSessionSeconds", from: "7200", to: "3600" },
    ]);
  });

  test("in nothing by a value that is to stay", async () => {
    const at = scene({ parameters: () => ({ RoleName: keep("first") }) });
    const parameters = { RoleName: "chosen by hand", MaxSessionSeconds: "3600", Purpose: "tests" };
    expect(await changesOf(at, { parameters })).toEqual([]);
  });

  test("by what comes of something that is yet to be made", async () => {
    const at = scene({
      parameters: () => {
        throw new FleetError("OutputMissing", "known after aws-01: role");
      },
    });
    expect(await changesOf(at)).toMatchObject([{ field: "parameters", to: "known after aws-01: role" }]);
  });
});

describe("the health of a stack", () => {
  const healthOf = async (at: Scene) => at.resource.health(await at.present());

  test("is good when its last operation succeeded", async () => {
    const at = scene();
    putOwn(at);
    expect(await healthOf(at)).toEqual({ kind: "healthy", summary: "CREATE_COMPLETE" });
  });

  test("warns of a change that was rolled back, which is no fault while the stack is as wanted", async () => {
    const at = scene({ parameters: () => ({ RoleName: "r", Purpose: "x" }) });
    putOwn(at);
    at.memory.courses.update = [
      {
        end: "UPDATE_ROLLBACK_COMPLETE",
        resources: [
          ["Zone", "UPDATE_IN_PROGRESS"],
          ["Role", "UPDATE_FAILED", "Resource update cancelled"],
          ["Cluster", "UPDATE_FAILED", "no such version", "AWS::EKS::Cluster"],
        ],
      },
    ];
    await failureOf(at.ensure());
    const warning = "the last change failed and was rolled back: Cluster (AWS::EKS::Cluster): no such version";
    expect(await healthOf(at)).toEqual({
      kind: "healthy",
      summary: `UPDATE_ROLLBACK_COMPLETE: ${warning}`,
      warning,
    });
  });

  test("tells what was changed behind CloudFormation's back, where that is asked for", async () => {
    const at = scene({}, { drift: true });
    putOwn(at);
    let looks = 0;
    const difference = { PropertyPath: "/MaxSessionDuration", ExpectedValue: "3600", ActualValue: "7200" };
    Object.assign(at.memory.answers, {
      detectStackDrift: () => ({ StackDriftDetectionId: "d-1" }),
      describeStackDriftDetectionStatus: () => ({
        DetectionStatus: ++looks < 3 ? "DETECTION_IN_PROGRESS" : "DETECTION_COMPLETE",
      }),
      describeStackResourceDrifts: ({ NextToken }: Record<string, string>) =>
        NextToken === undefined
          ? {
              NextToken: "2",
              StackResourceDrifts: [
                { LogicalResourceId: "Role", StackResourceDriftStatus: "MODIFIED", PropertyDifferences: [difference] },
                { LogicalResourceId: "Vpc", StackResourceDriftStatus: "IN_SYNC" },
              ],
            }
          : {
              StackResourceDrifts: [
                { LogicalResourceId: "Zone", StackResourceDriftStatus: "DELETED" },
                { LogicalResourceId: "Entry", StackResourceDriftStatus: "NOT_CHECKED" },
              ],
            },
    });
    at.memory.faults.detectStackDrift = [
      { error: awsError("ValidationError", "Drift detection is already in progress for stack") },
    ];
    expect((await at.present()).drift?.unchecked).toBe(1);
    expect(await healthOf(at)).toEqual({
      kind: "degraded",
      summary: "changed behind CloudFormation's back: Role/MaxSessionDuration: 3600 → 7200, Zone is gone",
    });
  });

  test("is not asked of AWS unless it is wanted", async () => {
    const at = scene();
    putOwn(at);
    await at.present();
    expect(at.memory.calls).not.toContain("detectStackDrift");
  });
});
