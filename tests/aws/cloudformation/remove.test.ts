import { describe, expect, test } from "bun:test";
import { StackStatus } from "@aws-sdk/client-cloudformation";
import { FleetError } from "#lib/errors.ts";
import { awsError, type Course } from "#tests/support/cloudformation-memory.ts";
import { failureOf } from "#tests/support/failure.ts";
import { ownTags, putOwn, scene, stackName } from "#tests/support/stack-scene.ts";

const isBusy = (status: string): boolean => status.endsWith("_IN_PROGRESS") && status !== "REVIEW_IN_PROGRESS";
const held: Course = {
  end: "DELETE_FAILED",
  resources: [
    ["Role", "DELETE_COMPLETE"],
    ["Vpc", "DELETE_FAILED", "The vpc has dependencies and cannot be deleted.", "AWS::EC2::VPC"],
  ],
};

describe("a delete", () => {
  test.each(Object.values(StackStatus).filter((status) => !isBusy(status)))(
    "removes a stack that is %s",
    async (status) => {
      const at = scene();
      putOwn(at, { status });
      expect(await at.remove()).toEqual({ kind: "removed" });
      expect(at.memory.stacks.map((stack) => stack.status)).toEqual(["DELETE_COMPLETE"]);
      expect(at.memory.calls).toEqual(status === "DELETE_COMPLETE" ? [] : ["deleteStack"]);
      expect(await at.observe()).toEqual({ kind: "absent" });
    },
  );

  test("of what is gone is fine", async () => {
    expect(await scene().remove()).toEqual({ kind: "removed" });
  });

  test("waits for whoever is at work on it", async () => {
    const at = scene();
    at.memory.begin(putOwn(at), "update");
    await at.remove();
    expect(at.said).toContain("another operation is at work: UPDATE_IN_PROGRESS");
    expect(at.memory.calls).toEqual(["deleteStack"]);
  });

  test("joins one that is under way", async () => {
    const at = scene();
    at.memory.begin(putOwn(at), "delete");
    await at.remove();
    expect(at.memory.calls).toEqual([]);
  });

  test.each([
    ["ends well", "DELETE_COMPLETE"],
    ["fails", "DELETE_FAILED"],
  ] as const)("ends with one that another run began a moment before, and that %s", async (_how, end) => {
    const at = scene();
    const stack = putOwn(at);
    at.memory.courses.delete = [{ end, ms: 0 }];
    at.memory.onCall = (method) => {
      if (method !== "deleteStack" || stack.status !== "CREATE_COMPLETE") return;
      at.memory.begin(stack, "delete", "another");
      stack.status = end === "DELETE_COMPLETE" ? end : stack.status;
    };
    expect(await at.remove()).toEqual({ kind: "removed" });
    expect(at.elapsed()).toBeLessThan(5 * 60_000);
  });

  test("goes by the id, takes the service role, and is told by its token", async () => {
    const at = scene({ serviceRole: () => "arn:aws:iam::111111111111:role/s" });
    const { id } = putOwn(at);
    await at.remove();
    expect(at.memory.inputs.deleteStack).toEqual({
      StackName: id,
      RoleARN: "arn:aws:iam::111111111111:role/s",
      ClientRequestToken: expect.stringMatching(/^[a-zA-Z0-9][-a-zA-Z0-9]{0,127}$/),
    });
    expect(at.written).toContain("stack DELETE_COMPLETE");
  });

  test("goes by the stack's last role when what tells the role is gone already", async () => {
    const at = scene({
      serviceRole: () => {
        throw new FleetError("OutputMissing", "known after aws-01: role");
      },
    });
    putOwn(at, { roleArn: "arn:aws:iam::111111111111:role/last" });
    await at.remove();
    expect(at.memory.inputs.deleteStack?.RoleARN).toBe("arn:aws:iam::111111111111:role/last");
  });

  test("switches protection off, and clears the way first", async () => {
    const cleared: string[] = [];
    const at = scene({ isProtected: true, beforeDelete: async (_world, { id }) => void cleared.push(id) });
    const { id } = putOwn(at, { isProtected: true });
    await at.remove();
    expect(cleared).toEqual([id]);
    expect(at.memory.calls).toEqual(["updateTerminationProtection", "deleteStack"]);
  });

  test("is tried once more when something holds it for a moment", async () => {
    let cleared = 0;
    const at = scene({
      beforeDelete: async () => {
        cleared++;
      },
    });
    putOwn(at);
    at.memory.courses.delete = [held];
    await at.remove();
    expect([at.memory.calls.length, cleared]).toEqual([2, 2]);
    expect(at.written).toContain(
      "not deleted at the first try: Vpc DELETE_FAILED: The vpc has dependencies and cannot be deleted.",
    );
  });

  test("names what holds it, when it is held for good", async () => {
    const at = scene();
    putOwn(at);
    at.memory.courses.delete = [held, held];
    const error = await failureOf(at.remove());
    expect([error.code, error.message]).toEqual([
      "StackFailed",
      "aws-01: stack k01-eks: deleting it failed: Vpc (AWS::EC2::VPC): The vpc has dependencies and cannot be deleted",
    ]);
    expect(error.hint).toContain("made outside of this stack still uses it");
    expect(error.details[0]).toBe("still there: Vpc Vpc-1");
    expect(at.memory.calls).toEqual(["deleteStack", "deleteStack"]);
  });

  test("never touches what isn't ours, whatever was seen before", async () => {
    const at = scene();
    const stranger = at.memory.put({ tags: { ...ownTags, fleet: "example.org" } });
    const error = await failureOf(at.remove());
    expect([error.code, error.message]).toEqual([
      "ForeignResource",
      "a stack k01-eks is in us-east-1 of aws-01 that belongs to the fleet example.org",
    ]);
    expect([at.memory.calls, stranger.status]).toEqual([[], "CREATE_COMPLETE"]);
  });

  test("does not touch a stack that another run is only thinking about", async () => {
    const at = scene();
    const shell = at.memory.put({ status: "REVIEW_IN_PROGRESS" });
    await at.memory.client.createChangeSet({
      StackName: stackName,
      ChangeSetName: "somebody",
      ChangeSetType: "CREATE",
      TemplateBody: "x",
      Parameters: [],
      Tags: [],
    });
    await at.remove();
    expect(shell.status).toBe("REVIEW_IN_PROGRESS");
  });

  test("that is denied says so", async () => {
    const at = scene();
    putOwn(at);
    at.memory.faults.deleteStack = [
      { error: awsError("AccessDenied", "User: u is not authorized to perform: cloudformation:DeleteStack") },
    ];
    expect((await failureOf(at.remove())).message).toBe(
      "aws-01: stack k01-eks: u may not cloudformation:DeleteStack (deleting it)",
    );
  });
});
