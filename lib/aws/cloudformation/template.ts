import { join } from "node:path";
import { type Document, isAlias, isMap, isScalar, isSeq, parseDocument } from "yaml";
import { FleetError } from "#lib/errors.ts";
import { isErrno } from "#lib/files.ts";

/** Plain data. What YAML writes as `!Sub x` is here `{ "Fn::Sub": "x" }`, as in templates that are JSON. */
export type TemplateValue =
  | string
  | number
  | boolean
  | null
  | readonly TemplateValue[]
  | { readonly [key: string]: TemplateValue };

export interface TemplateParameter {
  readonly default: string | undefined;
  /** NoEcho: never returned by CloudFormation, never shown. */
  readonly isSecret: boolean;
  /** Its value is text with commas between the elements. */
  readonly isList: boolean;
}

export interface Template {
  /** Path below the checkout. */
  readonly path: string;
  readonly text: string;
  /** Parsed on first use: that takes longer than any AWS call, and only a difference needs it. */
  readonly body: TemplateValue;
  readonly parameters: Readonly<Record<string, TemplateParameter>>;
}

/**
 * Maximum size in the call itself; larger templates would require S3.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
 */
const inlineBytes = 51_200;

/** @throws FleetError TemplateInvalid if it is missing, unreadable, or too large */
export async function readTemplate(root: string, path: string): Promise<Template> {
  const text = await readText(root, path);
  const size = Buffer.byteLength(text);
  if (size > inlineBytes) {
    throw new FleetError("TemplateInvalid", `${path} has ${size} bytes; CloudFormation takes ${inlineBytes} at most`, {
      hint: "split it, or shorten its comments and descriptions",
    });
  }
  let parsed: TemplateValue | undefined;
  const parse = (): TemplateValue => {
    parsed ??= parseTemplate(text, path);
    return parsed;
  };
  const parameters = parametersOf(tryParsePlain(text) ?? parse());
  return {
    path,
    text,
    get body() {
      return parse();
    },
    parameters,
  };
}

/** Uses the runtime's own parser, which is a hundred times as fast but drops CloudFormation's tags; parameters have none. Undefined if it fails. */
function tryParsePlain(text: string): TemplateValue | undefined {
  try {
    return Bun.YAML.parse(text) as TemplateValue;
  } catch {
    // The other parser reports the position.
    return undefined;
  }
}

async function readText(root: string, path: string): Promise<string> {
  try {
    return await Bun.file(join(root, path)).text();
  } catch (cause) {
    if (!isErrno(cause, "ENOENT")) throw cause;
    throw new FleetError("TemplateInvalid", `there is no ${path} in this checkout`, {
      hint: `git restore ${path}`,
      cause,
    });
  }
}

/** @param where for the message. @throws FleetError TemplateInvalid */
export function parseTemplate(text: string, where: string): TemplateValue {
  // CloudFormation's tags stay on the nodes, where `plain` reads them; the parser warns about unknown tags.
  const document = parseDocument(text, { logLevel: "error" });
  const [error] = document.errors;
  if (error !== undefined) {
    throw new FleetError("TemplateInvalid", `${where}: ${error.message.split("\n")[0] ?? ""}`, {
      hint: "correct the named line; cfn-lint finds more",
      cause: error,
    });
  }
  return plain(document.contents, document);
}

function plain(node: unknown, document: Document): TemplateValue {
  if (isAlias(node)) return plain(node.resolve(document), document);
  if (isScalar(node)) return tagged(node.tag, asScalar(node.value));
  if (isSeq(node))
    return tagged(
      node.tag,
      node.items.map((item) => plain(item, document)),
    );
  if (!isMap(node)) return null;
  const entries = node.items.map(({ key, value }) => [String(isScalar(key) ? key.value : key), plain(value, document)]);
  return tagged(node.tag, Object.fromEntries(entries));
}

function asScalar(value: unknown): TemplateValue {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  return String(value);
}

/** The long form of a short one: `!GetAtt Role.Arn` is `{ "Fn::GetAtt": ["Role", "Arn"] }`. */
function tagged(tag: string | undefined, value: TemplateValue): TemplateValue {
  if (tag === undefined || !tag.startsWith("!")) return value;
  const name = tag.slice(1);
  if (name === "Ref" || name === "Condition") return { [name]: value };
  if (name === "GetAtt" && typeof value === "string") {
    const dot = value.indexOf(".");
    return { "Fn::GetAtt": dot < 0 ? value : [value.slice(0, dot), value.slice(dot + 1)] };
  }
  return { [`Fn::${name}`]: value };
}

/** One key of a map; undefined when there is none, or it is no map. */
export function child(value: TemplateValue | undefined, key: string): TemplateValue | undefined {
  return isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

export function isRecord(value: TemplateValue | undefined): value is { readonly [key: string]: TemplateValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parametersOf(body: TemplateValue): Readonly<Record<string, TemplateParameter>> {
  const declared = child(body, "Parameters");
  const entries = Object.entries(isRecord(declared) ? declared : {}).map(([name, parameter]) => {
    const value = child(parameter, "Default");
    const isSecret = String(child(parameter, "NoEcho")) === "true";
    const isList = /^(CommaDelimitedList|List<)/.test(String(child(parameter, "Type")));
    return [name, { default: value === undefined ? undefined : String(value), isSecret, isList }] as const;
  });
  return Object.fromEntries(entries);
}
