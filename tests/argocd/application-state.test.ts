import { describe, expect, test } from "bun:test";
import { describeUnsettled, parseApplication } from "#lib/argocd/application-state.ts";

const repository = "http://192.0.2.1/checkout.git";

function application(status?: object) {
  const object = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name: "demo" },
    spec: { source: { repoURL: repository } },
  };
  return parseApplication(status === undefined ? object : { ...object, status });
}
const good = { sync: { status: "Synced", revision: "a" }, health: { status: "Healthy" } };

describe("an application", () => {
  test("that was never looked at is unknown", () => {
    expect(application()).toMatchObject({ name: "demo", sync: "Unknown", health: "Unknown", fault: undefined });
    expect(describeUnsettled(application())).toBe("Unknown, Unknown");
  });

  test("that is synced and healthy is settled", () => {
    expect(describeUnsettled(application(good))).toBeUndefined();
    expect(describeUnsettled(application(good), { repository, commit: "a" })).toBeUndefined();
  });

  test("that is at an older commit is not", () => {
    expect(describeUnsettled(application(good), { repository, commit: "b" })).toBe("still at a");
    expect(describeUnsettled(application(good), { repository: "other", commit: "b" })).toBeUndefined();
  });

  test.each([
    [{ conditions: [{ type: "ComparisonError", message: "no such path" }] }, "ComparisonError: no such path"],
    [{ sync: { status: "OutOfSync" }, operationState: { phase: "Failed", message: "denied" } }, "sync failed: denied"],
    [
      {
        ...good,
        health: { status: "Degraded" },
        resources: [
          { kind: "Service", name: "a", health: { status: "Healthy" } },
          { kind: "Deployment", name: "b", health: { status: "Degraded", message: "no image" } },
        ],
      },
      "Deployment b: no image",
    ],
    [{ ...good, health: { status: "Degraded" } }, "degraded"],
  ])("tells what is wrong with it: %p", (status, fault) => {
    expect(application(status).fault).toBe(fault);
    expect(describeUnsettled(application(status))).toBe(fault);
  });

  test("whose last sync failed and that is synced since has no fault", () => {
    expect(application({ ...good, operationState: { phase: "Failed", message: "denied" } }).fault).toBeUndefined();
  });
});
