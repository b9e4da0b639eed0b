import { readFault } from "#lib/azure/azure-error.ts";
import type { ArmResource, Condition, Json } from "#lib/azure/clients.ts";
import { explainOperation, isAzureError } from "#lib/azure/explain.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { provisioningOf, waitUntilGone, waitUntilIdle } from "#lib/azure/provisioning.ts";
import { register } from "#lib/azure/registration.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import { type BodyRules, compareBody, mergeBody } from "#lib/cloud/body.ts";
import { describeOwner, isOfFleet, missingTags, type Tags } from "#lib/cloud/ownership.ts";
import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Change, Health, Observed, Outputs, Resource, RowRef } from "#lib/graph/resource.ts";

export interface ArmResourceOptions {
  readonly id: string;
  readonly title: string;
  readonly label: string;
  readonly row: RowRef;
  /** @default "api" */
  readonly lane?: string;
  readonly needs: readonly AnyResource[];
  readonly account: AzureAccount;
  /** Id in Resource Manager; undefined while something that it is made of is absent. */
  readonly azureId: (outputs: Outputs) => string | undefined;
  /** What is wanted, in the spelling of Resource Manager, without tags. */
  readonly body: (outputs: Outputs) => Json;
  /** @default all fields of `body` are compared as they are, and changed in place */
  readonly rules?: BodyRules;
  /** A change writes all that was found, not only what is wanted: for types that reset what is missing. @default false */
  readonly writesAll?: boolean;
  /** An existing one stays in its location, whatever `body` has. @default false */
  readonly keepsLocation?: boolean;
  /** Tags of what this fleet makes. @default none: the type has no tags, and is known by its id */
  readonly tags?: Tags;
  /** It has etags: a write that is based on an old state, or creates what exists, is refused. @default false */
  readonly etags?: boolean;
  /** Keys of tags that are removed. @default none */
  readonly passingTags?: readonly string[];
  /** How it is read and written. @default by `azureId` */
  readonly open?: (world: AzureWorld, outputs: Outputs) => Promise<ArmAccess>;
  /** Refuses what Azure would refuse later, or what must not be. `found` is undefined before a create. @default nothing */
  readonly refuse?: (world: AzureWorld, found: ArmResource | undefined, changes: readonly Change[]) => Promise<void>;
  /** Refuses or prepares a delete. @default nothing */
  readonly beforeDelete?: (world: AzureWorld, found: ArmResource, outputs: Outputs) => Promise<void>;
  /** Longest time of one operation. */
  readonly timeoutMs: number;
  /** Why a delete keeps it. @default a delete removes it */
  readonly keptOnDelete?: string;
  /** @default the name */
  readonly summary?: (found: ArmResource) => string;
}

export type ArmBody = Json & { readonly tags?: Tags };

/** Reads and writes one thing in Azure. */
export interface ArmAccess {
  get(id: string): Promise<ArmResource | undefined>;
  put(id: string, body: ArmBody, condition: Condition): Promise<ArmResource>;
  /** Succeeds if it is already gone. */
  remove(id: string): Promise<void>;
}

/** Between two writes while Azure is at work on something that the resource's own state does not show. */
const busyPauseMs = 10_000;

/**
 * One thing in Azure with a desired body. It keeps tags and fields of other tools; joins an operation that is going on, whoever started
 * it; repairs what Azure calls Failed by writing it again, and never deletes it for that.
 */
export function armResource(options: ArmResourceOptions): Resource<ArmResource, AzureWorld> {
  const { id, title, label, row, lane = "api", needs, keptOnDelete, refuse } = options;
  return {
    id,
    title,
    label,
    row,
    lane,
    needs,
    ...(keptOnDelete === undefined ? {} : { keptOnDelete }),
    observe: (world, outputs) => observe(world, outputs, options),
    diff: (found, outputs) => compare(found, outputs, options),
    ...(refuse === undefined
      ? {}
      : { refuse: (world, found, outputs) => refuse(world, found, compare(found, outputs, options)) }),
    ensure: async (world, _observed, outputs) => await ensure(await openWork(world, outputs, options)),
    async remove(world, _observed, outputs) {
      if (options.azureId(outputs) !== undefined) await remove(await openWork(world, outputs, options));
      return { kind: "removed" };
    },
    health: (found) => health(found, options),
  };
}

/** A resource whose state has more than Resource Manager answers for it. */
export function withReading<State extends ArmResource>(
  resource: Resource<ArmResource, AzureWorld>,
  read: (world: AzureWorld, found: ArmResource) => Promise<State>,
): Resource<State, AzureWorld> {
  return {
    ...resource,
    async observe(world, outputs) {
      const observed = await resource.observe(world, outputs);
      return observed.kind === "present" ? { ...observed, state: await read(world, observed.state) } : observed;
    },
    async ensure(world, observed, outputs) {
      return await read(world, await resource.ensure(world, observed, outputs));
    },
  };
}

