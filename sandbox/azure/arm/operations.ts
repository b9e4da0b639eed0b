import { createHash, randomUUID } from "node:crypto";
import { ArmFault, type Json, type Kind, type StoredResource } from "#sandbox/azure/arm/kind.ts";
import { dropResource, findResource, resourcesBelow, storeResource } from "#sandbox/azure/arm/store.ts";
import { groupType } from "#sandbox/azure/arm/target.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { later } from "#sandbox/cloud/later.ts";

/** Work that goes on after the answer. It is kept on disk, and goes on after a restart of the sandbox. */
export interface ArmOperation {
  readonly name: string;
  /** Id of the resource. */
  readonly target: string;
  readonly verb: "create" | "update" | "remove";
  /** Of Azure's own time. */
  readonly durationMs: number;
  readonly startTime: string;
  readonly endTime?: string;
  readonly status: "InProgress" | "Succeeded" | "Failed" | "Canceled";
  /** `{ code, message }` of a failed one. */
  readonly error?: Json;
}

interface OperationsState {
  /** By name. */
  readonly operations: Record<string, ArmOperation>;
}

export type KindOf = (type: string) => Kind | undefined;

/** Api-version of the URLs of operations: the provider's own, not that of the request. */
const version = "2025-03-01";
/** Seconds that clients wait between two questions. */
const retryAfter = "1";
/** Bytes of what the real one signs: clients have to keep the whole URL. */
const signedBytes = 2_600;

export function beginOperation(
  cloud: AzureCloud,
  kindOf: KindOf,
  started: Pick<ArmOperation, "target" | "verb" | "durationMs">,
): ArmOperation {
  const startTime = cloud.now().toISOString();
  const operation: ArmOperation = { ...started, name: randomUUID(), startTime, status: "InProgress" };
  keep(cloud, operation);
  run(cloud, kindOf, operation);
  return operation;
}

/** Goes on with what a stopped sandbox left. */
export function resumeOperations(cloud: AzureCloud, kindOf: KindOf): void {
  for (const { state } of cloud.slices<OperationsState>("arm-operations")) {
    for (const operation of Object.values(state.operations)) {
      if (operation.status === "InProgress") run(cloud, kindOf, operation);
    }
  }
}

export function findOperation(cloud: AzureCloud, subscription: string, name: string): ArmOperation | undefined {
  return operationsOf(cloud, subscription)[name];
}

function operationsOf(cloud: AzureCloud, subscription: string): Record<string, ArmOperation> {
  const initial = (): OperationsState => ({ operations: {} });
  return cloud.slice("arm-operations", subscription.toLowerCase(), "global", initial).operations;
}

function keep(cloud: AzureCloud, operation: ArmOperation): void {
  operationsOf(cloud, subscriptionOf(operation.target))[operation.name] = operation;
  cloud.save();
}

function subscriptionOf(id: string): string {
  return id.split("/")[2] ?? "";
}

function run(cloud: AzureCloud, kindOf: KindOf, operation: ArmOperation): void {
  later(cloud, operation.durationMs, async () => {
    const end = await finish(cloud, kindOf, operation);
    keep(cloud, { ...operation, ...end, endTime: cloud.now().toISOString() });
  });
}

async function finish(
  cloud: AzureCloud,
  kindOf: KindOf,
  { target, verb }: ArmOperation,
): Promise<Pick<ArmOperation, "status" | "error">> {
  const stored = findResource(cloud, target);
  if (verb === "remove") {
    await removeAll(cloud, kindOf, target);
    return { status: "Succeeded" };
  }
  if (stored === undefined) return { status: "Canceled" };
  try {
    await kindOf(stored.type)?.finish?.(cloud, stored);
    settle(cloud, target, "Succeeded");
    return { status: "Succeeded" };
  } catch (error) {
    if (!(error instanceof ArmFault)) throw error;
    settle(cloud, target, "Failed");
    return { status: "Failed", error: error.fields };
  }
}

