import { describe, expect, test } from "bun:test";
import { describePodTrouble } from "#lib/kubernetes/pod-trouble.ts";
import { describeWorkloadTrouble } from "#lib/kubernetes/workloads.ts";

const pod = (status: object) => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "argocd-server-1" }, status });
const waiting = (reason: string, message?: string) => ({
  containerStatuses: [{ state: { waiting: { reason, message } } }],
});

describe("a pod that can't run says why", () => {
  test("in the words of its container", () => {
    const message = 'Back-off pulling image "quay.io/x:1"';
    const pods = [pod({ containerStatuses: [{ state: { running: {} } }] }), pod(waiting("ImagePullBackOff", message))];
    expect(describePodTrouble(pods)).toBe(`pod argocd-server-1: ImagePullBackOff: ${message}`);
  });

  test("of its container that runs first", () => {
    const { containerStatuses } = waiting("CrashLoopBackOff");
    expect(describePodTrouble([pod({ initContainerStatuses: containerStatuses })])).toBe(
      "pod argocd-server-1: CrashLoopBackOff",
    );
  });

  test.each([
    [{ waiting: { reason: "CrashLoopBackOff" } }, "CrashLoopBackOff: OOMKilled: exit code 137"],
    [{ terminated: { exitCode: 2, reason: "Error" } }, "Error: exit code 2"],
  ])("of a container that ends again and again: %p", (state, why) => {
    const lastState = { terminated: { exitCode: 137, reason: "OOMKilled" } };
    expect(describePodTrouble([pod({ containerStatuses: [{ state, lastState }] })])).toBe(
      `pod argocd-server-1: ${why}`,
    );
  });

  test("but not an init container that has done its work", () => {
    const done = { state: { terminated: { exitCode: 0, reason: "Completed" } } };
    expect(describePodTrouble([pod({ initContainerStatuses: [done] })])).toBeUndefined();
  });

  test("of the scheduler", () => {
    const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes" }];
    expect(describePodTrouble([pod({ conditions })])).toBe("pod argocd-server-1: Unschedulable: 0/1 nodes");
  });

  test.each(["ContainerCreating", "PodInitializing"])("but not while it starts: %s", (reason) => {
    expect(describePodTrouble([pod(waiting(reason))])).toBeUndefined();
  });
});

describe("a workload without running pods says why", () => {
  const workload = (status: object = {}) => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "a" },
    spec: { selector: { matchLabels: { app: "a" } } },
    status,
  });
  const podOf = (app: string, name: string) => ({
    ...pod(waiting("ErrImagePull")),
    metadata: { name, labels: { app, other: "x" } },
  });

  test("by its own pods", () => {
    expect(describeWorkloadTrouble(workload(), [podOf("b", "b-1"), podOf("a", "a-1")])).toBe("pod a-1: ErrImagePull");
    expect(describeWorkloadTrouble(workload(), [podOf("b", "b-1")])).toBeUndefined();
  });

  test("by the refusal of pods that can't be made", () => {
    const message = 'pods "a-1" is forbidden: exceeded quota: q';
    const conditions = [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate", message }];
    expect(describeWorkloadTrouble(workload({ conditions }), [])).toBe(message);
  });
});
