import { follow, type TypeSchema } from "#sandbox/aws/cloudformation/schemas/schema.ts";
import { KNOWN_AFTER_APPLY } from "#sandbox/aws/cloudformation/template/resolve.ts";
import { isObject, type Json, type JsonObject, listAt, objectAt } from "#sandbox/json.ts";

/** Properties as their types want them (`"3"` is 3 where a number is due), and what is wrong with them. */
export interface Conformed {
  readonly properties: JsonObject;
  /** As the registry words it: `#/Tags/0: required key [Key] not found`. */
  readonly faults: readonly string[];
}

export function conform(schema: TypeSchema, properties: JsonObject): Conformed {
  const faults: string[] = [];
  const value = check({ root: schema.root, faults }, schema.root, properties, "#");
  for (const path of schema.readOnly) {
    if (!path.includes(".") && properties[path] !== undefined) {
      faults.push(`#: extraneous key [${path}] is not permitted`);
    }
  }
  return { properties: objectAt(value), faults };
}

interface Checking {
  readonly root: JsonObject;
  readonly faults: string[];
}

function check(checking: Checking, given: JsonObject, input: Json, path: string): Json {
  const schema = follow(checking.root, given);
  const types = (Array.isArray(schema.type) ? schema.type : [schema.type]).filter((type) => typeof type === "string");
  const value = coerce(types, input);
  const found = typeOf(value);
  if (types.length > 0 && !types.some((type) => type === found || (type === "number" && found === "integer"))) {
    // What only the execution tells may be of any type.
    if (input !== KNOWN_AFTER_APPLY) {
      checking.faults.push(`${path}: expected type: ${types.map(title).join(" or ")}, found: ${javaName(value)}`);
    }
    return input;
  }
  if (Array.isArray(value)) return checkList(checking, schema, value, path);
  if (isObject(value)) return checkObject(checking, schema, value, path);
  if (typeof value === "string" && value.includes(KNOWN_AFTER_APPLY)) return value;
  checkScalar(checking, schema, value, path);
  return value;
}

/** Templates write everything as text where they like; the registry's types decide. */
function coerce(types: readonly Json[], input: Json): Json {
  if (types.includes("object") && typeof input === "string" && input.trimStart().startsWith("{")) return tryJson(input);
  if (types.includes(typeOf(input))) return input;
  if (typeof input === "string") {
    if (types.includes("boolean") && /^(true|false)$/.test(input)) return input === "true";
    if (types.includes("integer") && /^-?\d+$/.test(input)) return Number(input);
    if (types.includes("number") && input !== "" && !Number.isNaN(Number(input))) return Number(input);
  }
  if (types.includes("string") && (typeof input === "number" || typeof input === "boolean")) return String(input);
  return input;
}

/** A policy document may be given as its text. */
function tryJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function checkList(checking: Checking, schema: JsonObject, value: readonly Json[], path: string): Json {
  const { minItems, maxItems, uniqueItems } = schema;
  if (typeof minItems === "number" && value.length < minItems) {
    checking.faults.push(`${path}: expected minimum item count: ${minItems}, found: ${value.length}`);
  }
  if (typeof maxItems === "number" && value.length > maxItems) {
    checking.faults.push(`${path}: expected maximum item count: ${maxItems}, found: ${value.length}`);
  }
  const texts = value.map((item) => JSON.stringify(item)).filter((text) => !text.includes(KNOWN_AFTER_APPLY));
  if (uniqueItems === true && new Set(texts).size < texts.length) {
    checking.faults.push(`${path}: array items are not unique`);
  }
  const items = objectAt(schema, "items");
  return value.map((item, index) => check(checking, items, item, `${path}/${index}`));
}

function checkObject(checking: Checking, schema: JsonObject, value: JsonObject, path: string): Json {
  const fault = (message: string) => checking.faults.push(`${path}: ${message}`);
  const has = (key: Json) => value[String(key)] !== undefined;
  for (const key of listAt(schema, "required")) if (!has(String(key))) fault(`required key [${key}] not found`);
  const xor = listAt(schema, "requiredXor").map(String);
  if (xor.length > 0 && xor.filter(has).length !== 1) fault(`exactly one of [${xor.join(", ")}] is required`);
  const or = listAt(schema, "requiredOr").map(String);
  if (or.length > 0 && !or.some(has)) fault(`at least one of [${or.join(", ")}] is required`);
  const result: JsonObject = {};
  const properties = objectAt(schema, "properties");
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const known = properties[key] ?? patternOf(schema, key);
    if (known === undefined && schema.additionalProperties === false) fault(`extraneous key [${key}] is not permitted`);
    result[key] = check(checking, objectAt(known), item, `${path}/${key}`);
  }
  return result;
}

function patternOf(schema: JsonObject, key: string): Json | undefined {
  const patterns = Object.entries(objectAt(schema, "patternProperties"));
  return patterns.find(([pattern]) => matches(pattern, key))?.[1];
}

function checkScalar(checking: Checking, schema: JsonObject, value: Json, path: string): void {
  const fault = (message: string) => checking.faults.push(`${path}: ${message}`);
  const { pattern, minLength, maxLength, minimum, maximum } = schema;
  const allowed = listAt(schema, "enum");
  if (allowed.length > 0 && !allowed.includes(value)) fault(`${String(value)} is not a valid enum value`);
  if (typeof value === "string") {
    if (typeof pattern === "string" && !matches(pattern, value)) {
      fault(`string [${value}] does not match pattern ${pattern}`);
    }
    if (typeof minLength === "number" && value.length < minLength) {
      fault(`expected minLength: ${minLength}, actual: ${value.length}`);
    }
    if (typeof maxLength === "number" && value.length > maxLength) {
      fault(`expected maxLength: ${maxLength}, actual: ${value.length}`);
    }
  }
  if (typeof value === "number") {
    if (typeof minimum === "number" && value < minimum) fault(`${value} is not greater or equal to ${minimum}`);
    if (typeof maximum === "number" && value > maximum) fault(`${value} is not less or equal to ${maximum}`);
  }
}

function typeOf(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function title(type: Json): string {
  const names: Readonly<Record<string, string>> = { object: "JSONObject", array: "JSONArray", integer: "Integer" };
  const text = String(type);
  return names[text] ?? `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function javaName(value: Json): string {
  return title(typeOf(value)).replace("Number", "Double");
}

/** Schemas are written for several engines: they spell the end of a text in ways of their own, and know classes of letters. */
function matches(pattern: string, text: string): boolean {
  const flags = pattern.includes("\\p{") ? "u" : "";
  return new RegExp(pattern.replaceAll("\\Z", "$"), flags).test(text);
}
