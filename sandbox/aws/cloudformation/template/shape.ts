import { z } from "zod";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { type Json, valueAt } from "#sandbox/json.ts";

/** Anything that functions may stand in. */
export const anything = z.custom<Json>(
  (value) => value !== null && value !== undefined,
  "'null' values are not allowed",
);

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
export function description(limitBytes: number) {
  return z
    .string()
    .refine((text) => Buffer.byteLength(text) <= limitBytes, `length is greater than ${limitBytes}`)
    .optional();
}

/** Members by their names. */
export function section<Member extends z.ZodType>(what: string, limit: number, member: Member) {
  return z
    .record(z.string().regex(/^[A-Za-z0-9]{1,255}$/, "is non alphanumeric"), member)
    .refine((members) => Object.keys(members).length <= limit, {
      error: ({ input }) =>
        `Number of ${what}, ${Object.keys(Object(input)).length}, is greater than maximum allowed, ${limit}`,
    })
    .default({});
}

/** @throws AwsFault ValidationError for the first thing that is wrong, and for what the sandbox would ignore */
export function readShape<Shape extends z.ZodType>(shape: Shape, value: unknown): z.output<Shape> {
  const read = shape.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const path = (issue?.path ?? []).map(String);
  const [block = "", name, field] = path;
  const kind = block.slice(0, -1).toLowerCase();
  if (issue?.code === "unrecognized_keys") {
    throw name === undefined
      ? invalid(`This sandbox does not know the template section(s) [${issue.keys.join(", ")}]`)
      : invalid(`This sandbox does not know ${issue.keys[0]} of ${kind} ${name}`);
  }
  if (issue?.code === "invalid_value" && block === "Resources") {
    throw invalid(`This sandbox does not know the ${field} ${JSON.stringify(valueAt(value, ...path))}`);
  }
  if (issue?.code === "invalid_value" && block === "Parameters") {
    throw invalid(`Template format error: Unrecognized parameter type: ${String(valueAt(value, ...path))}`);
  }
  const where = name === undefined ? `'${block}'` : `[/${path.join("/")}]`;
  throw invalid(`Template format error: ${where} ${issue?.message ?? "is invalid"}.`);
}
