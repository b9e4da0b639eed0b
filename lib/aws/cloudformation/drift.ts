import type { StackResourceDrift } from "@aws-sdk/client-cloudformation";
import type { StackClient } from "#lib/aws/cloudformation/client.ts";
import type { StackDrift } from "#lib/aws/cloudformation/model.ts";
import { poll } from "#lib/aws/cloudformation/poll.ts";
import { isAwsError } from "#lib/aws/explain.ts";
import { FleetError } from "#lib/errors.ts";

/** It asks every service for every resource. */
const timeoutMs = 10 * 60_000;

/** Runs CloudFormation's drift detection. @throws FleetError AwsFailed, WaitTimedOut */
export async function detectDrift(client: StackClient, stackId: string): Promise<StackDrift> {
  const { world, subject } = client;
  const wait = { what: `${subject}: comparing it with what is there`, timeoutMs, hint: "run the same command again" };
  const waiting = "comparing its resources with what is there";
  const id = await poll(world, wait, async () => {
    const started = await startDetection(client, stackId);
    return started === undefined ? { waiting } : { done: started };
  });
  await poll(world, wait, async () => {
    const { DetectionStatus, DetectionStatusReason } = await client.read("comparing", (cloudFormation, options) =>
      cloudFormation.describeStackDriftDetectionStatus({ StackDriftDetectionId: id }, options),
    );
    if (DetectionStatus === "DETECTION_IN_PROGRESS") return { waiting };
    // Partial failure: the remaining resources are counted as unchecked.
    if (DetectionStatus === "DETECTION_FAILED") world.output(`not all could be compared: ${DetectionStatusReason}`);
    return { done: DetectionStatus };
  });
  return summarize(await readDrifts(client, stackId));
}

/** @returns undefined while a detection started by someone else is running */
async function startDetection(client: StackClient, stackId: string): Promise<string | undefined> {
  try {
    const { StackDriftDetectionId: id } = await client.write("beginning to compare", (cloudFormation) =>
      cloudFormation.detectStackDrift({ StackName: stackId }),
    );
    if (id !== undefined) return id;
    throw new FleetError("AwsFailed", `${client.subject}: CloudFormation began to compare without telling its id`);
  } catch (error) {
    if (isAwsError(error, "ValidationError", /already (in progress|running)|is in progress/i)) return undefined;
    throw error;
  }
}

async function readDrifts(client: StackClient, stackId: string): Promise<readonly StackResourceDrift[]> {
  const found: StackResourceDrift[] = [];
  for (let next: string | undefined = ""; next !== undefined; ) {
    const token: string = next;
    const page = await client.read("reading what differs", (cloudFormation, options) =>
      cloudFormation.describeStackResourceDrifts(
        { StackName: stackId, ...(token === "" ? {} : { NextToken: token }) },
        options,
      ),
    );
    found.push(...(page.StackResourceDrifts ?? []));
    next = page.NextToken;
  }
  return found;
}

function summarize(drifts: readonly StackResourceDrift[]): StackDrift {
  const changed = drifts.filter(
    ({ StackResourceDriftStatus: status }) => status === "MODIFIED" || status === "DELETED",
  );
  const same = drifts.filter(({ StackResourceDriftStatus: status }) => status === "IN_SYNC");
  return {
    unchecked: drifts.length - changed.length - same.length,
    resources: changed.map((drift) => ({
      name: drift.LogicalResourceId ?? "",
      type: drift.ResourceType ?? "",
      isDeleted: drift.StackResourceDriftStatus === "DELETED",
      differences: (drift.PropertyDifferences ?? []).map(({ PropertyPath, ExpectedValue, ActualValue }) => ({
        path: PropertyPath ?? "",
        expected: ExpectedValue ?? "",
        actual: ActualValue ?? "",
      })),
    })),
  };
}

/** `Role/MaxSessionDuration: 3600 → 7200, Zone is gone`; empty without differences. */
export function formatDrift({ resources }: StackDrift): string {
  const parts = resources.flatMap(({ name, isDeleted, differences }) => {
    if (isDeleted) return [`${name} is gone`];
    return differences.map(({ path, expected, actual }) => `${name}${path}: ${shorten(expected)} → ${shorten(actual)}`);
  });
  return parts.join(", ");
}

function shorten(value: string): string {
  if (value === "" || value === "null") return "none";
  return value.length > 60 ? `${value.slice(0, 59)}…` : value;
}
