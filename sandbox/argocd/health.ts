import { describeWorkload } from "#lib/kubernetes/workloads.ts";
import { listAt, numberAt, stringAt } from "#sandbox/json.ts";
import { conditionStatus } from "#sandbox/kubernetes/behaviours/conditions.ts";
import type { KubernetesObject } from "#sandbox/kubernetes/kinds.ts";

export interface Health {
  readonly status: "Healthy" | "Progressing" | "Degraded" | "Suspended" | "Missing" | "Unknown";
  readonly message?: string;
}

const healthy: Health = { status: "Healthy" };

/** Health of a live object as Argo CD sees it; undefined for kinds that have none. */
export function healthOf(object: KubernetesObject): Health | undefined {
  if (object.metadata.deletionTimestamp !== undefined) return { status: "Progressing", message: "Pending deletion" };
  switch (object.kind) {
    case "Deployment":
    case "StatefulSet": {
      const why = describeWorkload(object as Parameters<typeof describeWorkload>[0]);
      return why === undefined ? healthy : { status: "Progressing", message: why };
    }
    case "DaemonSet": {
      const [wanted, up] = ["desiredNumberScheduled", "numberAvailable"].map((field) =>
        numberAt(object, "status", field),
      );
      return wanted !== undefined && wanted === up
        ? healthy
        : { status: "Progressing", message: "Waiting for daemon set rollout" };
    }
    case "Pod": {
      const phase = stringAt(object, "status", "phase");
      if (phase === "Failed") return { status: "Degraded" };
      return phase === "Succeeded" || conditionStatus(object, "Ready") === "True" ? healthy : { status: "Progressing" };
    }
    case "Service":
      if (stringAt(object, "spec", "type") !== "LoadBalancer") return healthy;
      return listAt(object, "status", "loadBalancer", "ingress").length > 0 ? healthy : { status: "Progressing" };
    case "Ingress":
      return listAt(object, "status", "loadBalancer", "ingress").length > 0 ? healthy : { status: "Progressing" };
    case "CustomResourceDefinition":
      return conditionStatus(object, "Established") === "True" ? healthy : { status: "Progressing" };
    case "ApplicationSet": {
      if (conditionStatus(object, "ErrorOccurred") === "True") {
        const failed = listAt(object, "status", "conditions").find((one) => stringAt(one, "type") === "ErrorOccurred");
        return { status: "Degraded", message: stringAt(failed, "message") };
      }
      return conditionStatus(object, "ResourcesUpToDate") === "True"
        ? healthy
        : { status: "Progressing", message: "Waiting for health status to be determined" };
    }
    default:
      return undefined;
  }
}

const order: readonly Health["status"][] = ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"];

/** The worst of all; missing ones count only when nothing is there. */
export function worstOf(all: readonly (Health | undefined)[]): Health {
  const missing = all.length > 0 && all.every((one) => one?.status === "Missing");
  if (missing) return { status: "Missing" };
  const present = all.filter((one) => one !== undefined && one.status !== "Missing");
  return present.reduce<Health>(
    (worst, one) =>
      one !== undefined && order.indexOf(one.status) > order.indexOf(worst.status) ? { status: one.status } : worst,
    healthy,
  );
}
