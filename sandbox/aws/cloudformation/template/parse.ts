import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from "yaml";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import { isObject, type Json, type JsonObject } from "#sandbox/json.ts";

/** Inline templates may have no more; larger ones must lie in S3, which the sandbox does not have. */
const TEMPLATE_LIMIT_BYTES = 51_200;

/** A refusal of a template or of what goes with it. */
export function invalid(message: string): AwsFault {
  return new AwsFault("ValidationError", message);
}

/** Intrinsic functions by their names without `Fn::`. What is not here is refused, transforms among it. */
const functions: ReadonlySet<string> = new Set([
  "And",
  "Cidr",
  "Equals",
  "GetAtt",
  "GetAZs",
  "If",
  "Join",
  "Not",
  "Select",
  "Split",
  "Sub",
]);

/** Name of an intrinsic function, if that is what an object is: `Ref`, `Fn::Sub`, … */
export function intrinsicOf(value: Json | undefined): string | undefined {
  if (!isObject(value)) return undefined;
  const [key, ...others] = Object.keys(value);
  if (key === undefined || others.length > 0) return undefined;
  if (key === "Ref" || (key.startsWith("Fn::") && functions.has(key.slice(4)))) return key;
  return undefined;
}

/**
 * Text of a template as plain data: short forms such as `!Sub` become their long forms.
 *
 * @throws AwsFault ValidationError
 */
export function parseTemplateText(text: string): JsonObject {
  if (Buffer.byteLength(text) > TEMPLATE_LIMIT_BYTES) {
    throw invalid(
      `1 validation error detected: Value '${text}' at 'templateBody' failed to satisfy constraint: ` +
        `Member must have length less than or equal to ${TEMPLATE_LIMIT_BYTES}`,
    );
  }
  const value = text.trimStart().startsWith("{") ? parseJson(text) : parseYaml(text);
  if (!isObject(value)) throw invalid("Template format error: unsupported structure.");
  checkFunctions(value);
  return value;
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalid("Template format error: JSON not well-formed.");
  }
}

function parseYaml(text: string): Json {
  const document = parseDocument(text, { logLevel: "silent", strict: true, uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) {
    const [place] = error.linePos ?? [];
    const where = place === undefined ? "" : ` (line ${place.line}, column ${place.col})`;
    throw invalid(`Template format error: YAML not well-formed.${where}`);
  }
  return plain(document.contents);
}

function plain(node: Node | null): Json {
  if (node === null) return null;
  if (isAlias(node)) throw invalid("Template format error: YAML aliases are not allowed in CloudFormation templates");
  return withTag(node.tag, content(node));
}

function content(node: Node): Json {
  if (isScalar(node)) return scalar(node.value);
  if (isSeq(node)) return node.items.map((item) => plain(item as Node));
  if (!isMap(node)) throw invalid("Template format error: unsupported structure.");
  const object: JsonObject = {};
  for (const { key, value } of node.items) {
    if (!isScalar(key)) throw invalid("Template format error: unsupported structure.");
    object[String(key.value)] = plain(value as Node | null);
  }
  return object;
}

function scalar(value: unknown): Json {
  if (value === null || typeof value === "string" || typeof value === "boolean" || typeof value === "number") {
    return value;
  }
  throw invalid("Template format error: unsupported structure.");
}

function withTag(tag: string | undefined, value: Json): Json {
  if (tag === undefined || tag.startsWith("tag:yaml.org,2002:")) return value;
  const name = tag.replace(/^!/, "");
  if (name === "Ref" || name === "Condition") return { [name]: value };
  if (name === "GetAtt" && typeof value === "string") {
    const dot = value.indexOf(".");
    if (dot < 1)
      throw invalid(
        "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
      );
    return { "Fn::GetAtt": [value.slice(0, dot), value.slice(dot + 1)] };
  }
  return { [`Fn::${name}`]: value };
}

/** Refuses functions that nobody would carry out, wherever they stand. */
function checkFunctions(value: Json | undefined): void {
  if (Array.isArray(value)) for (const item of value) checkFunctions(item);
  if (!isObject(value)) return;
  for (const [key, item] of Object.entries(value)) {
    if (key.startsWith("Fn::") && !functions.has(key.slice(4))) {
      throw invalid(`Template error: ${key} is not a function that this sandbox knows`);
    }
    checkFunctions(item);
  }
}
