import { findStack, type StackClient, stackClient } from "#lib/aws/cloudformation/client.ts";
import { createStack, isRace, updateStack } from "#lib/aws/cloudformation/deploy.ts";
import { formatDrift } from "#lib/aws/cloudformation/drift.ts";
import type { StackOptions, StackState } from "#lib/aws/cloudformation/model.ts";
import { observeStack, readState } from "#lib/aws/cloudformation/observe.ts";
import { waitForOthers } from "#lib/aws/cloudformation/operation.ts";
import { diffParameters } from "#lib/aws/cloudformation/parameters.ts";
import { removeStack } from "#lib/aws/cloudformation/remove.ts";
import { parseTemplate } from "#lib/aws/cloudformation/template.ts";
import { diffTemplates } from "#lib/aws/cloudformation/template-diff.ts";
import { trustAgain } from "#lib/aws/iam/deleted-principals.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { FleetError } from "#lib/errors.ts";
import { formatChange } from "#lib/graph/change.ts";
import type { Change, Health, Observed, Outputs, Resource } from "#lib/graph/resource.ts";

export { keep, type ParameterValue, type StackOptions, type StackState } from "#lib/aws/cloudformation/model.ts";

/** Maximum number of concurrent operations by others. */
const attempts = 3;

/** A CloudFormation stack: all resources of one template in `cloudformation/`. */
export function stack(options: StackOptions): Resource<StackState, AwsWorld> {
  const { id, title, label, row, needs, keptOnDelete } = options;
  return {
    id,
    title,
    label,
    row,
    lane: options.lane ?? "stack",
    needs,
    ...(keptOnDelete === undefined ? {} : { keptOnDelete }),
    observe: (world) => observeStack(stackClient(world, options)),
    diff: (state, outputs) => diffStack(state, options, outputs),
    refuse: async (world, state, outputs) => await options.refuse?.(world, compareParameters(state, options, outputs)),
    async ensure(world, observed, outputs) {
      try {
        const client = stackClient(world, options);
        const state = await ensure(client, observed, outputs);
        await trustAgain(client, state.deletedPrincipals);
        return { ...state, deletedPrincipals: [] };
      } finally {
        if (options.entryRoles !== undefined) world.aws.rolesChanged(options.actor.account);
      }
    },
    async remove(world, _observed, outputs) {
      await removeStack(stackClient(world, options), outputs);
      return { kind: "removed" };
    },
    health,
  };
}

function diffStack(state: StackState, options: StackOptions, outputs: Outputs): readonly Change[] {
  const { status, wanted } = state;
  const changes: Change[] = [];
  const change = (field: string, from: string, to: string): void => {
    if (from !== to) changes.push({ field, from, to, effect: "in-place" });
  };
  if (!status.isStable) change("state", status.name, "UPDATE_ROLLBACK_COMPLETE");
  changes.push(...compareParameters(state, options, outputs));
  for (const { role, id, principal } of state.deletedPrincipals) change(`trust.${role}`, `${id} (deleted)`, principal);
  for (const [key, value] of Object.entries(options.tags)) change(`tags.${key}`, state.tags[key] ?? "none", value);
  change("termination protection", state.isProtected ? "on" : "off", options.isProtected ? "on" : "off");
  if (state.template !== wanted.text) {
    changes.push(...diffTemplates(parseTemplate(state.template, `template of ${state.name}`), wanted.body));
  }
  return changes;
}

/** Values that are known only after creation count as a difference. */
function compareParameters(state: StackState, options: StackOptions, outputs: Outputs): readonly Change[] {
  try {
    return diffParameters(state.wanted, options.parameters(outputs), state.parameters, options.effectOf);
  } catch (error) {
    if (!(error instanceof FleetError) || error.code !== "OutputMissing") throw error;
    return [{ field: "parameters", from: "those it has", to: error.message, effect: "in-place" }];
  }
}

/** Waits for operations of others and continues from their result. */
async function ensure(client: StackClient, found: Observed<StackState>, outputs: Outputs): Promise<StackState> {
  let observed = found;
  for (let attempt = 1; ; attempt++) {
    try {
      return await ensureOnce(client, observed, outputs);
    } catch (error) {
      if (
        client.world.signal.aborted ||
        attempt === attempts ||
        !isRace(error, await findStack(client, client.options.name))
      )
        throw error;
      client.world.output(`something else has begun to work on it: ${error instanceof Error ? error.message : ""}`);
      await waitForOthers(client);
      observed = await observeStack(client);
      const isDone = observed.kind === "present" && diffStack(observed.state, client.options, outputs).length === 0;
      if (isDone && observed.kind === "present") return observed.state;
    }
  }
}

async function ensureOnce(client: StackClient, observed: Observed<StackState>, outputs: Outputs): Promise<StackState> {
  const { world, options } = client;
  switch (observed.kind) {
    case "absent":
      return await createStack(client, outputs);
    case "present":
      return await change(client, observed.state, outputs);
    case "broken":
      world.progress("deleting what is left of it");
      await removeStack(client, outputs);
      return await createStack(client, outputs);
    case "foreign": {
      // The tags of an update make it ours.
      if (!world.options.adopt) throw new FleetError("ForeignResource", observed.why);
      const stranger = await findStack(client, options.name);
      return stranger === undefined
        ? await createStack(client, outputs)
        : await updateStack(client, await readState(client, stranger), outputs);
    }
    case "busy":
      throw new FleetError("StillBusy", observed.why, { hint: "wait for it, then run the same command again" });
    default:
      return observed satisfies never;
  }
}

/** Changes that are impossible in place delete and recreate the stack, if the user allows it. */
async function change(client: StackClient, state: StackState, outputs: Outputs): Promise<StackState> {
  const { world, options, subject } = client;
  const changes = compareParameters(state, options, outputs);
  await options.refuse?.(world, changes);
  const settled = changes.filter(({ effect }) => effect === "replace");
  if (settled.length === 0) return await updateStack(client, state, outputs);
  if (!world.options.allowReplacement) {
    const fields = settled.map(formatChange).join(", ");
    throw new FleetError("ReplacementRequired", `${subject}: can't be changed in place: ${fields}`, {
      hint: "run again with --allow-replacement to delete and recreate it, or change the fleet back",
    });
  }
  world.progress("deleting it, to create it again");
  await removeStack(client, outputs);
  return await createStack(client, outputs);
}

function health(state: StackState): Health {
  const { status, lastFailure, drift } = state;
  if (!status.isStable) return { kind: "degraded", summary: `${status.name}: ${lastFailure ?? "no reason was given"}` };
  const [locked] = state.deletedPrincipals;
  if (locked !== undefined) {
    const { role, id, principal } = locked;
    return {
      kind: "degraded",
      summary: `${role} trusts ${id}, which was deleted, instead of ${principal}: create repairs it`,
    };
  }
  const differences = drift === undefined ? "" : formatDrift(drift);
  if (differences !== "") return { kind: "degraded", summary: `changed behind CloudFormation's back: ${differences}` };
  if (lastFailure === undefined) return { kind: "healthy", summary: status.name };
  // The rollback succeeded: the stack is healthy, unless it differs from the fleet.
  const warning = `the last change failed and was rolled back: ${lastFailure}`;
  return { kind: "healthy", summary: `${status.name}: ${warning}`, warning };
}
