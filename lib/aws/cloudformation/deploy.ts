import type { Stack, Tag } from "@aws-sdk/client-cloudformation";
import {
  discardChangeSet,
  executeChangeSet,
  isRefusedStatus,
  prepareChangeSet,
} from "#lib/aws/cloudformation/change-set.ts";
import { findStack, newToken, type StackClient, serviceRole } from "#lib/aws/cloudformation/client.ts";
import { stackFailed } from "#lib/aws/cloudformation/failure.ts";
import type { ParameterValues, StackState } from "#lib/aws/cloudformation/model.ts";
import { readState } from "#lib/aws/cloudformation/observe.ts";
import { type Ended, follow, markEvents } from "#lib/aws/cloudformation/operation.ts";
import { diffParameters, formatParameters } from "#lib/aws/cloudformation/parameters.ts";
import { refuseReplacement } from "#lib/aws/cloudformation/replacement.ts";
import { stackStatus } from "#lib/aws/cloudformation/status.ts";
import { readTemplate } from "#lib/aws/cloudformation/template.ts";
import { isAwsError } from "#lib/aws/explain.ts";
import { formatTags } from "#lib/aws/tags.ts";
import { FleetError } from "#lib/errors.ts";
import type { Outputs } from "#lib/graph/resource.ts";

/** Creates the stack. @throws FleetError StackFailed; the next run removes the remains first */
export async function createStack(client: StackClient, outputs: Outputs): Promise<StackState> {
  return await deploy(client, outputs, undefined, client.options.parameters(outputs));
}

/** Updates a stack, after recovering it from a failed update. */
export async function updateStack(client: StackClient, state: StackState, outputs: Outputs): Promise<StackState> {
  const { options } = client;
  const wanted = options.parameters(outputs);
  let present = await recover(client, state, outputs);
  const stages = options.stages?.(wanted, present.parameters) ?? [];
  for (const stage of stages) {
    if (!isAt(present, stage)) present = await deploy(client, outputs, present, stage);
  }
  return stages.length > 0 && isAt(present, wanted) ? present : await deploy(client, outputs, present, wanted);
}

function isAt({ template, wanted, parameters }: StackState, values: ParameterValues): boolean {
  return template === wanted.text && diffParameters(wanted, values, parameters).length === 0;
}

async function deploy(
  client: StackClient,
  outputs: Outputs,
  state: StackState | undefined,
  parameters: ParameterValues,
): Promise<StackState> {
  const { world, options, subject } = client;
  const template = await readTemplate(world.paths.root, options.template);
  const role = serviceRole(client, outputs, state?.roleArn);
  const changeSet = await prepareChangeSet(client, {
    type: state === undefined ? "CREATE" : "UPDATE",
    template: template.text,
    parameters: formatParameters(template, parameters, state?.parameters),
    tags: tagsFor(client, state),
    role,
  });
  if (changeSet === undefined) {
    world.output("CloudFormation finds nothing to change");
    return await protect(client, await readAgain(client, state?.id ?? options.name));
  }
  if (!world.options.allowReplacement) {
    try {
      refuseReplacement(subject, changeSet.changes);
    } catch (error) {
      await discardChangeSet(client, changeSet, role);
      throw error;
    }
  }
  const what = state === undefined ? "creating it" : "updating it";
  const since = await markEvents(client, changeSet.stackId);
  const token = await executeChangeSet(client, changeSet);
  const total = changeSet.changes.length;
  const ended = await follow(client, { what, stackId: changeSet.stackId, token, since, total });
  requireSuccess(client, what, ended);
  return await protect(client, await readAgain(client, changeSet.stackId));
}

/** Tags of others are kept: a change set replaces all tags. */
function tagsFor({ options }: StackClient, state: StackState | undefined): readonly Tag[] {
  const others = Object.entries(state?.tags ?? {}).filter(([key]) => !/^aws:/i.test(key));
  return formatTags({ ...Object.fromEntries(others), ...options.tags });
}

