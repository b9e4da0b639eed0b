import { divideCidr } from "#sandbox/aws/cloudformation/template/cidr.ts";
import { intrinsicOf, invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { splitSub } from "#sandbox/aws/cloudformation/template/sub.ts";
import { zonesOf } from "#sandbox/aws/cloudformation/template/zones.ts";
import { isObject, type Json, type JsonObject } from "#sandbox/json.ts";

/** Stands in change sets for what only the execution will tell. The word is AWS's. */
export const KNOWN_AFTER_APPLY = "{{changeSet:KNOWN_AFTER_APPLY}}";

/** What names of a template stand for. */
export interface Scope {
  readonly region: string;
  /** Value of a parameter, a pseudo parameter or a resource; undefined for `AWS::NoValue`. @throws AwsFault for an unknown name */
  ref(name: string): Json | undefined;
  attribute(resource: string, name: string): Json;
  condition(name: string): boolean;
}

/** Carries out the functions in a value. Undefined means that the place shall be empty (`AWS::NoValue`). */
export function resolve(value: Json | undefined, scope: Scope): Json | undefined {
  if (Array.isArray(value)) {
    return value.map((item) => resolve(item, scope)).filter((item): item is Json => item !== undefined);
  }
  if (!isObject(value)) {
    if (typeof value === "string" && value.includes("{{resolve:")) {
      throw invalid(`Template error: this sandbox knows no dynamic references: ${value}`);
    }
    return value;
  }
  const name = intrinsicOf(value);
  if (name !== undefined) return call(name, value[name] ?? null, scope);
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const found = resolve(item, scope);
    if (found !== undefined) result[key] = found;
  }
  return result;
}

/** @throws AwsFault if the result is a list or an object */
export function resolveText(value: Json | undefined, scope: Scope, what: string): string {
  return text(resolve(value, scope), what);
}

function call(name: string, input: Json, scope: Scope): Json | undefined {
  switch (name) {
    case "Ref":
      return scope.ref(plainText(input, "Ref"));
    case "Fn::GetAtt": {
      const [resource, attribute] = getAttOf(input);
      return scope.attribute(resource, resolveText(attribute, scope, name));
    }
    case "Fn::If": {
      const [condition, yes, no] = items(input, 3, name);
      return resolve(scope.condition(plainText(condition, name)) ? yes : no, scope);
    }
    case "Fn::Sub":
      return substitute(input, scope);
    case "Fn::Join": {
      const [separator, list] = items(input, 2, name);
      return listOf(list, scope, name)
        .map((item) => text(item, name))
        .join(plainText(separator, name));
    }
    case "Fn::Select":
      return select(input, scope);
    case "Fn::Split": {
      const [separator, source] = items(input, 2, name);
      return resolveText(source, scope, name).split(plainText(separator, name));
    }
    case "Fn::GetAZs":
      return zonesOf(resolveText(input, scope, name) || scope.region);
    case "Fn::Cidr": {
      const [block = "", count, bits] = resolvedItems(input, scope, name).map((item) => text(item, name));
      if (block.includes(KNOWN_AFTER_APPLY)) return Array.from({ length: Number(count) }, () => KNOWN_AFTER_APPLY);
      return divideCidr(block, Number(count), Number(bits ?? 8));
    }
    default:
      throw invalid(`Template error: ${name} can't be used here`);
  }
}

/** Resource and attribute, of the list or of the dotted text that JSON allows too. */
export function getAttOf(input: Json): readonly [string, Json] {
  const dot = typeof input === "string" ? input.indexOf(".") : -1;
  const [resource, attribute] =
    typeof input === "string" && dot > 0
      ? [input.slice(0, dot), input.slice(dot + 1)]
      : Array.isArray(input) && input.length === 2
        ? input
        : [];
  if (typeof resource === "string" && attribute !== undefined) return [resource, attribute];
  throw invalid(
    "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
  );
}

function substitute(input: Json, scope: Scope): Json {
  const { parts, variables } = splitSub(input);
  return parts
    .map((part) => {
      if (part.kind === "text") return part.text;
      const variable = variables[part.name];
      if (variable !== undefined) return resolveText(variable, scope, "Fn::Sub");
      const dot = part.name.indexOf(".");
      const found = dot < 0 ? scope.ref(part.name) : scope.attribute(part.name.slice(0, dot), part.name.slice(dot + 1));
      return text(found, "Fn::Sub");
    })
    .join("");
}

function select(input: Json, scope: Scope): Json {
  const [position, source] = items(input, 2, "Fn::Select");
  const index = Number(resolveText(position, scope, "Fn::Select"));
  const list = listOf(source, scope, "Fn::Select");
  const found = list[index];
  if (found !== undefined) return found;
  if (list.some((item) => typeof item === "string" && item.includes(KNOWN_AFTER_APPLY))) return KNOWN_AFTER_APPLY;
  throw invalid(`Template error: Fn::Select cannot select nonexistent value at index ${index}`);
}

/** A list, also one whose items are not known yet. */
function listOf(input: Json | undefined, scope: Scope, name: string): readonly Json[] {
  const found = resolve(input, scope);
  if (Array.isArray(found)) return found;
  if (found === KNOWN_AFTER_APPLY) return [KNOWN_AFTER_APPLY];
  throw invalid(`Template error: every ${name} object requires a list, not ${JSON.stringify(found)}`);
}

function items(input: Json, count: number, name: string): readonly Json[] {
  if (Array.isArray(input) && input.length === count) return input;
  throw invalid(`Template error: every ${name} object requires ${count} parameters`);
}

function resolvedItems(input: Json, scope: Scope, name: string): readonly Json[] {
  const found = resolve(input, scope);
  if (Array.isArray(found)) return found;
  throw invalid(`Template error: every ${name} object requires a list of parameters`);
}

function plainText(value: Json | undefined, name: string): string {
  if (typeof value === "string") return value;
  throw invalid(`Template error: ${name} requires a text, not ${JSON.stringify(value)}`);
}

function text(value: Json | undefined, name: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw invalid(
    `Template error: ${name} requires a text, not ${value === undefined ? "no value" : JSON.stringify(value)}`,
  );
}
