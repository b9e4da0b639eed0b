import { checkNumber, invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { isObject, type Json } from "#sandbox/json.ts";

/** A parameter as the template declares it. */
export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly default: string | undefined;
  readonly description: string | undefined;
  readonly allowedValues: readonly string[] | undefined;
  readonly allowedPattern: string | undefined;
  readonly minValue: number | undefined;
  readonly maxValue: number | undefined;
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const maxValueBytes = 4_096;

/** The types whose values need no look into the account. */
const types = ["String", "Number", "CommaDelimitedList"] as const;
type ParameterType = (typeof types)[number];

const fields = ["Type", "Default", "Description", "AllowedValues", "AllowedPattern", "MinValue", "MaxValue"];

export function parseParameters(section: readonly (readonly [string, Json])[]): ReadonlyMap<string, Parameter> {
  checkNumber("parameters", section, 200);
  return new Map(section.map(([name, value]) => [name, parseParameter(name, value)]));
}

function parseParameter(name: string, value: Json): Parameter {
  if (!isObject(value)) throw invalid("Template format error: Any Parameters member must be an object.");
  const unknown = Object.keys(value).filter((key) => !fields.includes(key));
  if (unknown.length > 0) {
    throw invalid(`This sandbox does not know ${unknown[0]} of parameter ${name}`);
  }
  const type = types.find((one) => one === value.Type);
  if (type === undefined) {
    throw invalid(
      value.Type === undefined
        ? `Template format error: Every Parameters object must contain a Type member. (${name})`
        : `Template format error: Unrecognized parameter type: ${String(value.Type)}`,
    );
  }
  const { Default, AllowedValues } = value;
  if (Default !== undefined && (Default === null || typeof Default === "object")) {
    throw invalid(`Template format error: Every Default member must be a string.`);
  }
  if (AllowedValues !== undefined && !Array.isArray(AllowedValues)) {
    throw invalid(`Template format error: Every AllowedValues member must be a list. (${name})`);
  }
  const parameter: Parameter = {
    name,
    type,
    default: Default === undefined ? undefined : String(Default),
    description: typeof value.Description === "string" ? value.Description : undefined,
    allowedValues: Array.isArray(AllowedValues) ? AllowedValues.map(String) : undefined,
    allowedPattern: typeof value.AllowedPattern === "string" ? value.AllowedPattern : undefined,
    minValue: number(name, "MinValue", value.MinValue),
    maxValue: number(name, "MaxValue", value.MaxValue),
  };
  if ((parameter.description?.length ?? 0) > 4_000) {
    throw invalid(`Template format error: Parameter '${name}' description length is greater than 4000.`);
  }
  if (parameter.default !== undefined && violation(parameter, parameter.default) !== undefined) {
    throw invalid(
      `Template format error: Parameter '${name}' default value '${parameter.default}' ${violation(parameter, parameter.default)}.`,
    );
  }
  return parameter;
}

function number(name: string, field: string, value: Json | undefined): number | undefined {
  if (value === undefined) return undefined;
  const found = Number(value);
  if (Number.isNaN(found)) throw invalid(`Template format error: ${field} of parameter ${name} must be a number.`);
  return found;
}

/** Given by a caller: a value, or the wish to keep the one of before. */
export type GivenParameter =
  | { readonly kind: "value"; readonly key: string; readonly value: string }
  | { readonly kind: "previous"; readonly key: string };

/**
 * The value of each parameter, as the text that the caller or the template gives.
 *
 * @param previous what the stack has; undefined for a new one
 * @throws AwsFault ValidationError
 */
export function parameterValues(
  declared: ReadonlyMap<string, Parameter>,
  given: readonly GivenParameter[],
  previous: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const values: Record<string, string> = {};
  const strangers = given.filter(({ key }) => !declared.has(key)).map(({ key }) => key);
  if (strangers.length > 0) throw invalid(`Parameters: [${strangers.join(", ")}] do not exist in the template`);
  const missing: string[] = [];
  for (const [name, parameter] of declared) {
    const found = given.filter(({ key }) => key === name);
    if (found.length > 1) throw invalid(`Duplicate parameter key '${name}'`);
    const [one] = found;
    if (one?.kind === "previous") {
      const before = previous?.[name];
      if (before === undefined) {
        throw invalid(
          `Invalid input for parameter key ${name}. Cannot specify usePreviousValue as true for a parameter key not in the previous template`,
        );
      }
      values[name] = before;
    } else if (one !== undefined) values[name] = one.value;
    else if (parameter.default !== undefined) values[name] = parameter.default;
    else missing.push(name);
  }
  if (missing.length > 0) throw invalid(`Parameters: [${missing.join(", ")}] must have values`);
  for (const [name, parameter] of declared) {
    const wrong = violation(parameter, values[name] ?? "");
    if (wrong !== undefined) throw invalid(`Parameter '${name}' ${wrong}`);
  }
  return values;
}

/** What is wrong with a value, as the end of a sentence; undefined when nothing is. */
function violation(parameter: Parameter, value: string): string | undefined {
  const items = parameter.type === "CommaDelimitedList" ? splitList(value) : [value];
  for (const item of items) {
    if (parameter.type === "Number" && (item.trim() === "" || Number.isNaN(Number(item)))) {
      return "must be a number";
    }
    if (parameter.allowedValues !== undefined && !parameter.allowedValues.includes(item)) {
      return `must be one of AllowedValues`;
    }
    if (parameter.allowedPattern !== undefined && !new RegExp(`^(?:${parameter.allowedPattern})$`).test(item)) {
      return `must match pattern ${parameter.allowedPattern}`;
    }
    if (parameter.minValue !== undefined && Number(item) < parameter.minValue) {
      return `must be a number not less than ${parameter.minValue}`;
    }
    if (parameter.maxValue !== undefined && Number(item) > parameter.maxValue) {
      return `must be a number not greater than ${parameter.maxValue}`;
    }
  }
  if (Buffer.byteLength(value) > maxValueBytes) return `must have a value of at most ${maxValueBytes} bytes`;
  return undefined;
}

/** CloudFormation trims the items; an empty text is a list of one empty item. */
export function splitList(value: string): readonly string[] {
  return value.split(",").map((item) => item.trim());
}
