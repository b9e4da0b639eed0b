import type { DescribeChangeSetOutput, Parameter, ResourceChange, Tag } from "@aws-sdk/client-cloudformation";
import { newToken, type ServiceRole, type StackClient, tokenPrefix } from "#lib/aws/cloudformation/client.ts";
import { hintFor } from "#lib/aws/cloudformation/failure.ts";
import { poll } from "#lib/aws/cloudformation/poll.ts";
import { formatChange } from "#lib/aws/cloudformation/replacement.ts";
import { isAwsError } from "#lib/aws/explain.ts";
import { FleetError } from "#lib/errors.ts";

export interface ChangeSetRequest {
  readonly type: "CREATE" | "UPDATE";
  readonly template: string;
  readonly parameters: readonly Parameter[];
  readonly tags: readonly Tag[];
  readonly role: ServiceRole;
}

export interface ChangeSet {
  /** ARN. */
  readonly id: string;
  /** ARN of its stack; a new stack is created with the change set. */
  readonly stackId: string;
  /** Empty when only outputs or tags change. */
  readonly changes: readonly ResourceChange[];
}

type Made = Pick<ChangeSet, "id" | "stackId">;

/** It reads only the template and the stack. */
const timeoutMs = 5 * 60_000;

/** These two are the CDK's list, too. */
const noChanges = ["The submitted information didn't contain changes.", "No updates are to be performed."];

/**
 * Creates a change set. Changes no resource.
 *
 * @returns undefined when there is nothing to do
 * @throws FleetError StackFailed if it can't be created
 */
export async function prepareChangeSet(client: StackClient, request: ChangeSetRequest): Promise<ChangeSet | undefined> {
  const made = await createChangeSet(client, request);
  const { id, stackId } = made;
  const first = await waitForChangeSet(client, made);
  if (first.Status === "FAILED") {
    const reason = first.StatusReason ?? "";
    const isNothing = noChanges.some((text) => reason.startsWith(text));
    const details = isNothing ? [] : await findValidationErrors(client, id);
    await discardChangeSet(client, made, request.role);
    if (isNothing) return undefined;
    throw changeSetFailed(client, reason, details);
  }
  const changes = [...resourcesOf(first)];
  for (let next = first.NextToken; next !== undefined; ) {
    const page: DescribeChangeSetOutput = await describeChangeSet(client, made, next);
    changes.push(...resourcesOf(page));
    next = page.NextToken;
  }
  for (const change of changes) client.world.output(`${change.Action}: ${formatChange(change)}`);
  return { id, stackId, changes };
}

async function createChangeSet(
  client: StackClient,
  { type, template, parameters, tags, role }: ChangeSetRequest,
): Promise<Made> {
  const { world, options } = client;
  const name = newToken();
  world.progress(type === "CREATE" ? "having its creation worked out" : "having its changes worked out");
  // Keeps the resources of a failed stack creation for debugging, if requested.
  const keepParts = type === "CREATE" && world.options.retain;
  try {
    const { Id: id, StackId: stackId } = await client.write("working out its changes", (cloudFormation) =>
      cloudFormation.createChangeSet({
        StackName: options.name,
        ChangeSetName: name,
        ChangeSetType: type,
        ClientToken: name,
        TemplateBody: template,
        Parameters: [...parameters],
        Tags: [...tags],
        ...(options.capabilities === undefined ? {} : { Capabilities: [...options.capabilities] }),
        ...role,
        // Always set, because the defaults of the API calls differ.
        OnStackFailure: keepParts ? "DO_NOTHING" : "ROLLBACK",
      }),
    );
    return requireIds(client, id, stackId);
  } catch (error) {
    if (!isAwsError(error, "AlreadyExistsException")) throw error;
    // The name is unique. If the change set exists, a response was lost and the client has retried.
    const lost = await findChangeSet(client, name);
    if (lost === undefined) throw error;
    return requireIds(client, lost.ChangeSetId, lost.StackId);
  }
}

function requireIds({ subject }: StackClient, id: string | undefined, stackId: string | undefined) {
  if (id === undefined || stackId === undefined) {
    throw new FleetError("AwsFailed", `${subject}: CloudFormation made a change set without telling its id`);
  }
  return { id, stackId };
}

async function waitForChangeSet(client: StackClient, made: Made): Promise<DescribeChangeSetOutput> {
  return await poll(
    client.world,
    { what: `${client.subject}: working out its changes`, timeoutMs, hint: "run the same command again" },
    async () => {
      const found = await describeChangeSet(client, made);
      if (found.Status === "FAILED" || found.Status === "CREATE_COMPLETE") return { done: found };
      return { waiting: "having its changes worked out" };
    },
  );
}

