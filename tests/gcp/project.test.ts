import { expect, test } from "bun:test";
import { proveProject } from "#lib/gcp/project.ts";
import { failureOf } from "#tests/support/failure.ts";
import { testAccount } from "#tests/support/gcp-memory.ts";

const found = { name: "projects/222222222222", projectId: "test-01", state: "ACTIVE" };

test("a project is the fleet's by its id and number, while it is active", () => {
  expect(() => proveProject(testAccount, found)).not.toThrow();
});

test.each([
  [
    "another id",
    { projectId: "other" },
    "WrongAccount",
    "gcp-01: projectId is other, the fleet says test-01",
    "correct projectId in clusters/gcp.ts: gcloud projects list shows both",
  ],
  [
    "another number",
    { name: "projects/1" },
    "WrongAccount",
    "gcp-01: projectNumber is 1, the fleet says 222222222222",
    "correct projectNumber in clusters/gcp.ts: gcloud projects list shows both",
  ],
  [
    "no answer",
    { projectId: undefined },
    "WrongAccount",
    "gcp-01: projectId is missing, the fleet says test-01",
    "correct projectId in clusters/gcp.ts: gcloud projects list shows both",
  ],
  [
    "a state in which it is being deleted",
    { state: "DELETE_REQUESTED" },
    "ProjectUnusable",
    "gcp-01: the project is in the state DELETE_REQUESTED",
    "nothing can be created in it. For 30 days it can be restored: gcloud projects undelete test-01",
  ],
] as const)("%s is refused, with what to do", async (_, fields, code, message, hint) => {
  const refused = await failureOf(Promise.try(() => proveProject(testAccount, { ...found, ...fields })));
  expect([refused.code, refused.message, refused.hint]).toEqual([code, message, hint]);
});
