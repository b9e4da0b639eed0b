import { isObject, type Json, type JsonObject } from "#sandbox/json.ts";

/**
 * A set of fields of an object, as Kubernetes writes it in managedFields (FieldsV1): a tree of path elements, `f:name` for a
 * field, `k:{...}` for an item of a list by its keys, `v:...` by its value.
 */
export interface FieldSet {
  /** The path that leads here is in the set, whatever is below it. */
  readonly member: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

export const emptySet: FieldSet = { member: false, children: new Map() };
export const leaf: FieldSet = { member: true, children: new Map() };

export function parseFields(json: Json | undefined): FieldSet {
  if (!isObject(json)) return emptySet;
  const keys = Object.keys(json).filter((key) => key !== ".");
  const children = keys.map((key) => {
    const child = parseFields(json[key]);
    return [key, child.children.size === 0 ? leaf : child] as const;
  });
  return { member: "." in json, children: new Map(children) };
}

export function formatFields(set: FieldSet): JsonObject {
  const json: JsonObject = {};
  if (set.member) json["."] = {};
  for (const key of [...set.children.keys()].sort()) {
    const child = set.children.get(key);
    if (child === undefined) continue;
    json[key] = child.children.size === 0 ? {} : formatFields(child);
  }
  return json;
}

export function isEmpty(set: FieldSet): boolean {
  return !set.member && set.children.size === 0;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (inA, inB) => inA || inB);
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (inA, inB) => inA && inB);
}

export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (inA, inB) => inA && !inB);
}

function combine(a: FieldSet, b: FieldSet, holds: (inA: boolean, inB: boolean) => boolean): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const key of new Set([...a.children.keys(), ...b.children.keys()])) {
    const child = combine(a.children.get(key) ?? emptySet, b.children.get(key) ?? emptySet, holds);
    if (!isEmpty(child)) children.set(key, child);
  }
  return { member: holds(a.member, b.member), children };
}

/** The set with everything that leads to one of its fields. */
export function withParents(set: FieldSet): FieldSet {
  const children = [...set.children].map(([key, child]) => [key, withParents(child)] as const);
  return { member: set.member || set.children.size > 0, children: new Map(children) };
}

/** Each path of the set as Kubernetes writes it: `.spec.containers[name="c"].image`. */
export function formatPaths(set: FieldSet, path = ""): readonly string[] {
  const below = [...set.children].flatMap(([key, child]) => formatPaths(child, path + formatElement(key)));
  return set.member ? [path, ...below] : below;
}

export function formatElement(key: string): string {
  const [kind, name] = [key.slice(0, 2), key.slice(2)];
  if (kind === "f:") return `.${name}`;
  if (kind === "v:") return `[=${name}]`;
  const keys = Object.entries(JSON.parse(name) as JsonObject).map(
    ([field, value]) => `${field}=${JSON.stringify(value)}`,
  );
  return `[${keys.join(",")}]`;
}
