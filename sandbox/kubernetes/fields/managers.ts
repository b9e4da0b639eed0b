import { isObject, type Json, type JsonObject, listAt, objectAt, stringAt } from "#sandbox/json.ts";
import {
  difference,
  emptySet,
  type FieldSet,
  formatFields,
  formatPaths,
  intersection,
  isEmpty,
  parseFields,
  union,
  withParents,
} from "#sandbox/kubernetes/fields/field-set.ts";
import { changedFields, fieldsOf, merge, removeFields } from "#sandbox/kubernetes/fields/typed.ts";
import type { Schema } from "#sandbox/kubernetes/schema/schema.ts";

/** Who owns which fields, as `metadata.managedFields` has it. */
interface Owner {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string;
  readonly fields: FieldSet;
}

export interface Conflict {
  /** `"kubectl" using apps/v1`. */
  readonly owner: string;
  /** `.spec.replicas`. */
  readonly field: string;
}

export interface Write {
  readonly manager: string;
  readonly subresource: string;
  readonly apiVersion: string;
  readonly schema: Schema;
  /** RFC 3339. */
  readonly now: string;
}

/** What only the server sets, or what says which object it is: nobody owns it. */
const unowned = parseFields({
  "f:apiVersion": {},
  "f:kind": {},
  "f:metadata": {
    ".": {},
    "f:name": {},
    "f:namespace": {},
    "f:uid": {},
    "f:selfLink": {},
    "f:generation": {},
    "f:resourceVersion": {},
    "f:creationTimestamp": {},
    "f:deletionTimestamp": {},
    "f:deletionGracePeriodSeconds": {},
    "f:managedFields": {},
  },
});

/** Somebody who wrote without saying who, before anybody applied. */
const unnamedManager = "before-first-apply";

/**
 * Server-side apply: puts `applied` over `live`, takes out what its manager applied before and now leaves out unless another
 * one owns it too, and gives the fields their owners.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
 *
 * @returns the object with its owners, or the conflicts; `live` itself when nothing changes
 */
export function applyFields(
  live: JsonObject | undefined,
  applied: JsonObject,
  write: Write & { readonly force: boolean },
): { readonly object: JsonObject } | { readonly conflicts: readonly Conflict[] } {
  const { schema } = write;
  const owners = live === undefined ? [] : ownersOf(live, write);
  const own = owners.find((owner) => isSame(owner, write, "Apply"));
  const others = owners.filter((owner) => owner !== own);
  const wanted = difference(fieldsOf(applied, schema), unowned);
  const left = difference(
    withParents(own?.fields ?? emptySet),
    withParents(others.reduce((all, { fields }) => union(all, fields), wanted)),
  );
  const merged = removeFields(merge(bare(live), applied, schema) ?? {}, left, schema);
  if (!isObject(merged)) throw new Error("an object became something else");
  const { changed, removed } = changedFields(bare(live), merged, schema);
  const conflicts = others.flatMap((owner) =>
    formatPaths(intersection(owner.fields, changed)).map((field) => ({ owner: describe(owner), field })),
  );
  if (conflicts.length > 0 && !write.force) return { conflicts };
  const lost = union(changed, removed);
  const rest = others.map((owner) => ({ ...owner, fields: difference(owner.fields, lost) }));
  const same = isEmpty(lost) && own !== undefined && Bun.deepEquals(own.fields, wanted);
  if (same && live !== undefined) return { object: live };
  return { object: withOwners(merged, [...rest, ownerOf(write, "Apply", wanted)]) };
}

/** Any other write: who wrote owns what it changed, and the others no longer do. */
export function updateFields(live: JsonObject | undefined, next: JsonObject, write: Write): JsonObject {
  const owners = live === undefined ? [] : readOwners(live);
  // Nobody has been keeping account of this object, and nobody begins in the middle.
  if (live !== undefined && owners.length === 0) return next;
  const { changed, removed } = changedFields(bare(live), bare(next), write.schema);
  const lost = union(changed, removed);
  const own = owners.find((owner) => isSame(owner, write, "Update"));
  const rest = owners
    .filter((owner) => owner !== own)
    .map((owner) => ({ ...owner, fields: difference(owner.fields, lost) }));
  const kept = own?.fields ?? emptySet;
  const fields = difference(union(difference(kept, removed), changed), unowned);
  const updated =
    Bun.deepEquals(fields, kept) && own !== undefined && isEmpty(lost) ? own : ownerOf(write, "Update", fields);
  return withOwners(next, [...rest, updated]);
}

function ownerOf(
  { manager, apiVersion, subresource, now }: Write,
  operation: Owner["operation"],
  fields: FieldSet,
): Owner {
  return { manager, operation, apiVersion, subresource, time: now, fields };
}

function isSame(owner: Owner, write: Write, operation: Owner["operation"]): boolean {
  return (
    owner.manager === write.manager &&
    owner.operation === operation &&
    owner.subresource === write.subresource &&
    (operation === "Apply" || owner.apiVersion === write.apiVersion)
  );
}

function ownersOf(object: JsonObject, write: Write): readonly Owner[] {
  const owners = readOwners(object);
  if (owners.length > 0) return owners;
  const fields = difference(fieldsOf(bare(object), write.schema), unowned);
  return [ownerOf({ ...write, manager: unnamedManager, subresource: "" }, "Update", fields)];
}

function readOwners(object: JsonObject): readonly Owner[] {
  return listAt(object, "metadata", "managedFields").map((entry) => ({
    manager: stringAt(entry, "manager"),
    operation: stringAt(entry, "operation") === "Apply" ? "Apply" : "Update",
    apiVersion: stringAt(entry, "apiVersion"),
    subresource: stringAt(entry, "subresource"),
    time: stringAt(entry, "time"),
    fields: parseFields(objectAt(entry, "fieldsV1")),
  }));
}

function withOwners(object: JsonObject, owners: readonly Owner[]): JsonObject {
  const written = owners
    .filter(({ fields }) => !isEmpty(fields))
    .toSorted(
      (a, b) =>
        a.operation.localeCompare(b.operation) ||
        a.time.localeCompare(b.time) ||
        a.manager.localeCompare(b.manager) ||
        a.subresource.localeCompare(b.subresource),
    )
    .map(
      (owner): JsonObject => ({
        manager: owner.manager,
        operation: owner.operation,
        apiVersion: owner.apiVersion,
        ...(owner.time === "" ? {} : { time: owner.time }),
        fieldsType: "FieldsV1",
        fieldsV1: formatFields(owner.fields),
        ...(owner.subresource === "" ? {} : { subresource: owner.subresource }),
      }),
    );
  const { managedFields: _before, ...metadata } = objectAt(object, "metadata");
  return { ...object, metadata: written.length === 0 ? metadata : { ...metadata, managedFields: written } };
}

/** Without what says who owns it. */
function bare<Value extends JsonObject | undefined>(object: Value): Value {
  if (object === undefined) return object;
  const { managedFields: _owners, ...metadata } = objectAt(object, "metadata");
  return { ...object, metadata: metadata as Json } as Value;
}

function describe({ manager, operation, apiVersion, subresource }: Owner): string {
  const within = subresource === "" ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  return `${JSON.stringify(manager)}${within}${operation === "Apply" ? "" : ` using ${apiVersion}`}`;
}
