import type { OpenCloud } from "#sandbox/cloud/cloud.ts";
import { later } from "#sandbox/cloud/later.ts";
import { type Behaviours, type GcpCall, type Json, projectIdOf } from "#sandbox/gcp/api/behaviour.ts";
import { type Failure, failNext, takeFailure } from "#sandbox/gcp/api/failures.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { notFound, notReady } from "#sandbox/gcp/compute/faults.ts";
import {
  allOperations,
  computeOf,
  drop,
  linkTo,
  nameOf,
  type StoredOperation,
  usersOf,
} from "#sandbox/gcp/compute/state.ts";
import { newId } from "#sandbox/gcp/iam/state.ts";

/** Of Google's time: they take some seconds each. */
const durationMs = 12_000;

/** What a call begins: `insert`, `patch`, `delete`. @param target below the project */
export function beginOperation(call: GcpCall, type: string, target: string): Json {
  const { cloud, caller, query } = call;
  const projectId = projectIdOf(call);
  const operation: StoredOperation = {
    name: `operation-${cloud.now().getTime()}-${crypto.randomUUID()}`,
    scope: target.startsWith("global/") ? "global" : target.split("/").slice(0, 2).join("/"),
    type,
    target,
    user: caller.name,
    startTime: cloud.now().toISOString(),
    requestId: query.get("requestId") ?? "",
  };
  keep(cloud, projectId, operation);
  run(cloud, projectId, operation);
  return format(projectId, operation);
}

/** Of a request that was sent before. */
export function tryRepeat(call: GcpCall): Json | undefined {
  const id = call.query.get("requestId") ?? "";
  const projectId = projectIdOf(call);
  const found = Object.values(computeOf(call.cloud, projectId).operations).find(({ requestId }) => requestId === id);
  return id === "" || found === undefined ? undefined : format(projectId, found);
}

/** @param path below the project @throws GcpFault 400 while an operation is at work on it */
export function refuseUnlessReady(cloud: GcpCloud, projectId: string, path: string): void {
  const all = Object.values(computeOf(cloud, projectId).operations);
  const isBusy = all.some(({ target, endTime }) => target === path && endTime === undefined);
  if (isBusy) throw notReady(nameOf(projectId, path));
}

/** Goes on with what a stopped sandbox left. */
export function resumeCompute(cloud: GcpCloud): void {
  for (const { projectId, operation } of allOperations(cloud)) {
    if (operation.endTime === undefined) run(cloud, projectId, operation);
  }
}

/** Operations of the sandbox's command line. */
export function computeOperations(cloud: GcpCloud): OpenCloud["operations"] {
  return {
    /** The next operation on networks of `project` fails with `code`, such as QUOTA_EXCEEDED, and `message`. */
    "fail-network-operation": failNext(
      cloud,
      ({ projectId }) => computeOf(cloud, projectId).failures,
      "QUOTA_EXCEEDED",
    ),
  };
}

function keep(cloud: GcpCloud, projectId: string, operation: StoredOperation): void {
  computeOf(cloud, projectId).operations[operation.name] = operation;
  cloud.save();
}

function run(cloud: GcpCloud, projectId: string, operation: StoredOperation): void {
  later(cloud, durationMs, () => {
    const failure = takeFailure(cloud, computeOf(cloud, projectId).failures) ?? finish(cloud, projectId, operation);
    // What failed was never made.
    if (failure !== undefined && operation.type === "insert") drop(cloud, projectId, operation.target);
    const ended = { ...operation, endTime: cloud.now().toISOString() };
    keep(cloud, projectId, failure === undefined ? ended : { ...ended, failure });
  });
}

/** Whether a network is empty is only seen when it is deleted. */
function finish(cloud: GcpCloud, projectId: string, { type, target }: StoredOperation): Failure | undefined {
  if (type !== "delete") return undefined;
  const [user] = target.startsWith("global/networks/") ? usersOf(cloud, projectId, target) : [];
  if (user !== undefined) {
    return {
      code: "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
      message: `The network resource '${nameOf(projectId, target)}' is already being used by '${nameOf(projectId, user)}'`,
    };
  }
  drop(cloud, projectId, target);
  return undefined;
}

/** https://cloud.google.com/compute/docs/reference/rest/v1/globalOperations/wait: two minutes */
const [waitMs, pauseMs] = [120_000, 20] as const;

export const operationBehaviours: Behaviours = {
  "compute.globalOperations.get": (call) => read(call, "global"),
  "compute.globalOperations.wait": (call) => wait(call, "global"),
  "compute.regionOperations.get": (call) => read(call, `regions/${call.params.region}`),
  "compute.regionOperations.wait": (call) => wait(call, `regions/${call.params.region}`),
};

/** Until it has ended, or for as long as Google waits. */
async function wait(call: GcpCall, scope: string): Promise<Json> {
  for (const end = Date.now() + call.cloud.pace.scale(waitMs); ; await Bun.sleep(pauseMs)) {
    const found = read(call, scope);
    if (found.status === "DONE" || Date.now() >= end) return found;
  }
}

function read(call: GcpCall, scope: string): Json {
  const projectId = projectIdOf(call);
  const name = call.params.operation ?? "";
  const found = computeOf(call.cloud, projectId).operations[name];
  if (found?.scope === scope) return format(projectId, found);
  throw notFound(nameOf(projectId, `${scope}/operations/${name}`));
}

function format(projectId: string, operation: StoredOperation): Json {
  const { name, scope, type, target, user, startTime, endTime, failure } = operation;
  return {
    kind: "compute#operation",
    id: newId(),
    name,
    operationType: type,
    user,
    insertTime: startTime,
    startTime,
    ...(endTime === undefined ? {} : { endTime }),
    status: endTime === undefined ? "RUNNING" : "DONE",
    progress: endTime === undefined ? 0 : 100,
    ...(scope === "global" ? {} : { region: linkTo(projectId, scope) }),
    selfLink: linkTo(projectId, `${scope}/operations/${name}`),
    targetLink: linkTo(projectId, target),
    ...(failure === undefined
      ? {}
      : { error: { errors: [failure] }, httpErrorStatusCode: 400, httpErrorMessage: "BAD REQUEST" }),
  };
}
