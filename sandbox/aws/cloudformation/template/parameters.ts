import { z } from "zod";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { description } from "#sandbox/aws/cloudformation/template/shape.ts";

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const maxValueBytes = 4_096;

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const declaration = z.strictObject({
  /** The types whose values need no look into the account. */
  Type: z.enum(["String", "Number", "CommaDelimitedList"]),
  Default: scalar.optional(),
  Description: description(4_000),
  AllowedValues: z.array(scalar).optional(),
  AllowedPattern: z.string().optional(),
  MinValue: z.coerce.number().optional(),
  MaxValue: z.coerce.number().optional(),
});
/** A parameter as the template declares it. */
export type Parameter = Readonly<z.output<typeof declaration>>;

export const parameterShape = declaration.refine(
  (parameter) => parameter.Default === undefined || violation(parameter, parameter.Default) === undefined,
  "has a Default that its own rules refuse",
);

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
    else if (parameter.Default !== undefined) values[name] = parameter.Default;
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
  const items = parameter.Type === "CommaDelimitedList" ? splitList(value) : [value];
  for (const item of items) {
    if (parameter.Type === "Number" && (item.trim() === "" || Number.isNaN(Number(item)))) {
      return "must be a number";
    }
    if (parameter.AllowedValues !== undefined && !parameter.AllowedValues.includes(item)) {
      return `must be one of AllowedValues`;
    }
    if (parameter.AllowedPattern !== undefined && !new RegExp(`^(?:${parameter.AllowedPattern})$`).test(item)) {
      return `must match pattern ${parameter.AllowedPattern}`;
    }
    if (parameter.MinValue !== undefined && Number(item) < parameter.MinValue) {
      return `must be a number not less than ${parameter.MinValue}`;
    }
    if (parameter.MaxValue !== undefined && Number(item) > parameter.MaxValue) {
      return `must be a number not greater than ${parameter.MaxValue}`;
    }
  }
  if (Buffer.byteLength(value) > maxValueBytes) return `must have a value of at most ${maxValueBytes} bytes`;
  return undefined;
}

/** CloudFormation trims the items; an empty text is a list of one empty item. */
export function splitList(value: string): readonly string[] {
  return value.split(",").map((item) => item.trim());
}
