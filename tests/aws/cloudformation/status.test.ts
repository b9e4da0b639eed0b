import { describe, expect, test } from "bun:test";
import { StackStatus } from "@aws-sdk/client-cloudformation";
import { stackStatus } from "#lib/aws/cloudformation/status.ts";
import { failureOf } from "#tests/support/failure.ts";

const names = Object.values(StackStatus);

/** By hand, after AWS's table of states; whatever isn't here is in progress. */
const settled: Readonly<Record<string, string>> = {
  CREATE_COMPLETE: "isStable",
  UPDATE_COMPLETE: "isStable",
  UPDATE_ROLLBACK_COMPLETE: "isStable hasFailed",
  IMPORT_COMPLETE: "isStable",
  IMPORT_ROLLBACK_COMPLETE: "isStable hasFailed",
  DELETE_COMPLETE: "isGone",
  REVIEW_IN_PROGRESS: "isGone",
  CREATE_FAILED: "needsDelete hasFailed",
  ROLLBACK_COMPLETE: "needsDelete hasFailed",
  ROLLBACK_FAILED: "needsDelete hasFailed",
  DELETE_FAILED: "needsDelete hasFailed",
  UPDATE_ROLLBACK_FAILED: "needsContinueRollback hasFailed",
  UPDATE_FAILED: "needsRollback hasFailed",
  IMPORT_ROLLBACK_FAILED: "needsOperator hasFailed",
};

describe("the state of a stack", () => {
  test("is one of 23", () => {
    expect(names).toHaveLength(23);
  });

  test.each(names)("%s means one thing", (name) => {
    const { name: told, ...facts } = stackStatus(name);
    const holds = Object.entries(facts).filter(([, value]) => value);
    expect(told).toBe(name);
    expect(holds.map(([fact]) => fact).join(" ")).toBe(settled[name] ?? "isInProgress");
    if (settled[name] === undefined) expect(name).toEndWith("_IN_PROGRESS");
  });

  test("is refused when it isn't known, and never guessed from its name", async () => {
    for (const name of ["ROLLBACK_COMPLETE_SOMEHOW", "toString", undefined]) {
      const error = await failureOf(() => stackStatus(name));
      expect(error.code).toBe("AwsFailed");
    }
  });
});