function requireSuccess(client: StackClient, what: string, { stack, events }: Ended): void {
  const status = stack === undefined ? undefined : stackStatus(stack.StackStatus);
  if (status?.isStable === true && !status.hasFailed) return;
  const fallback = stack?.StackStatusReason ?? (status === undefined ? "it was deleted meanwhile" : status.name);
  throw stackFailed(client, what, events, { stackId: stack?.StackId, fallback });
}

async function readAgain(client: StackClient, nameOrId: string): Promise<StackState> {
  const stack = await findStack(client, nameOrId);
  if (stack !== undefined) return await readState(client, stack);
  throw new FleetError("StackFailed", `${client.subject}: it was deleted just after it was made`, {
    hint: "find out who deletes it, then run the same command again",
  });
}

/** Change sets don't carry termination protection. */
async function protect(client: StackClient, state: StackState): Promise<StackState> {
  const { isProtected } = client.options;
  if (state.isProtected === isProtected) return state;
  await setProtection(client, state.id, isProtected);
  return { ...state, isProtected };
}

export async function setProtection(client: StackClient, stackId: string, isProtected: boolean): Promise<void> {
  const what = `switching its termination protection ${isProtected ? "on" : "off"}`;
  await client.write(what, (cloudFormation) =>
    cloudFormation.updateTerminationProtection({ StackName: stackId, EnableTerminationProtection: isProtected }),
  );
}

/** Continues the rollback of a failed update. */
async function recover(client: StackClient, state: StackState, outputs: Outputs): Promise<StackState> {
  const { status, id } = state;
  if (status.isStable) return state;
  if (status.needsOperator) {
    throw new FleetError("StackFailed", `${client.subject}: an import failed, and so did going back (${status.name})`, {
      hint: "this needs manual repair: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html",
      details: state.lastFailure === undefined ? [] : [state.lastFailure],
    });
  }
  const token = newToken();
  const role = serviceRole(client, outputs, state.roleArn);
  const since = await markEvents(client, id);
  const input = { StackName: id, ClientRequestToken: token, ...role };
  if (status.needsContinueRollback) {
    client.world.progress("going back to before the update that failed");
    await client.write("continuing its rollback", (cloudFormation) => cloudFormation.continueUpdateRollback(input));
  } else {
    client.world.progress("rolling back the update that failed");
    await client.write("rolling it back", (cloudFormation) => cloudFormation.rollbackStack(input));
  }
  const ended = await follow(client, { what: "rolling it back", stackId: id, token, since, total: 0 });
  requireRecovery(client, ended);
  return await readAgain(client, id);
}

function requireRecovery(client: StackClient, { stack, events }: Ended): void {
  if (stack !== undefined && stackStatus(stack.StackStatus).isStable) return;
  const fallback = stack?.StackStatusReason ?? "no reason was given";
  const failure = stackFailed(client, "rolling it back", events, { stackId: stack?.StackId, fallback });
  throw new FleetError("StackFailed", failure.message, {
    hint: "fix what blocks the rollback, then run the same command again; continue-update-rollback --resources-to-skip skips a resource",
    details: failure.details,
    cause: failure,
  });
}

/** Whether another operation has started since the stack was observed. */
export function isRace(error: unknown, stack: Stack | undefined): boolean {
  if (isAwsError(error, "ValidationError", /is in \w+_IN_PROGRESS state|already exists and cannot be created/))
    return true;
  // Another run has discarded the change set, or deleted the stack with it.
  if (isAwsError(error, "ChangeSetNotFoundException") || isAwsError(error, "ChangeSetNotFound")) return true;
  if (isAwsError(error, "ValidationError", /^Stack .* does not exist$/)) return true;
  if (isAwsError(error, "OperationInProgressException") || isRefusedStatus(error)) return true;
  return isAwsError(error, "AlreadyExistsException") && stack !== undefined;
}
