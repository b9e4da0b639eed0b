import { describe, expect, test } from "bun:test";
import { FleetError } from "#lib/errors.ts";
import { awsError, type Course } from "#tests/support/cloudformation-memory.ts";
import { failureOf } from "#tests/support/failure.ts";
import { putOwn, scene } from "#tests/support/stack-scene.ts";

const deployed = ["createChangeSet", "executeChangeSet"];
const another = { parameters: () => ({ RoleName: "r", Purpose: "another" }) };

describe("an operation", () => {
  const slow: Course = { end: "UPDATE_COMPLETE", ms: 20 * 60_000 };

  test("is not taken for ended by a look that is older than it", async () => {
    const at = scene(another);
    putOwn(at);
    at.memory.staleLooks = 6;
    expect((await at.ensure()).status.name).toBe("UPDATE_COMPLETE");
  });

  test("is told by its own events only", async () => {
    const at = scene(another);
    const stack = putOwn(at);
    at.memory.courses.update = [
      { end: "UPDATE_ROLLBACK_COMPLETE", resources: [["Role", "UPDATE_FAILED", "the cause"]] },
    ];
    at.memory.onCall = (method) => {
      const [first] = stack.events;
      if (method !== "describeStackEvents" || first === undefined || stack.events.length > 1) return;
      const event = {
        LogicalResourceId: "Zone",
        PhysicalResourceId: "Zone-1",
        ResourceStatus: "UPDATE_FAILED" as const,
      };
      stack.events.push({ ...first, ...event, EventId: "other", ClientRequestToken: "another" });
    };
    expect((await failureOf(at.ensure())).message).toEndWith("Role (AWS::IAM::Role): the cause");
    expect(at.written.join()).not.toContain("Zone");
  });

  test("is looked at less and less often", async () => {
    const at = scene(another);
    putOwn(at);
    let looks = 0;
    at.memory.courses.update = [slow];
    at.memory.onCall = (method) => {
      if (method === "describeStackEvents") looks++;
    };
    await at.ensure();
    expect(at.elapsed()).toBeWithin(20 * 60_000, 20 * 60_000 + 5_001);
    expect(looks).toBeLessThan(330);
  });

  test("that takes too long is given up with what was last seen, and CloudFormation goes on", async () => {
    const at = scene({ ...another, timeoutMs: 10 * 60_000 });
    putOwn(at);
    at.memory.courses.update = [
      {
        ...slow,
        resources: [
          ["Cluster", "UPDATE_IN_PROGRESS"],
          ["Cluster", "UPDATE_COMPLETE"],
        ],
      },
    ];
    const error = await failureOf(at.ensure());
    expect([error.code, error.message]).toEqual([
      "WaitTimedOut",
      "aws-01: stack k01-eks: updating it: not done after 10 minutes; last seen: Cluster UPDATE_IN_PROGRESS (0 of 1)",
    ]);
    expect((await at.observe()).kind).toBe("busy");
  });

  test("is borne with when looks at it fail for a moment, not for good", async () => {
    for (const [times, outcome] of [
      [4, "UPDATE_COMPLETE"],
      [5, "AwsThrottled"],
    ] as const) {
      const at = scene(another);
      putOwn(at);
      at.memory.onCall = (method) => {
        if (method !== "executeChangeSet") return;
        at.memory.faults.describeStackEvents = Array.from({ length: times }, () => ({
          error: awsError("Throttling", "Rate exceeded"),
        }));
      };
      const ended = await at.ensure().then(
        ({ status }) => status.name,
        (error) => (error instanceof FleetError ? error.code : error),
      );
      expect(ended).toBe(outcome);
    }
  });

  test("is given up at once when looking at it is denied", async () => {
    const at = scene(another);
    putOwn(at);
    at.memory.onCall = (method) => {
      if (method === "executeChangeSet")
        at.memory.faults.describeStackEvents = [{ error: awsError("AccessDenied", "no") }];
    };
    expect((await failureOf(at.ensure())).code).toBe("AwsDenied");
  });

  test("is left to CloudFormation by an interrupt, and joined by the next run", async () => {
    const controller = new AbortController();
    const at = scene(another, { signal: controller.signal });
    putOwn(at);
    at.memory.courses.update = [slow];
    at.memory.onCall = () => {
      if (at.elapsed() > 60_000) controller.abort(new FleetError("Interrupted", "interrupted"));
    };
    const error = await failureOf(at.ensure());
    expect([error.code, error.name, error.message]).toEqual([
      "Interrupted",
      "WorkGoesOn",
      "CloudFormation goes on updating it",
    ]);
    expect(at.memory.calls).toEqual(deployed);
    expect(at.memory.stacks[0]?.status).toBe("UPDATE_IN_PROGRESS");
  });
});

describe("an answer that was lost", () => {
  test("of the change set does not make another", async () => {
    const at = scene();
    at.memory.faults.createChangeSet = [{ after: true, error: awsError("AlreadyExistsException", "already exists") }];
    expect((await at.ensure()).status.name).toBe("CREATE_COMPLETE");
    expect(at.memory.calls).toEqual(deployed);
  });

  test.each(["InvalidChangeSetStatusException", "TokenAlreadyExistsException"])(
    "of its execution does not execute it twice: %s",
    async (name) => {
      const at = scene();
      at.memory.faults.executeChangeSet = [{ after: true, error: awsError(name, "cannot be executed") }];
      expect((await at.ensure()).status.name).toBe("CREATE_COMPLETE");
      expect(at.memory.calls).toEqual(deployed);
    },
  );
});

describe("another run that was faster", () => {
  test.each([
    ["describeChangeSet", "ChangeSetNotFoundException", "ChangeSet [x] does not exist"],
    ["executeChangeSet", "ChangeSetNotFoundException", "ChangeSet [x] does not exist"],
    ["createChangeSet", "ValidationError", "Stack [k01-eks] does not exist"],
  ])("and has discarded what %s asks for is no failure: the stack is looked at again", async (call, name, message) => {
    const at = scene();
    at.memory.faults[call] = [{ error: awsError(name, message) }];
    expect((await at.ensure()).status.name).toBe("CREATE_COMPLETE");
  });

  test("is joined when it makes the same stack", async () => {
    const at = scene();
    at.memory.onCall = (method) => {
      if (method !== "createChangeSet") return;
      at.memory.onCall = undefined;
      at.memory.begin(putOwn(at), "create", "k8s-multicluster-gitops-other");
    };
    expect((await at.ensure()).status.name).toBe("CREATE_COMPLETE");
    expect(at.memory.calls).toEqual(["createChangeSet"]);
    expect(at.said).toContain("another operation is at work: CREATE_IN_PROGRESS");
  });

  test("is waited for when it makes something else of it", async () => {
    const at = scene(another);
    const stack = putOwn(at);
    at.memory.onCall = (method) => {
      if (method !== "executeChangeSet") return;
      at.memory.onCall = undefined;
      at.memory.begin(stack, "update", "Console-UpdateStack-1");
    };
    const state = await at.ensure();
    expect(at.memory.calls).toEqual([...deployed, ...deployed]);
    expect(state.parameters.Purpose).toBe("another");
  });
});
