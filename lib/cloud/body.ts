import type { Change, ChangeValue } from "#lib/graph/resource.ts";

/** A resource in JSON, as a cloud's API takes and answers it. */
export type Body = { readonly [field: string]: unknown };

/** Decides on two values of one field. */
export type BodyRule = (wanted: unknown, found: unknown) => boolean;

/**
 * How fields are compared, by their paths: `properties.networkProfile`. A rule holds for all fields below its path, and for each element
 * of a list.
 */
export interface BodyRules {
  /** Fixed at creation: a difference replaces the resource. @default none */
  readonly immutable?: readonly string[];
  /** Ids and names whose case doesn't matter. @default none */
  readonly anyCase?: readonly string[];
  /** Lists whose order doesn't matter. @default none */
  readonly sets?: readonly string[];
  /** Values that are the same although they are not equal, of exactly this field. @default none */
  readonly same?: Readonly<Record<string, BodyRule>>;
  /** Differences of exactly this field that replace the resource. @default none */
  readonly replaces?: Readonly<Record<string, BodyRule>>;
}

/**
 * The differences in what is wanted: fields that aren't set in it are not compared, and a missing value is the same as an empty one,
 * because clouds leave those out. Elements with a `name` are compared by it, others by their place. Pure.
 */
export function compareBody(wanted: Body, found: Body, rules: BodyRules = {}): readonly Change[] {
  return compareFields(wanted, found, "", rules);
}

/** What is written to change a resource: what was found with what is wanted in it. Values that are the same stay as found. Pure. */
export function mergeBody(wanted: Body, found: Body, rules: BodyRules = {}): Body {
  return mergeFields(wanted, found, "", rules);
}

function compareFields(wanted: Body, found: Body, path: string, rules: BodyRules): readonly Change[] {
  return Object.entries(wanted).flatMap(([field, value]) =>
    compareValue(value, found[field], path === "" ? field : `${path}.${field}`, rules),
  );
}

function compareValue(wanted: unknown, found: unknown, path: string, rules: BodyRules): readonly Change[] {
  if (wanted === undefined || isSame(wanted, found, path, rules)) return [];
  if (isBody(wanted) && (isBody(found) || found === undefined)) return compareFields(wanted, found ?? {}, path, rules);
  if (isList(wanted) && isList(found) && areNamed(wanted)) {
    return wanted.flatMap((element) =>
      compareValue(element, findNamed(found, element), `${path}[${nameOf(element)}]`, rules),
    );
  }
  if (isList(wanted) && isList(found) && wanted.length === found.length && wanted.every(isBody)) {
    return wanted.flatMap((element, index) => compareValue(element, found[index], `${path}[${index}]`, rules));
  }
  const replaces = isBelow(path, rules.immutable) || rules.replaces?.[ruleOf(path)]?.(wanted, found) === true;
  return [{ field: path, from: format(found), to: format(wanted), effect: replaces ? "replace" : "in-place" }];
}

function isSame(wanted: unknown, found: unknown, path: string, rules: BodyRules): boolean {
  if (wanted === undefined || (isEmpty(wanted) && isEmpty(found))) return true;
  if (rules.same?.[ruleOf(path)]?.(wanted, found) === true) return true;
  if (isList(wanted) && isList(found)) return areSame(wanted, found, path, rules);
  if (isBody(wanted) && isBody(found)) {
    return Object.entries(wanted).every(([field, value]) => isSame(value, found[field], `${path}.${field}`, rules));
  }
  if (typeof wanted === "string" && typeof found === "string" && isBelow(path, rules.anyCase)) {
    return wanted.toLowerCase() === found.toLowerCase();
  }
  return wanted === found;
}

/** Elements that nobody asked for are a difference only where elements have no name. */
function areSame(wanted: readonly unknown[], found: readonly unknown[], path: string, rules: BodyRules): boolean {
  const isElement = (element: unknown, other: unknown): boolean => isSame(element, other, path, rules);
  if (areNamed(wanted)) return wanted.every((element) => isElement(element, findNamed(found, element)));
  if (wanted.length !== found.length) return false;
  if (!isBelow(path, rules.sets)) return wanted.every((element, index) => isElement(element, found[index]));
  return wanted.every((element) => found.some((other) => isElement(element, other)));
}

function mergeFields(wanted: Body, found: Body, path: string, rules: BodyRules): Body {
  const merged = Object.entries(wanted).map(([field, value]) => [
    field,
    mergeValue(value, found[field], path === "" ? field : `${path}.${field}`, rules),
  ]);
  return { ...found, ...Object.fromEntries(merged) };
}

function mergeValue(wanted: unknown, found: unknown, path: string, rules: BodyRules): unknown {
  if (isSame(wanted, found, path, rules)) return found;
  if (isBody(wanted) && isBody(found)) return mergeFields(wanted, found, path, rules);
  if (!isList(wanted) || !isList(found) || !areNamed(wanted)) return wanted;
  const kept = found.map((element) => {
    const change = findNamed(wanted, element);
    return change === undefined ? element : mergeValue(change, element, path, rules);
  });
  return [...kept, ...wanted.filter((element) => findNamed(found, element) === undefined)];
}

/** `agentPoolProfiles[system].count` has the rules of `agentPoolProfiles.count`. */
function ruleOf(path: string): string {
  return path.replaceAll(/\[[^\]]*\]/g, "");
}

function isBelow(path: string, above: readonly string[] = []): boolean {
  const rule = ruleOf(path);
  return above.some((one) => rule === one || rule.startsWith(`${one}.`));
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isBody(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nameOf(element: unknown): string | undefined {
  return isBody(element) && typeof element.name === "string" ? element.name : undefined;
}

function areNamed(list: readonly unknown[]): boolean {
  return list.length > 0 && list.every((element) => nameOf(element) !== undefined);
}

function findNamed(list: readonly unknown[], element: unknown): unknown {
  return list.find((other) => nameOf(other) === nameOf(element));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === "") return true;
  if (isList(value)) return value.length === 0;
  return isBody(value) && Object.values(value).every(isEmpty);
}

function format(value: unknown): ChangeValue {
  if (isList(value)) return value.map((element) => String(format(element)));
  if (isEmpty(value)) return "";
  return isBody(value) ? JSON.stringify(value) : String(value);
}