/** One resource at work. */
interface Work {
  readonly world: AzureWorld;
  readonly outputs: Outputs;
  readonly options: ArmResourceOptions;
  readonly access: ArmAccess;
  readonly id: string;
}

async function openWork(world: AzureWorld, outputs: Outputs, options: ArmResourceOptions): Promise<Work> {
  const id = options.azureId(outputs);
  if (id === undefined) throw new FleetError("OutputMissing", `${options.title} depends on what is not there yet`);
  return { world, outputs, options, access: await open(world, outputs, options), id };
}

async function open(world: AzureWorld, outputs: Outputs, options: ArmResourceOptions): Promise<ArmAccess> {
  if (options.open !== undefined) return await options.open(world, outputs);
  const arm = world.azure.arm(options.account);
  return {
    get: (id) => arm.get(world, id),
    put: (id, body, condition) => arm.put(world, id, body, condition),
    remove: (id) => arm.remove(world, id),
  };
}

async function observe(
  world: AzureWorld,
  outputs: Outputs,
  options: ArmResourceOptions,
): Promise<Observed<ArmResource>> {
  const id = options.azureId(outputs);
  const found = id === undefined ? undefined : await (await open(world, outputs, options)).get(id);
  if (found === undefined) return { kind: "absent" };
  if (isForeign(found, options)) return { kind: "foreign", why: foreign(found, options).message };
  const state = provisioningOf(found);
  if (state.kind === "busy") return { kind: "busy", why: `Azure is at work on it: ${state.name}`, inCloud: true };
  return { kind: "present", state: found };
}

function isForeign({ tags = {} }: ArmResource, { tags: ours }: ArmResourceOptions): boolean {
  return ours !== undefined && !isOfFleet(tags, ours);
}

function foreign({ id, tags = {} }: ArmResource, { account }: ArmResourceOptions): FleetError {
  return new FleetError("ForeignResource", `${id} in ${account.name} is ${describeOwner(tags)}`, {
    hint: "rename or remove it, or take it over with --adopt",
  });
}

function compare(found: ArmResource, outputs: Outputs, options: ArmResourceOptions): readonly Change[] {
  const { tags: ours = {}, passingTags = [], rules } = options;
  const { tags = {} } = found;
  const inPlace = (field: string, from = "", to = ""): Change => ({ field, from, to, effect: "in-place" });
  const state = provisioningOf(found);
  return [
    ...compareBody(wantedOf(options, outputs, found), found, rules).map((change) => ({
      ...change,
      field: change.field.replace(/^properties\./, ""),
    })),
    ...Object.entries(missingTags(tags, ours)).map(([key, value]) => inPlace(`tags.${key}`, tags[key], value)),
    ...passingTags.filter((key) => tags[key] !== undefined).map((key) => inPlace(`tags.${key}`, tags[key])),
    ...(state.kind === "broken" ? [inPlace("provisioningState", state.name, "Succeeded")] : []),
  ];
}

function wantedOf({ body, keepsLocation }: ArmResourceOptions, outputs: Outputs, found?: ArmResource): Json {
  const wanted = body(outputs);
  return keepsLocation && found?.location !== undefined ? { ...wanted, location: found.location } : wanted;
}

async function ensure(work: Work): Promise<ArmResource> {
  const { world, outputs, options, access, id } = work;
  const deadline = world.clock.now() + options.timeoutMs;
  // Another operation may be met again and again, everything else once.
  const met: ReturnType<typeof obstacleOf>[] = [];
  for (;;) {
    const found = await waitUntilIdle(world, options, () => access.get(id));
    if (found !== undefined && isForeign(found, options) && !world.options.adopt) throw foreign(found, options);
    const changes = found === undefined ? [] : compare(found, outputs, options);
    if (found !== undefined && changes.length === 0) return found;
    try {
      await options.refuse?.(world, found, changes);
      const replaces = changes.some(({ effect }) => effect === "replace");
      if (replaces && !world.options.allowReplacement) throw replacementRequired(changes, options);
      if (replaces) await remove(work);
      return await write(work, replaces ? undefined : found);
    } catch (error) {
      const obstacle = obstacleOf(error);
      const isBusy = obstacle === "another operation is in progress";
      if (obstacle === undefined || (isBusy ? world.clock.now() >= deadline : met.includes(obstacle))) throw error;
      met.push(obstacle);
      world.progress(`reading it again: ${obstacle}`);
      if (obstacle === "its provider is not registered") await register(world, options.account, id);
      else await world.clock.sleep(isBusy ? busyPauseMs : 0, world.signal);
    }
  }
}

