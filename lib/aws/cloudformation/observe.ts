import type { Stack } from "@aws-sdk/client-cloudformation";
import { describeStarter, findStack, type StackClient } from "#lib/aws/cloudformation/client.ts";
import { detectDrift } from "#lib/aws/cloudformation/drift.ts";
import { eventsOfLastOperation, formatEvent, isOfStack } from "#lib/aws/cloudformation/events.ts";
import { describeFailure } from "#lib/aws/cloudformation/failure.ts";
import type { StackOptions, StackState } from "#lib/aws/cloudformation/model.ts";
import { type StackStatus, stackStatus } from "#lib/aws/cloudformation/status.ts";
import { readTemplate } from "#lib/aws/cloudformation/template.ts";
import { findDeletedPrincipals } from "#lib/aws/iam/deleted-principals.ts";
import { parseTags } from "#lib/aws/tags.ts";
import { isOfFleet } from "#lib/cloud/ownership.ts";
import type { Observed } from "#lib/graph/resource.ts";

export async function observeStack(client: StackClient): Promise<Observed<StackState>> {
  const { world, options } = client;
  const stack = await findStackTwice(client);
  if (stack === undefined) return { kind: "absent" };
  const status = stackStatus(stack.StackStatus);
  if (status.isGone) return { kind: "absent" };
  const stranger = describeStranger(stack, options);
  if (stranger !== undefined) return { kind: "foreign", why: stranger };
  if (status.isInProgress) return { kind: "busy", why: await describeWork(client, stack, status), inCloud: true };
  if (status.needsDelete) return { kind: "broken", why: await describeRemains(client, stack, status) };
  const state = await readState(client, stack);
  if (!world.options.drift || !status.isStable) return { kind: "present", state };
  return { kind: "present", state: { ...state, drift: await detectDrift(client, state.id) } };
}

/** Reads may be stale just after a start: a stack in review is read again. */
async function findStackTwice(client: StackClient): Promise<Stack | undefined> {
  const first = await findStack(client, client.options.name);
  return first?.StackStatus === "REVIEW_IN_PROGRESS" ? await findStack(client, client.options.name) : first;
}

/** @returns why a stack isn't this fleet's; undefined if it is */
export function describeStranger(stack: Stack, { name, region, tags, actor }: StackOptions): string | undefined {
  const found = parseTags(stack.Tags);
  if (isOfFleet(found, tags)) return undefined;
  const where = `a stack ${name} is in ${region} of ${actor.account.name}`;
  if (found.project === tags.project && found.fleet !== undefined)
    return `${where} that belongs to the fleet ${found.fleet}`;
  const made = stack.CreationTime === undefined ? "" : `, made on ${stack.CreationTime.toISOString().slice(0, 10)}`;
  const marks = Object.entries(found).slice(0, 3);
  const tagged =
    marks.length === 0 ? "without tags" : `tagged ${marks.map(([key, value]) => `${key}=${value}`).join(", ")}`;
  const about = stack.Description === undefined ? "" : `: "${stack.Description.trim()}"`;
  return `${where} that this project did not make (${tagged}${made})${about}`;
}

async function describeWork(client: StackClient, stack: Stack, { name }: StackStatus): Promise<string> {
  const events = await eventsOfLastOperation(client, stack.StackId ?? client.options.name);
  const last = events.findLast((event) => !isOfStack(event)) ?? events.at(-1);
  const seen = last === undefined ? "" : `, last ${formatEvent(last)}`;
  return `CloudFormation is at work on it (${name}), ${describeStarter(events[0]?.ClientRequestToken)}${seen}`;
}

async function describeRemains(client: StackClient, stack: Stack, status: StackStatus): Promise<string> {
  const failure = await describeLastFailure(client, stack);
  const what = status.name === "DELETE_FAILED" ? "a delete of it failed" : "it failed to come into being";
  return `${what} (${status.name}): ${failure}`;
}

async function describeLastFailure(client: StackClient, stack: Stack): Promise<string> {
  const events = await eventsOfLastOperation(client, stack.StackId ?? client.options.name);
  return describeFailure(events) ?? stack.StackStatusReason ?? "no reason was given";
}

/** Reads everything about a stack, in any state. */
export async function readState(client: StackClient, stack: Stack): Promise<StackState> {
  const { world, options } = client;
  const id = stack.StackId ?? options.name;
  const status = stackStatus(stack.StackStatus);
  const [{ TemplateBody = "" }, wanted, lastFailure] = await Promise.all([
    client.read("reading its template", (cloudFormation, http) =>
      // The original template, not the processed one.
      cloudFormation.getTemplate({ StackName: id, TemplateStage: "Original" }, http),
    ),
    readTemplate(world.paths.root, options.template),
    status.hasFailed ? describeLastFailure(client, stack) : undefined,
  ]);
  const parameters = toRecord(stack.Parameters, "ParameterKey", "ParameterValue");
  return {
    id,
    name: options.name,
    region: options.region,
    status,
    outputs: toRecord(stack.Outputs, "OutputKey", "OutputValue"),
    parameters,
    tags: parseTags(stack.Tags),
    template: TemplateBody,
    wanted,
    roleArn: stack.RoleARN,
    isProtected: stack.EnableTerminationProtection === true,
    deletedPrincipals: await findDeletedPrincipals(client, { parameters, wanted }),
    ...(lastFailure === undefined ? {} : { lastFailure }),
  };
}

function toRecord<Key extends string, Value extends string>(
  list: readonly { readonly [name in Key | Value]?: string | undefined }[] | undefined,
  key: Key,
  value: Value,
): Readonly<Record<string, string>> {
  return Object.fromEntries((list ?? []).map((entry) => [entry[key] ?? "", entry[value] ?? ""]));
}
