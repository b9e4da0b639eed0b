import { type BodyRules, compareBody } from "#lib/cloud/body.ts";
import { FleetError } from "#lib/errors.ts";
import type { Json } from "#lib/gcp/clients.ts";
import { readAndWrite } from "#lib/gcp/conflict.ts";
import { poll } from "#lib/gcp/operation.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import type { AnyResource, Change, Health, Observed, Outputs, Resource, RowRef } from "#lib/graph/resource.ts";

/** One thing in GCP that is read and written as a whole. */
export interface RestAccess {
  get(): Promise<Json | undefined>;
  create(body: Json): Promise<void>;
  /** @param fields of `body` that differ: an update mask */
  change(body: Json, fields: readonly string[]): Promise<void>;
  /** Succeeds if it is already gone. */
  remove(): Promise<void>;
  /** For types that GCP keeps for some days after a delete, and whose name is taken meanwhile. */
  undelete?(found: Json): Promise<void>;
}

export interface Described {
  readonly id: string;
  readonly title: string;
  readonly label: string;
  readonly row: RowRef;
  readonly needs: readonly AnyResource[];
  readonly keptOnDelete?: string;
}

export interface RestResourceOptions extends Described {
  /** A delete of both removes only this. @default none */
  readonly goesWith?: AnyResource;
  readonly open: (world: GcpWorld, outputs: Outputs) => Promise<RestAccess>;
  /** What is wanted. */
  readonly body: (outputs: Outputs) => Json;
  /** @default all fields of `body` are compared as they are, and changed in place */
  readonly rules?: BodyRules;
  /** Why something found is not this fleet's, if it is not. */
  readonly foreign: (found: Json) => string | undefined;
  /** Refuses or prepares a create. @default nothing */
  readonly beforeCreate?: (world: GcpWorld) => Promise<void>;
  /** Refuses or prepares a delete. @default nothing */
  readonly beforeDelete?: (world: GcpWorld, found: Json) => Promise<void>;
  /** @default "exists" */
  readonly summary?: (found: Json) => string;
}

/** GCP's own words: reads of IAM lag behind writes by up to a minute. */
const settleMs = 2 * 60_000;

/** One thing in GCP with a desired body: found again by its name, undeleted where GCP still keeps it, never taken from others. */
export function restResource(options: RestResourceOptions): Resource<Json, GcpWorld> {
  const { id, title, label, row, needs, keptOnDelete, goesWith, summary = () => "exists" } = options;
  return {
    id,
    title,
    label,
    row,
    lane: "api",
    needs,
    ...(keptOnDelete === undefined ? {} : { keptOnDelete }),
    ...(goesWith === undefined ? {} : { goesWith }),
    observe: (world, outputs) => observe(world, outputs, options),
    diff: (found, outputs) => compareBody(options.body(outputs), found, options.rules),
    ensure: (world, _observed, outputs) => ensure(world, outputs, options),
    async remove(world, _observed, outputs) {
      await remove(world, outputs, options);
      return { kind: "removed" };
    },
    health: (found): Health => ({ kind: "healthy", summary: summary(found) }),
  };
}

/** What has no labels is known by its description. */
export function foreignUnless(mark: string, what: string): (found: Json) => string | undefined {
  return ({ description }) =>
    description === mark ? undefined : `${what} has another description than "${mark}": this fleet did not make it`;
}

async function observe(world: GcpWorld, outputs: Outputs, options: RestResourceOptions): Promise<Observed<Json>> {
  const found = await (await options.open(world, outputs)).get();
  if (found === undefined || isDeleted(found)) return { kind: "absent" };
  const why = options.foreign(found);
  return why === undefined ? { kind: "present", state: found } : { kind: "foreign", why };
}

/** Deleted, and still there for some days: pools, providers and roles. */
function isDeleted({ state, deleted }: Json): boolean {
  return state === "DELETED" || deleted === true;
}

async function ensure(world: GcpWorld, outputs: Outputs, options: RestResourceOptions): Promise<Json> {
  const access = await options.open(world, outputs);
  const write = async (found: Json | undefined): Promise<Json> => {
    if (found !== undefined) refuseForeign(world, found, options);
    const wanted = options.body(outputs);
    if (found === undefined) {
      await options.beforeCreate?.(world);
      world.progress("creating it");
      await access.create(wanted);
    } else if (isDeleted(found)) {
      await undelete(world, access, found, options);
      return await write(await access.get());
    } else {
      const changes = compareBody(wanted, found, options.rules);
      if (changes.length === 0) return found;
      refuseReplacement(changes, options);
      world.progress("updating it");
      await access.change(wanted, fieldsOf(changes));
    }
    return await settled(world, access, wanted, options);
  };
  return await readAndWrite(world, () => access.get(), write);
}

async function undelete(
  world: GcpWorld,
  access: RestAccess,
  found: Json,
  { title }: RestResourceOptions,
): Promise<void> {
  if (access.undelete === undefined)
    throw new FleetError("GcpFailed", `${title}: GCP has deleted it and keeps its name`, {
      hint: "delete it for good, or wait until its name is free",
    });
  world.progress("restoring it: it was deleted some days ago, and its name is still taken");
  await access.undelete(found);
}

/** Until a read shows what was written. */
async function settled(
  world: GcpWorld,
  access: RestAccess,
  wanted: Json,
  { title, rules }: RestResourceOptions,
): Promise<Json> {
  const hint = "run the same command again";
  return await poll(world, { what: `${title}: waiting until GCP shows it`, timeoutMs: settleMs, hint }, async () => {
    const found = await access.get();
    if (found === undefined || isDeleted(found)) return { waiting: "GCP does not show it yet" };
    const [change] = compareBody(wanted, found, rules);
    return change === undefined ? { done: found } : { waiting: `GCP shows the old ${change.field}` };
  });
}

function fieldsOf(changes: readonly Change[]): readonly string[] {
  return [...new Set(changes.map(({ field }) => field.replace(/[.[].*$/, "")))];
}

function refuseForeign({ options: { adopt } }: GcpWorld, found: Json, { title, foreign }: RestResourceOptions): void {
  const why = foreign(found);
  if (why === undefined || adopt) return;
  throw new FleetError("ForeignResource", `${title}: ${why}`, {
    hint: "rename or remove it, or take it over with --adopt",
  });
}

function refuseReplacement(changes: readonly Change[], { title }: RestResourceOptions): void {
  const fields = changes.filter(({ effect }) => effect === "replace").map(({ field }) => field);
  if (fields.length === 0) return;
  throw new FleetError("ReplacementRequired", `${title}: can't be changed in place: ${fields.join(", ")}`, {
    hint: "delete it and run the same command again, or change the fleet back",
  });
}

async function remove(world: GcpWorld, outputs: Outputs, options: RestResourceOptions): Promise<void> {
  const access = await options.open(world, outputs);
  const found = await access.get();
  if (found === undefined || isDeleted(found)) return;
  refuseForeign(world, found, options);
  await options.beforeDelete?.(world, found);
  world.progress("deleting it");
  try {
    await access.remove();
  } catch (error) {
    // After a lost answer the delete was sent again, and refused: GCP keeps what the first one deleted for some days.
    const left = await access.get();
    if (left !== undefined && !isDeleted(left)) throw error;
  }
}
