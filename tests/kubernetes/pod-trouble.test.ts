import { describe, expect, test } from "bun:test";
import { describePodTrouble } from "#lib/kubernetes/pod-trouble.ts";

const pod = (status: object) => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "argocd-server-1" }, status });
const waiting = (reason: string, message?: string) => ({
  containerStatuses: [{ state: { waiting: { reason, message } } }],
});

describe("a pod that can't run says why", () => {
  test("in the words of its container", () => {
    const message = 'Back-off pulling image "quay.io/x:1"';
    const pods = [pod({ containerStatuses: [{ state: { running: {} } }] }), pod(waiting("ImagePullBackOff", message))];
    expect(describePodTrouble(pods)).toBe(`ImagePullBackOff: ${message}`);
  });

  test("of its container that runs first", () => {
    const { containerStatuses } = waiting("CrashLoopBackOff");
    expect(describePodTrouble([pod({ initContainerStatuses: containerStatuses })])).toBe("CrashLoopBackOff");
  });

  test("of the scheduler", () => {
    const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes" }];
    expect(describePodTrouble([pod({ conditions })])).toBe("Unschedulable: 0/1 nodes");
  });

  test.each(["ContainerCreating", "PodInitializing"])("but not while it starts: %s", (reason) => {
    expect(describePodTrouble([pod(waiting(reason))])).toBeUndefined();
  });
});
