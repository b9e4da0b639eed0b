import { describe, expect, test } from "bun:test";
import { readApplications } from "#lib/argocd/application-pods.ts";
import { describeUnsettled, parseApplication } from "#lib/argocd/application-state.ts";

import { kubernetesInMemory } from "#tests/support/kubernetes-memory.ts";

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

  test.each([
    [
      {
        sync: { status: "OutOfSync" },
        health: { status: "Missing" },
        operationState: { phase: "Running", message: "failed to apply: denied. Retrying attempt #2" },
      },
      "OutOfSync, Missing: failed to apply: denied. Retrying attempt #2",
    ],
    [{ ...good, health: { status: "Progressing", message: "0 of 1 updated" } }, "Synced, Progressing: 0 of 1 updated"],
    [
      {
        ...good,
        health: { status: "Progressing" },
        resources: [{ kind: "Deployment", name: "b", health: { status: "Progressing", message: "0 of 1 updated" } }],
      },
      "Synced, Progressing: Deployment b: 0 of 1 updated",
    ],
  ])("says what it waits for: %p", (status, why) => {
    expect(describeUnsettled(application(status))).toBe(why);
  });

  test("that is not healthy says what its pods report", async () => {
    const { api, kinds, objects } = kubernetesInMemory();
    kinds.set("/api/v1", [{ kind: "Pod", name: "pods", namespaced: true }]);
    kinds.set("/apis/apps/v1", [{ kind: "Deployment", name: "deployments", namespaced: true }]);
    objects.set("/apis/apps/v1/namespaces/demo/deployments/web", {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: { selector: { matchLabels: { app: "web" } } },
    });
    objects.set("/api/v1/namespaces/demo/pods/web-1", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web-1", labels: { app: "web" } },
      status: { containerStatuses: [{ state: { waiting: { reason: "ImagePullBackOff" } } }] },
    });
    const resources = [{ group: "apps", version: "v1", kind: "Deployment", namespace: "demo", name: "web" }];
    const object = (health: string) => ({
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Application",
      metadata: { name: "demo" },
      spec: {},
      status: { ...good, health: { status: health }, resources },
    });
    const states = await readApplications(api, [object("Progressing"), object("Degraded"), object("Healthy")]);
    expect(states.map((state) => describeUnsettled(state))).toEqual([
      "Synced, Progressing: pod web-1: ImagePullBackOff",
      "degraded: pod web-1: ImagePullBackOff",
      undefined,
    ]);
  });
});