/** What stopped a write that may succeed, or be superfluous, after another look. */
function obstacleOf(error: unknown) {
  if (isAzureError(error, "PreconditionFailed")) return "it was changed meanwhile";
  if (isAzureError(error, "MissingSubscriptionRegistration")) return "its provider is not registered";
  if (!(error instanceof FleetError)) return undefined;
  if (error.code === "AzureBusy") return "another operation is in progress";
  return error.code === "AzureUnreachable" ? "the answer was lost" : undefined;
}

function replacementRequired(changes: readonly Change[], { title }: ArmResourceOptions): FleetError {
  const fields = changes.filter(({ effect }) => effect === "replace").map(({ field }) => field);
  return new FleetError("ReplacementRequired", `${title}: can't be changed in place: ${fields.join(", ")}`, {
    hint: "run again with --allow-replacement to delete and recreate it, or change the fleet back",
  });
}

async function write({ world, outputs, options, access, id }: Work, found?: ArmResource): Promise<ArmResource> {
  const { rules, tags: ours, passingTags = [], writesAll = false } = options;
  const wanted = wantedOf(options, outputs, found);
  const tags = Object.entries({ ...found?.tags, ...ours }).filter(([key]) => !passingTags.includes(key));
  const body = {
    ...(found !== undefined && writesAll ? mergeBody(wanted, writableOf(found), rules) : wanted),
    ...(ours === undefined ? {} : { tags: Object.fromEntries(tags) }),
  };
  world.progress(found === undefined ? "creating it" : "updating it");
  const written = await access.put(id, body, conditionOf(found, options));
  const isDone = provisioningOf(written).kind !== "busy";
  const settled = isDone ? written : await waitUntilIdle(world, options, () => access.get(id));
  if (settled === undefined) throw new FleetError("AzureFailed", `${options.title}: it was deleted meanwhile`);
  refuseBroken(settled, options);
  return settled;
}

/** Without what Azure alone decides about. */
function writableOf({ id: _id, name: _name, type: _type, etag: _etag, eTag: _eTag, ...rest }: ArmResource): Json {
  return rest;
}

function conditionOf(found: ArmResource | undefined, { etags = false }: ArmResourceOptions): Condition {
  if (!etags) return {};
  if (found === undefined) return { ifNoneMatch: "*" };
  // AKS spells it in its own way.
  const etag = found.etag ?? found.eTag;
  return typeof etag === "string" ? { ifMatch: etag } : {};
}

/** @throws FleetError with the error of the operation, in our words */
function refuseBroken(found: ArmResource, { account, title }: ArmResourceOptions): void {
  const state = provisioningOf(found);
  if (state.kind !== "broken") return;
  throw explainOperation(state.error, { account: account.name, what: `${title} ended as ${state.name}` });
}

async function remove({ world, outputs, options, access, id }: Work): Promise<void> {
  const read = (): Promise<ArmResource | undefined> => access.get(id);
  const found = await read();
  if (found === undefined) return;
  if (isForeign(found, options) && !world.options.adopt) throw foreign(found, options);
  if (!isDeleting(found)) {
    const idle = await waitUntilIdle(world, options, read);
    if (idle === undefined) return;
    await options.beforeDelete?.(world, idle, outputs);
    world.progress("deleting it");
    await retryWhileBusy(world, options, () => access.remove(id));
  }
  const left = await waitUntilGone(world, options, read);
  if (left === undefined) return;
  refuseBroken(left, options);
  throw new FleetError("AzureFailed", `${options.title}: Azure has stopped deleting it`, {
    hint: "run the same command again",
  });
}

function isDeleting(found: ArmResource): boolean {
  const state = provisioningOf(found);
  return state.kind === "busy" && /^delet/i.test(state.name);
}

/** Repeats a call that Azure refuses while an operation is in progress. */
export async function retryWhileBusy<Answer>(
  { clock, signal, progress }: AzureWorld,
  { timeoutMs }: Pick<ArmResourceOptions, "timeoutMs">,
  call: () => Promise<Answer>,
): Promise<Answer> {
  for (const deadline = clock.now() + timeoutMs; ; ) {
    try {
      return await call();
    } catch (error) {
      const obstacle = obstacleOf(error);
      if (obstacle !== "another operation is in progress" || clock.now() >= deadline) throw error;
      progress(`trying again: ${obstacle}`);
      await clock.sleep(busyPauseMs, signal);
    }
  }
}

function health(found: ArmResource, { summary = ({ name }) => name }: ArmResourceOptions): Health {
  const state = provisioningOf(found);
  if (state.kind !== "broken") return { kind: "healthy", summary: summary(found) };
  const { message = "Azure does not say why" } = readFault(state.error) ?? {};
  return { kind: "degraded", summary: `${state.name}: ${message}` };
}
