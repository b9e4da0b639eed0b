import { randomUUID } from "node:crypto";
import { type Action, authorize, page, stackOf } from "#sandbox/aws/cloudformation/api/action.ts";
import type { DriftDetection, ResourceRecord, StackRecord } from "#sandbox/aws/cloudformation/engine/model.ts";
import { stacksOf } from "#sandbox/aws/cloudformation/engine/stacks.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { textAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";

/** States in which a stack can be compared with its template. */
const detectable = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"];

export const detectStackDrift: Action = {
  inputs: ["StackName"],
  handle(request) {
    const { cloud, engine, caller } = request;
    const stack = stackOf(request);
    checkDetectable(stack);
    // What the detection of a whole stack does for each resource, the caller has to be let do.
    for (const action of ["DetectStackResourceDrift", "BatchDescribeTypeConfigurations"]) {
      authorize({ ...request, action }, action === "DetectStackResourceDrift" ? stack.id : "*");
    }
    const detection: DriftDetection = {
      id: randomUUID(),
      caller,
      startedAt: cloud.now().toISOString(),
      status: "DETECTION_IN_PROGRESS",
    };
    stack.detections.push(detection);
    cloud.save(stack);
    engine.detectDrift(stack, detection);
    return { StackDriftDetectionId: detection.id };
  },
};

function checkDetectable(stack: StackRecord): void {
  if (detectable.includes(stack.status)) return;
  throw invalid(
    `Drift detection cannot be performed on stack [${stack.id}] while it is in ${stack.status} state. Stack must be in one of the following states: [${detectable.join(", ")}]`,
  );
}

export const describeStackDriftDetectionStatus: Action = {
  inputs: ["StackDriftDetectionId"],
  handle(request) {
    const { cloud, account, region, input } = request;
    authorize(request, "*");
    const id = textAt(input, "StackDriftDetectionId");
    for (const stack of stacksOf(cloud, account, region).stacks) {
      const found = stack.detections.find((detection) => detection.id === id);
      if (found === undefined) continue;
      return {
        StackId: stack.id,
        StackDriftDetectionId: id,
        StackDriftStatus: found.drifted === undefined ? undefined : found.drifted > 0 ? "DRIFTED" : "IN_SYNC",
        DetectionStatus: found.status,
        DetectionStatusReason: found.reason,
        DriftedStackResourceCount: found.drifted,
        Timestamp: found.startedAt,
      };
    }
    throw invalid(`Drift detection status for id ${id} does not exist`);
  },
};

export const describeStackResourceDrifts: Action = {
  inputs: ["StackName", "NextToken"],
  handle(request) {
    const stack = stackOf(request);
    const found = stack.resources.filter(({ drift }) => drift !== undefined);
    const { items, next } = page(found, tryTextAt(request.input, "NextToken"));
    return { StackResourceDrifts: items.map((record) => formatDrift(stack, record)), NextToken: next };
  },
};

function formatDrift(stack: StackRecord, { logicalId, made, type, drift }: ResourceRecord): XmlValue {
  return {
    StackId: stack.id,
    LogicalResourceId: logicalId,
    PhysicalResourceId: made?.physicalId,
    ResourceType: type,
    ExpectedProperties: drift?.expected === undefined ? undefined : JSON.stringify(drift.expected),
    ActualProperties: drift?.actual === undefined ? undefined : JSON.stringify(drift.actual),
    PropertyDifferences: (drift?.differences ?? []).map((difference) => ({
      PropertyPath: difference.path,
      ExpectedValue: difference.expected,
      ActualValue: difference.actual,
      DifferenceType: difference.type,
    })),
    StackResourceDriftStatus: drift?.status ?? "NOT_CHECKED",
    DriftStatusReason: drift?.reason,
    Timestamp: drift?.checkedAt ?? stack.createdAt,
  };
}
