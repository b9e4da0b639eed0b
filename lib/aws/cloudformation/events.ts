import type { StackEvent } from "@aws-sdk/client-cloudformation";
import type { StackClient } from "#lib/aws/cloudformation/client.ts";
import { stackStatus } from "#lib/aws/cloudformation/status.ts";

/** Pages of 100; the events of one operation of a large stack fit. */
const pagesAtMost = 20;

/** The newest event; later events are new. */
export async function newestEvent(client: StackClient, stackId: string): Promise<string | undefined> {
  const [newest] = await readPage(client, stackId).then(({ events }) => events);
  return newest?.EventId;
}

/** @param since the newest known event; undefined for all. @returns oldest first */
export async function eventsSince(
  client: StackClient,
  stackId: string,
  since: string | undefined,
): Promise<readonly StackEvent[]> {
  return await readBack(client, stackId, (event) => (event.EventId === since ? "before" : undefined));
}

/** Events since the last requested operation. @returns oldest first */
export async function eventsOfLastOperation(client: StackClient, stackId: string): Promise<readonly StackEvent[]> {
  return await readBack(client, stackId, (event) => {
    const begins = isOfStack(event) && beginnings.has(event.ResourceStatus ?? "");
    return begins ? "first" : undefined;
  });
}

const beginnings: ReadonlySet<string> = new Set([
  "CREATE_IN_PROGRESS",
  "UPDATE_IN_PROGRESS",
  "DELETE_IN_PROGRESS",
  "IMPORT_IN_PROGRESS",
]);

/** CloudFormation returns the newest first; `where` stops at the first wanted or the last unwanted event. */
async function readBack(
  client: StackClient,
  stackId: string,
  where: (event: StackEvent) => "first" | "before" | undefined,
): Promise<readonly StackEvent[]> {
  const found: StackEvent[] = [];
  let token: string | undefined;
  for (let page = 0; page < pagesAtMost; page++) {
    const { events, next } = await readPage(client, stackId, token);
    for (const event of events) {
      const place = where(event);
      if (place !== "before") found.push(event);
      if (place !== undefined) return found.reverse();
    }
    if (next === undefined) break;
    token = next;
  }
  return found.reverse();
}

async function readPage(
  { read }: StackClient,
  stackId: string,
  token?: string,
): Promise<{ readonly events: readonly StackEvent[]; readonly next: string | undefined }> {
  const input = { StackName: stackId, ...(token === undefined ? {} : { NextToken: token }) };
  const { StackEvents = [], NextToken } = await read("reading its events", (cloudFormation, options) =>
    cloudFormation.describeStackEvents(input, options),
  );
  return { events: StackEvents, next: NextToken };
}

/** Of the stack itself, not of one of its resources (a nested stack is one, too). */
export function isOfStack({ PhysicalResourceId, StackId, LogicalResourceId, StackName, ResourceType }: StackEvent) {
  if (PhysicalResourceId !== undefined && PhysicalResourceId !== "") return PhysicalResourceId === StackId;
  return ResourceType === "AWS::CloudFormation::Stack" && LogicalResourceId === StackName;
}

/** Whether the stack's own events say that the operation has ended. Undefined if they say nothing. */
export function endedByEvents(events: readonly StackEvent[]): boolean | undefined {
  // Creating a change set is not yet an operation.
  const last = events.findLast((event) => isOfStack(event) && String(event.ResourceStatus) !== "REVIEW_IN_PROGRESS");
  return last === undefined ? undefined : !stackStatus(last.ResourceStatus).isInProgress;
}

/** Stopped only because something else had failed. */
const cancelled = /^Resource (creation|update|deletion|import) cancell?ed/i;

/** The earliest failure that isn't the consequence of another: the one to fix. */
export function rootCause(events: readonly StackEvent[]): StackEvent | undefined {
  const failures = failuresOf(events);
  return failures.find((event) => !isOfStack(event)) ?? failures[0];
}

/** In chronological order, without resources that were cancelled because of another failure. */
export function failuresOf(events: readonly StackEvent[]): readonly StackEvent[] {
  return events.filter(
    ({ ResourceStatus = "", ResourceStatusReason = "" }) =>
      /_FAILED$/.test(ResourceStatus) && !cancelled.test(ResourceStatusReason),
  );
}

/** Resources that are still there although they were to be deleted, each with the last reason. */
export function heldResources(events: readonly StackEvent[]): readonly StackEvent[] {
  const last = new Map<string, StackEvent>();
  for (const event of events) if (!isOfStack(event)) last.set(event.LogicalResourceId ?? "", event);
  return [...last.values()].filter((event) => event.ResourceStatus === "DELETE_FAILED");
}

/** Number of finished resources, by the last event of each. */
export function countDone(events: readonly StackEvent[]): number {
  const last = new Map<string, string>();
  for (const event of events)
    if (!isOfStack(event)) last.set(event.LogicalResourceId ?? "", event.ResourceStatus ?? "");
  return [...last.values()].filter((status) => /_(COMPLETE|SKIPPED)$/.test(status)).length;
}

/** `Vpc CREATE_COMPLETE`, with the reason if there is one. */
export function formatEvent(event: StackEvent): string {
  const { ResourceStatus = "", ResourceStatusReason: reason = "" } = event;
  const name = isOfStack(event) ? "stack" : (event.LogicalResourceId ?? "");
  return `${name} ${ResourceStatus}${reason === "" ? "" : `: ${reason}`}`;
}
