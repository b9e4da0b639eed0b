import type { GcpFault, Json } from "#sandbox/gcp/api/behaviour.ts";
import { fault } from "#sandbox/gcp/api/faults.ts";
import { isObject } from "#sandbox/json.ts";

/** What a value has to be, as google.json says it. */
export interface Field {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly items?: Field;
  /** Type of the values of a map. */
  readonly map?: Field;
  readonly fields?: Readonly<Record<string, Field>>;
  /** Name of a schema. */
  readonly $ref?: string;
  readonly readOnly?: true;
}

export type Schemas = Readonly<Record<string, Field>>;

/**
 * A request body in the spelling of its schema, without null and read-only fields, as Google ignores them.
 *
 * @throws GcpFault for unknown fields, other types and unknown values of enumerations
 */
export function checkRequest(schemas: Schemas, schema: string, body: unknown): Json {
  const checked = new Check(schemas, "request").value(schemas[schema] ?? {}, body, "");
  if (!isObject(checked)) throw invalid("Invalid JSON payload received. Unexpected token.", "");
  return checked;
}

/** @throws GcpFault for an answer that Google would not give */
export function checkAnswer(schemas: Schemas, schema: string, answer: unknown): void {
  new Check(schemas, "answer").value(schemas[schema] ?? {}, answer, "");
}

/** Numbers may be sent as texts, and 64-bit ones have to be. */
const wholeNumber = /^-?\d{1,19}$/;

class Check {
  readonly #schemas: Schemas;
  readonly #of: "request" | "answer";

  constructor(schemas: Schemas, of: "request" | "answer") {
    this.#schemas = schemas;
    this.#of = of;
  }

  value(field: Field, value: unknown, path: string): unknown {
    if (field.$ref !== undefined) return this.value(this.#schemas[field.$ref] ?? {}, value, path);
    if (field.fields !== undefined) return this.#fields(field.fields, value, path);
    const { items, map } = field;
    if (items !== undefined) {
      if (!Array.isArray(value)) throw wrongType(path, "list", value);
      return value.map((item, index) => this.value(items, item, `${path}[${index}]`));
    }
    if (map !== undefined) {
      if (!isObject(value)) throw wrongType(path, "map", value);
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, this.value(map, item, `${path}.${key}`)]),
      );
    }
    if (field.enum !== undefined) {
      if (typeof value === "string" && field.enum.includes(value)) return value;
      throw wrongType(path, "TYPE_ENUM", value);
    }
    return checkScalar(field.type, value, path);
  }

  #fields(fields: Readonly<Record<string, Field>>, value: unknown, path: string): Json {
    if (!isObject(value)) throw wrongType(path, "TYPE_MESSAGE", value);
    const checked: Record<string, unknown> = {};
    for (const [sent, item] of Object.entries(value)) {
      const name = fields[sent] === undefined ? toCamelCase(sent) : sent;
      const field = fields[name];
      if (field === undefined) throw unknownName(sent, path);
      const isIgnored = item === null || item === undefined || (field.readOnly === true && this.#of === "request");
      if (!isIgnored) checked[name] = this.value(field, item, path === "" ? name : `${path}.${name}`);
    }
    return checked;
  }
}

function checkScalar(type: string | undefined, value: unknown, path: string): unknown {
  const isText = typeof value === "string";
  switch (type) {
    case "int64":
      if ((isText && wholeNumber.test(value)) || Number.isSafeInteger(value)) return String(value);
      throw wrongType(path, "TYPE_INT64", value);
    case "integer":
      if (isText && wholeNumber.test(value)) return Number(value);
      if (Number.isSafeInteger(value)) return value;
      throw wrongType(path, "TYPE_INT32", value);
    case "number":
      if (typeof value === "number") return value;
      throw wrongType(path, "TYPE_DOUBLE", value);
    case "boolean":
      if (typeof value === "boolean") return value;
      throw wrongType(path, "TYPE_BOOL", value);
    case "string":
      if (isText) return value;
      throw wrongType(path, "TYPE_STRING", value);
    default:
      return value;
  }
}

function wrongType(path: string, type: string, value: unknown): GcpFault {
  return invalid(`Invalid value at '${toSnakeCase(path)}' (${type}), ${JSON.stringify(value)}`, path);
}

function unknownName(name: string, path: string): GcpFault {
  const at = path === "" ? "" : ` at '${toSnakeCase(path)}'`;
  return invalid(`Invalid JSON payload received. Unknown name "${name}"${at}: Cannot find field.`, path);
}

/** A request that does not fit its method. @param path of the field; empty for the request itself */
export function invalid(message: string, path: string): GcpFault {
  const violation = { ...(path === "" ? {} : { field: toSnakeCase(path) }), description: message };
  return fault("INVALID_ARGUMENT", message, {
    reason: "invalid",
    details: [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [violation] }],
  });
}

/** Google accepts both spellings, and names fields by the second one. */
export function toCamelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function toSnakeCase(path: string): string {
  return path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
