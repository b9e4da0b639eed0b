import { isObject, type Json, type JsonObject, listAt, numberAt, objectAt, stringAt } from "#sandbox/json.ts";

/** The value with what its schema says of fields that are left out. */
export function withDefaults(value: Json, openApi: JsonObject): Json {
  if (Array.isArray(value)) return value.map((item: Json) => withDefaults(item, objectAt(openApi, "items")));
  if (!isObject(value)) return value;
  const properties = objectAt(openApi, "properties");
  const others = objectAt(openApi, "additionalProperties");
  const filled: JsonObject = { ...value };
  for (const [name, schema] of Object.entries(properties)) {
    if (filled[name] === undefined && isObject(schema) && schema.default !== undefined) filled[name] = schema.default;
  }
  for (const [name, child] of Object.entries(filled)) {
    const schema = isObject(properties[name]) ? properties[name] : others;
    if (child !== undefined) filled[name] = withDefaults(child, schema);
  }
  return filled;
}

type Fault = readonly [field: string, problem: string];

/** The first fault of a custom resource by its schema, as field and problem. Rules in CEL are not looked at. */
export function checkCustomObject(value: unknown, openApi: JsonObject, field = ""): Fault | undefined {
  if (value === undefined || value === null) return undefined;
  const wrong = (problem: string): Fault => [field, `Invalid value: ${show(value)}: ${field} in body ${problem}`];
  const type = stringAt(openApi, "type");
  if (type !== "" && openApi["x-kubernetes-int-or-string"] !== true && !isOfType(value, type)) {
    const found = Array.isArray(value) ? "array" : isObject(value) ? "object" : typeof value;
    return [field, `Invalid value: "${found}": ${field} in body must be of type ${type}: "${found}"`];
  }
  const allowed = listAt(openApi, "enum");
  if (allowed.length > 0 && !allowed.some((one) => Bun.deepEquals(one, value))) {
    return [field, `Unsupported value: ${show(value)}: supported values: ${allowed.map(show).join(", ")}`];
  }
  if (typeof value === "string") {
    const [pattern, min, max] = [
      stringAt(openApi, "pattern"),
      numberAt(openApi, "minLength"),
      numberAt(openApi, "maxLength"),
    ];
    if (pattern !== "" && !new RegExp(pattern).test(value)) return wrong(`should match '${pattern}'`);
    if (min !== undefined && value.length < min) return wrong(`should be at least ${min} chars long`);
    if (max !== undefined && value.length > max) return wrong(`should be at most ${max} chars long`);
  }
  if (typeof value === "number") {
    const [min, max] = [numberAt(openApi, "minimum"), numberAt(openApi, "maximum")];
    if (min !== undefined && value < min) return wrong(`should be greater than or equal to ${min}`);
    if (max !== undefined && value > max) return wrong(`should be less than or equal to ${max}`);
  }
  if (Array.isArray(value)) {
    const [min, max] = [numberAt(openApi, "minItems"), numberAt(openApi, "maxItems")];
    if (min !== undefined && value.length < min) return wrong(`should have at least ${min} items`);
    if (max !== undefined && value.length > max) return wrong(`should have at most ${max} items`);
    return first(value.map((item: unknown, index) => [item, objectAt(openApi, "items"), `${field}[${index}]`]));
  }
  if (!isObject(value)) return undefined;
  const below = (name: string) => (field === "" ? name : `${field}.${name}`);
  const missing = listAt(openApi, "required").find((name) => value[String(name)] === undefined);
  if (missing !== undefined) return [below(String(missing)), "Required value"];
  const properties = objectAt(openApi, "properties");
  const others = objectAt(openApi, "additionalProperties");
  return first(
    Object.entries(value).map(([name, child]) => {
      const schema = properties[name];
      return [child, isObject(schema) ? schema : others, below(name)];
    }),
  );
}

function first(children: readonly (readonly [unknown, JsonObject, string])[]): Fault | undefined {
  for (const child of children) {
    const fault = checkCustomObject(...child);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    default:
      return typeof value === type;
  }
}

function show(value: unknown): string {
  return JSON.stringify(value);
}