/** Unless it is being deleted by now. */
function settle(cloud: AzureCloud, target: string, provisioningState: "Succeeded" | "Failed"): void {
  const current = findResource(cloud, target);
  if (current === undefined || isIn(current, "Deleting")) return;
  storeResource(cloud, { ...current, properties: { ...current.properties, provisioningState } });
}

export function isIn({ properties }: StoredResource, provisioningState: string): boolean {
  return properties?.provisioningState === provisioningState;
}

/** Removes a resource with all that is nested in it or extends it, the innermost first. */
export async function removeAll(cloud: AzureCloud, kindOf: KindOf, id: string): Promise<void> {
  const own = findResource(cloud, id);
  const all = [...resourcesBelow(cloud, id)].sort((a, b) => b.id.split("/").length - a.id.split("/").length);
  for (const resource of own === undefined ? all : [...all, own]) {
    dropResource(cloud, resource.id);
    await kindOf(resource.type)?.afterRemove?.(cloud, resource);
  }
}

/** Headers of an answer whose work goes on. @param kind of the resource */
export function operationHeaders(
  { name, target }: ArmOperation,
  kind: Kind,
  endpoint: string,
  location: string,
): Readonly<Record<string, string>> {
  const subscription = `${endpoint}/subscriptions/${subscriptionOf(target)}`;
  const query = `?api-version=${version}&${signatureOf(name)}`;
  // Groups have no provider of their own, and only the second header.
  if (kind.type === groupType) {
    return { location: `${subscription}/operationresults/${name}${query}`, "retry-after": retryAfter };
  }
  const [provider = ""] = kind.type.split("/");
  if (kind.groupOperations !== undefined) {
    const [place = ""] = /^.*\/resourceGroups\/[^/]+/i.exec(target) ?? [];
    const own = `${endpoint}${place}/providers/${provider}/${kind.groupOperations}`;
    return { "azure-asyncoperation": `${own}Statuses/${name}${query}`, location: `${own}Results/${name}${query}` };
  }
  const place = `${subscription}/providers/${provider}/locations/${location}`;
  return {
    "azure-asyncoperation": `${place}/operations/${name}${query}`,
    location: `${place}/operationresults/${name}${query}`,
    "retry-after": retryAfter,
  };
}

function signatureOf(name: string): string {
  const digest = (part: string): string => createHash("sha256").update(`${part} of ${name}`).digest("base64url");
  return `t=${digest("t").slice(0, 18)}&c=${Buffer.alloc(signedBytes, digest("c")).toString("base64url")}&s=${digest("s")}&h=${digest("h")}`;
}

interface ResultOptions {
  /** Asked by Location instead of Azure-AsyncOperation. */
  readonly isResult: boolean;
  readonly url: URL;
  readonly format: (stored: StoredResource) => Json;
}

/** What the URL of an operation answers. @throws ArmFault */
export function answerOperation(
  cloud: AzureCloud,
  operation: ArmOperation | undefined,
  { isResult, url, format }: ResultOptions,
): Response {
  if (operation === undefined) throw new ArmFault(404, "NotFound", "The operation was not found.");
  const signature = new URLSearchParams(signatureOf(operation.name));
  if ([...signature].some(([key, value]) => url.searchParams.get(key) !== value)) {
    throw new ArmFault(403, "InvalidOperationSignature", "The signature of the operation's URL is missing or wrong.");
  }
  const { name, status, startTime, endTime, error } = operation;
  const isGoingOn = status === "InProgress";
  const waiting = isGoingOn ? { "retry-after": retryAfter } : {};
  if (!isResult) {
    const end = { ...(endTime === undefined ? {} : { endTime }), ...(error === undefined ? {} : { error }) };
    return Response.json({ name, status, startTime, ...end }, { headers: waiting });
  }
  if (isGoingOn) return new Response(null, { status: 202, headers: { ...waiting, location: url.href } });
  if (error !== undefined) return Response.json({ error }, { status: 409 });
  const stored = operation.verb === "remove" ? undefined : findResource(cloud, operation.target);
  return stored === undefined ? new Response(null, { status: 200 }) : Response.json(format(stored));
}
