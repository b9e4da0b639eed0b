import type { Stack, StackEvent } from "@aws-sdk/client-cloudformation";
import { findStack, type StackClient } from "#lib/aws/cloudformation/client.ts";
import {
  countDone,
  endedByEvents,
  eventsSince,
  formatEvent,
  isOfStack,
  newestEvent,
} from "#lib/aws/cloudformation/events.ts";
import { poll } from "#lib/aws/cloudformation/poll.ts";
import { type StackStatus, stackStatus } from "#lib/aws/cloudformation/status.ts";

/** A requested operation on a stack. */
export interface Operation {
  /** As messages name it: `updating`. */
  readonly what: string;
  /** Never the name: a stack that is deleted is found by its id only, and a new one of that name isn't this one. */
  readonly stackId: string;
  /** Given to every event of the operation. */
  readonly token: string;
  /** Newest event from before it; undefined when there was none. */
  readonly since: string | undefined;
  /** Number of resources in the operation. */
  readonly total: number;
}

export interface Ended {
  /** The current state; undefined if the stack is gone. */
  readonly stack: Stack | undefined;
  /** Of the operation, oldest first. */
  readonly events: readonly StackEvent[];
}

/** Must be called before the operation starts. */
export async function markEvents(client: StackClient, stackId: string): Promise<string | undefined> {
  return await newestEvent(client, stackId);
}

/**
 * Waits for the end of an operation and reports each event. Its result is reported twice, by the stack and by its
 * events, either of which may be late: just after a start the stack still has the state from before.
 *
 * @throws FleetError WaitTimedOut; WorkGoesOn. CloudFormation continues, and the next run joins it
 */
export async function follow(client: StackClient, operation: Operation): Promise<Ended> {
  const { world, options, subject } = client;
  const { what, stackId, token, total } = operation;
  const events: StackEvent[] = [];
  let newest = operation.since;
  let begun = false;
  let deleted = false;
  return await poll<Ended>(
    world,
    {
      what: `${subject}: ${what}`,
      timeoutMs: options.timeoutMs,
      hint: "CloudFormation continues; run the same command again to continue waiting",
      goesOn: `CloudFormation goes on ${what}`,
    },
    async () => {
      const found = await eventsSince(client, stackId, newest);
      newest = found.at(-1)?.EventId ?? newest;
      // An event without a token belongs to this operation: no other can start meanwhile.
      deleted = deletionEnded(found) ?? deleted;
      const own = found.filter((event) => event.ClientRequestToken === undefined || event.ClientRequestToken === token);
      for (const event of own) world.output(formatEvent(event));
      events.push(...own);
      const stack = await findStack(client, stackId);
      if (stack === undefined) return { done: { stack, events } };
      const status = stackStatus(stack.StackStatus);
      if (status.isInProgress) begun = true;
      const ended = endedByEvents(events);
      const isOver =
        !status.isInProgress &&
        ((ended ?? (begun && status.name !== "REVIEW_IN_PROGRESS")) || deleted || isDeleted(status));
      if (isOver) return { done: { stack, events } };
      return { waiting: formatProgress(what, events, total) };
    },
  );
}

/**
 * Whether any deletion of the stack has ended. CloudFormation accepts a second DeleteStack while the first is running; all events then
 * have the token of the first.
 */
function deletionEnded(events: readonly StackEvent[]): boolean | undefined {
  const last = events.findLast(isOfStack);
  return last === undefined
    ? undefined
    : last.ResourceStatus === "DELETE_COMPLETE" || last.ResourceStatus === "DELETE_FAILED";
}

function isDeleted({ name }: StackStatus): boolean {
  return name === "DELETE_COMPLETE";
}

/** `VPC CREATE_COMPLETE (3 of 27)`: the last event, and the progress. */
function formatProgress(what: string, events: readonly StackEvent[], total: number): string {
  const last = events.findLast((event) => !isOfStack(event));
  if (last === undefined) return what;
  const name = `${last.LogicalResourceId ?? ""} ${last.ResourceStatus ?? ""}`;
  // Clean-up after an update reports resources that were not counted.
  const done = Math.min(countDone(events), total);
  return total === 0 ? name : `${name} (${done} of ${total})`;
}

/** Waits for another operation. @returns undefined if the stack is gone afterwards */
export async function waitForOthers(client: StackClient): Promise<Stack | undefined> {
  const { world, options, subject } = client;
  return await poll(
    world,
    {
      what: `${subject}: waiting for another operation`,
      timeoutMs: options.timeoutMs,
      hint: "wait for it, then run the same command again",
      goesOn: "CloudFormation goes on with another operation",
    },
    async () => {
      const stack = await findStack(client, options.name);
      if (stack === undefined || !stackStatus(stack.StackStatus).isInProgress) return { done: stack };
      return { waiting: `another operation is at work: ${stack.StackStatus}` };
    },
  );
}
