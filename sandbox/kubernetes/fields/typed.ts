import { isObject, type Json, type JsonObject } from "#sandbox/json.ts";
import { emptySet, type FieldSet, formatElement, isEmpty, leaf } from "#sandbox/kubernetes/fields/field-set.ts";
import { anything, fieldSchema, type ListSchema, type Schema, settle } from "#sandbox/kubernetes/schema/schema.ts";

/** A value that its schema doesn't allow, in the API server's words. */
export class TypeFault extends Error {
  override readonly name = "TypeFault";
}

/** Throws at the first value that isn't of its type, and at fields that the type doesn't have. @throws TypeFault */
export function checkTypes(value: unknown, schema: Schema, path = ""): void {
  const fault = (what: string) => new TypeFault(`${path}: ${what}`);
  if (value === null || value === undefined) return;
  const settled = settle(schema, value);
  switch (settled.kind) {
    case "scalar": {
      const found = typeof value;
      if (settled.type !== "any" && found !== settled.type) {
        const wanted = settled.type === "number" ? "numeric (int or float)" : settled.type;
        const got = settled.type === "number" && found === "string" ? "string" : showValue(value);
        throw fault(`expected ${wanted}, got ${got}`);
      }
      return;
    }
    case "map":
      if (!isObject(value)) throw fault(`expected map, got ${showValue(value)}`);
      for (const [name, child] of Object.entries(value)) {
        const of = fieldSchema(settled, name);
        if (of === undefined) throw new TypeFault(`${path}.${name}: field not declared in schema`);
        checkTypes(child, of, `${path}.${name}`);
      }
      return;
    case "list": {
      if (!Array.isArray(value)) throw fault(`expected list, got ${showValue(value)}`);
      const seen = new Set<string>();
      for (const [index, item] of value.entries()) {
        if (Array.isArray(settled.by) && !isObject(item)) {
          throw fault(`element ${index}: associative list with keys may not have non-map elements`);
        }
        const element = settled.by === "whole" ? `[${index}]` : formatElement(elementOf(settled, item));
        if (settled.by !== "whole" && seen.has(element)) throw fault(`duplicate entries for key ${element}`);
        seen.add(element);
        checkTypes(item, settled.of(), `${path}${element}`);
      }
      return;
    }
    default:
      settled satisfies never;
  }
}

/** As Go prints it: what is inside is of no use to who reads it. */
function showValue(value: unknown): string {
  return isObject(value) ? "&{map[]}" : Array.isArray(value) ? "&{[]}" : `&{${String(value)}}`;
}

/** The value without fields that its type doesn't have, and the paths of those: `spec.foo`. */
export function prune(
  value: Json,
  schema: Schema,
  path = "",
): { readonly value: Json; readonly unknown: readonly string[] } {
  const settled = settle(schema, value);
  const unknown: string[] = [];
  if (settled.kind === "map" && isObject(value)) {
    const kept: JsonObject = {};
    for (const [name, child] of Object.entries(value)) {
      if (child === undefined) continue;
      const [of, at] = [fieldSchema(settled, name), path === "" ? name : `${path}.${name}`];
      if (of === undefined) unknown.push(at);
      else {
        const pruned = prune(child, of, at);
        kept[name] = pruned.value;
        unknown.push(...pruned.unknown);
      }
    }
    return { value: kept, unknown };
  }
  if (settled.kind === "list" && Array.isArray(value)) {
    const items = value.map((item: Json, index) => {
      const pruned = prune(item, settled.of(), `${path}[${index}]`);
      unknown.push(...pruned.unknown);
      return pruned.value;
    });
    return { value: items, unknown };
  }
  return { value, unknown };
}

/** The value without empty maps of any names, which the API server leaves out of what it stores of its own kinds. */
export function withoutEmptyMaps(value: Json, schema: Schema): Json {
  const settled = settle(schema, value);
  if (settled.kind === "list" && Array.isArray(value)) {
    return value.map((item: Json) => withoutEmptyMaps(item, settled.of()));
  }
  if (settled.kind !== "map" || !isObject(value)) return value;
  const kept: JsonObject = {};
  for (const [name, child] of Object.entries(value)) {
    const of = fieldSchema(settled, name) ?? anything;
    const isMap = of.kind === "map" && of.fields === undefined;
    if (child === undefined || (isMap && isObject(child) && Object.keys(child).length === 0)) continue;
    kept[name] = withoutEmptyMaps(child, of);
  }
  return kept;
}

/** All fields that a value sets: what it is made of down to scalars and to what is replaced as a whole. */
export function fieldsOf(value: unknown, schema: Schema): FieldSet {
  return collect(value, schema, false);
}

/**
 * @param maps count a map of any names as a field beside its entries: so do writes that aren't applied, which are told by
 *   what comes and goes
 */
function collect(value: unknown, schema: Schema, maps: boolean): FieldSet {
  const settled = settle(schema, value);
  if (settled.kind === "scalar") return leaf;
  if (settled.kind === "list") {
    if (settled.by === "whole") return leaf;
    if (!Array.isArray(value)) return emptySet;
    const items = value.map((item: unknown) => {
      const of = collect(item, settled.of(), maps);
      return [elementOf(settled, item), { member: true, children: of.children }] as const;
    });
    return { member: maps, children: new Map(items) };
  }
  if (settled.atomic) return leaf;
  if (!isObject(value)) return emptySet;
  const children = new Map<string, FieldSet>();
  for (const [name, child] of Object.entries(value)) {
    if (child === undefined) continue;
    const below = collect(child, fieldSchema(settled, name) ?? anything, maps);
    const empty = child === null || (isObject(child) && Object.keys(child).length === 0);
    // A name that the type declares is there with what is in it; one of a map of any names is a field of its own.
    const member = below.member || empty || settled.fields?.has(name) !== true;
    const set = { member, children: below.children };
    if (!isEmpty(set)) children.set(`f:${name}`, set);
  }
  return { member: maps && settled.fields === undefined, children };
}