async function describeChangeSet(client: StackClient, made: Made, next?: string): Promise<DescribeChangeSetOutput> {
  return await client.read("reading its changes", (cloudFormation, options) =>
    cloudFormation.describeChangeSet({ ...naming(made), ...(next === undefined ? {} : { NextToken: next }) }, options),
  );
}

/** Both, because policies allow calls by stack name. */
function naming({ id, stackId }: Made): { readonly ChangeSetName: string; readonly StackName: string } {
  return { ChangeSetName: id, StackName: stackId };
}

async function findChangeSet(client: StackClient, name: string): Promise<DescribeChangeSetOutput | undefined> {
  try {
    return await client.read("reading its changes", (cloudFormation, options) =>
      cloudFormation.describeChangeSet({ ChangeSetName: name, StackName: client.options.name }, options),
    );
  } catch (error) {
    if (isAwsError(error, "ChangeSetNotFoundException") || isAwsError(error, "ChangeSetNotFound")) return undefined;
    throw error;
  }
}

function resourcesOf({ Changes = [] }: DescribeChangeSetOutput): readonly ResourceChange[] {
  return Changes.flatMap(({ ResourceChange: change }) => (change === undefined ? [] : [change]));
}

/** What CloudFormation's early checks found (a name that is taken, a value of a wrong form), each with its place. */
async function findValidationErrors(client: StackClient, id: string): Promise<readonly string[]> {
  try {
    const { OperationEvents = [] } = await client.read("reading why", (cloudFormation, options) =>
      cloudFormation.describeEvents({ ChangeSetName: id, Filters: { FailedEvents: true } }, options),
    );
    return OperationEvents.flatMap(({ ValidationStatusReason, ValidationPath, LogicalResourceId }) =>
      ValidationStatusReason === undefined
        ? []
        : [`${ValidationPath ?? LogicalResourceId ?? ""}: ${ValidationStatusReason}`],
    );
  } catch (error) {
    // Optional explanation, whose permission a role may lack; the change set's reason is sufficient.
    client.world.output(`no more is known: ${error instanceof Error ? error.message : String(error)}`);
    client.world.signal.throwIfAborted();
    return [];
  }
}

function changeSetFailed({ subject }: StackClient, reason: string, details: readonly string[]): FleetError {
  const why = [reason, ...details].join(" ");
  return new FleetError("StackFailed", `${subject}: CloudFormation can't do it: ${details[0] ?? reason}`, {
    hint: hintFor(why),
    details: details.length === 0 ? [] : [reason, ...details],
  });
}

/** @returns the token that all events of the operation bear */
export async function executeChangeSet(client: StackClient, made: Made): Promise<string> {
  const token = newToken();
  try {
    await client.write("executing its changes", (cloudFormation) =>
      cloudFormation.executeChangeSet({ ...naming(made), ClientRequestToken: token }),
    );
  } catch (error) {
    // Executed although the response was lost and the client has retried.
    if (!isAwsError(error, "TokenAlreadyExistsException") && !isRefusedStatus(error)) throw error;
    const { ExecutionStatus = "" } = await describeChangeSet(client, made);
    if (!/^EXECUTE_/.test(ExecutionStatus)) throw error;
  }
  return token;
}

/** The SDK knows the class by its long name; the service sends the short one. */
export function isRefusedStatus(error: unknown): boolean {
  return isAwsError(error, "InvalidChangeSetStatusException") || isAwsError(error, "InvalidChangeSetStatus");
}

/** Deletes a change set that won't be executed, and the empty stack that was created with it. */
export async function discardChangeSet(client: StackClient, made: Made, role: ServiceRole): Promise<void> {
  await client.write("discarding its changes", (cloudFormation) => cloudFormation.deleteChangeSet(naming(made)));
  await removeShell(client, made.stackId, role);
}

/** A stack without resources stays until it is deleted; one with change sets of others is kept. */
export async function removeShell(client: StackClient, stackId: string, role: ServiceRole): Promise<void> {
  const { Stacks = [] } = await client.read("looking at it", (cloudFormation, options) =>
    cloudFormation.describeStacks({ StackName: stackId }, options),
  );
  if (Stacks[0]?.StackStatus !== "REVIEW_IN_PROGRESS") return;
  const { Summaries = [] } = await client.read("looking at its change sets", (cloudFormation, options) =>
    cloudFormation.listChangeSets({ StackName: stackId }, options),
  );
  if (Summaries.some(({ ChangeSetName = "" }) => !ChangeSetName.startsWith(tokenPrefix))) return;
  await client.write("deleting the empty stack", (cloudFormation) =>
    cloudFormation.deleteStack({ StackName: stackId, ...role }),
  );
}