/** What is there with what is applied put over it: maps and lists with keys are merged, the rest is replaced. */
export function merge(live: Json | undefined, applied: Json | undefined, schema: Schema): Json | undefined {
  if (applied === undefined) return live;
  if (live === undefined || live === null || applied === null) return applied === null ? undefined : applied;
  const settled = settle(schema, applied);
  if (settled.kind === "map" && !settled.atomic && isObject(live) && isObject(applied)) {
    const merged: JsonObject = { ...live };
    for (const [name, child] of Object.entries(applied)) {
      const value = merge(live[name], child, fieldSchema(settled, name) ?? anything);
      if (value === undefined) delete merged[name];
      else merged[name] = value;
    }
    return merged;
  }
  if (settled.kind === "list" && settled.by !== "whole" && Array.isArray(live) && Array.isArray(applied)) {
    return mergeLists(live, applied, settled);
  }
  return applied;
}

/** Applied items in their order, and before each of them what is there only and stood before it. */
function mergeLists(live: readonly Json[], applied: readonly Json[], schema: ListSchema): readonly Json[] {
  const byElement = new Map(live.map((item) => [elementOf(schema, item), item]));
  const wanted = new Set(applied.map((item) => elementOf(schema, item)));
  const [result, waiting, done]: [Json[], Json[], Set<string>] = [[], [...live], new Set()];
  const takeOthers = () => {
    for (let [next] = waiting; next !== undefined; [next] = waiting) {
      const element = elementOf(schema, next);
      if (wanted.has(element) && !done.has(element)) return;
      if (!wanted.has(element)) result.push(next);
      waiting.shift();
    }
  };
  for (const item of applied) {
    takeOthers();
    const element = elementOf(schema, item);
    done.add(element);
    result.push(merge(byElement.get(element), item, schema.of()) ?? item);
  }
  takeOthers();
  return result;
}

/** The value without the fields of a set. */
export function removeFields(value: Json, set: FieldSet, schema: Schema): Json {
  const settled = settle(schema, value);
  if (settled.kind === "map" && isObject(value)) {
    const kept: JsonObject = {};
    for (const [name, child] of Object.entries(value)) {
      const gone = set.children.get(`f:${name}`);
      if (gone?.member === true || child === undefined) continue;
      kept[name] = gone === undefined ? child : removeFields(child, gone, fieldSchema(settled, name) ?? anything);
    }
    return kept;
  }
  if (settled.kind === "list" && settled.by !== "whole" && Array.isArray(value)) {
    return value.flatMap((item: Json) => {
      const gone = set.children.get(elementOf(settled, item));
      if (gone?.member === true) return [];
      return [gone === undefined ? item : removeFields(item, gone, settled.of())];
    });
  }
  return value;
}

interface Comparison {
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

/** Fields of either value that are not in the other, or not the same there. */
export function changedFields(before: Json | undefined, after: Json | undefined, schema: Schema): Comparison {
  if (before === undefined)
    return { changed: after === undefined ? emptySet : collect(after, schema, true), removed: emptySet };
  if (after === undefined) return { changed: emptySet, removed: collect(before, schema, true) };
  const settled = settle(schema, after);
  const pairs =
    settled.kind === "map" && !settled.atomic && isObject(before) && isObject(after)
      ? [...new Set([...Object.keys(before), ...Object.keys(after)])].map((name) => {
          const of = fieldSchema(settled, name) ?? anything;
          const self = settled.fields?.has(name) !== true;
          return { key: `f:${name}`, before: before[name], after: after[name], of, self };
        })
      : settled.kind === "list" && settled.by !== "whole" && Array.isArray(before) && Array.isArray(after)
        ? pairItems(before, after, settled)
        : undefined;
  if (pairs === undefined) {
    return { changed: Bun.deepEquals(before, after) ? emptySet : leaf, removed: emptySet };
  }
  const [changed, removed] = [new Map<string, FieldSet>(), new Map<string, FieldSet>()];
  for (const pair of pairs) {
    const below = changedFields(pair.before, pair.after, pair.of);
    // What comes or goes is a field with all that is in it.
    const add = (into: Map<string, FieldSet>, set: FieldSet, whole: boolean) => {
      const member = set.member || (whole && (pair.self || set.children.size === 0));
      if (member || set.children.size > 0) into.set(pair.key, { member, children: set.children });
    };
    add(changed, below.changed, pair.before === undefined);
    add(removed, below.removed, pair.after === undefined);
  }
  return { changed: { member: false, children: changed }, removed: { member: false, children: removed } };
}

function pairItems(before: readonly Json[], after: readonly Json[], schema: ListSchema) {
  const byElement = (items: readonly Json[]) => new Map(items.map((item) => [elementOf(schema, item), item]));
  const [was, is] = [byElement(before), byElement(after)];
  return [...new Set([...was.keys(), ...is.keys()])].map((key) => ({
    key,
    before: was.get(key),
    after: is.get(key),
    of: schema.of(),
    self: true,
  }));
}

/** The path element of an item: by its keys, or by its value. */
function elementOf({ by, defaults }: ListSchema, item: unknown): string {
  if (!Array.isArray(by)) return `v:${JSON.stringify(item)}`;
  const fields = isObject(item) ? item : {};
  const keys = [...by].sort().flatMap((key) => {
    const value = fields[key] ?? defaults[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  return `k:${JSON.stringify(Object.fromEntries(keys))}`;
}
