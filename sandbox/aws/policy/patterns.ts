import type { RequestContext } from "#sandbox/aws/policy/context.ts";

/**
 * A text of a policy whose variables have been put in. Signs that stand for others are characters of Unicode's private use
 * area, which no policy may hold, so that `*` in the value of a variable is never taken for one.
 */
export type Pattern = string & { readonly kind: "pattern" };

const manySign = "\ue000";
const oneSign = "\ue001";

/**
 * Puts in `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, `${*}`, `${?}` and `${$}`.
 *
 * @param context undefined for what knows no variables: actions, and policies of the version of 2008
 * @returns undefined when a variable has no value, or more than one
 */
export function tryExpand(text: string, context: RequestContext | undefined): Pattern | undefined {
  let pattern = "";
  let rest = text;
  for (;;) {
    const start = context === undefined ? -1 : rest.indexOf("${");
    pattern += withSigns(start < 0 ? rest : rest.slice(0, start));
    if (start < 0) return pattern as Pattern;
    const end = rest.indexOf("}", start);
    if (end < 0) return undefined;
    const value = valueOfVariable(rest.slice(start + 2, end), context);
    if (value === undefined) return undefined;
    pattern += value;
    rest = rest.slice(end + 1);
  }
}

function withSigns(text: string): string {
  return text.replaceAll("*", manySign).replaceAll("?", oneSign);
}

function valueOfVariable(variable: string, context: RequestContext | undefined): string | undefined {
  if (variable === "*" || variable === "?" || variable === "$") return variable;
  const [, name = variable, otherwise] = /^([^,]+?)\s*,\s*'(.*)'$/.exec(variable) ?? [];
  const [value, ...more] = context?.get(name.trim().toLowerCase()) ?? [];
  return value === undefined ? otherwise : more.length > 0 ? undefined : value;
}

/** The pattern as it was written, for what compares text with text. */
export function literal(pattern: Pattern): string {
  return pattern.replaceAll(manySign, "*").replaceAll(oneSign, "?");
}

export function matchesPattern(pattern: Pattern, value: string, ignoreCase = false): boolean {
  const source = pattern
    .replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")
    .replaceAll(manySign, "[^]*")
    .replaceAll(oneSign, "[^]");
  return new RegExp(`^${source}$`, ignoreCase ? "i" : "").test(value);
}

/**
 * Each of the six parts of an ARN by itself, so that `*` never reaches over a colon of the first five. Parts that the
 * pattern lacks at its end match anything; `*` alone matches everything.
 */
export function matchesArn(pattern: Pattern, arn: string): boolean {
  if (pattern === manySign) return true;
  const wanted = partsOf(pattern);
  const parts = partsOf(arn);
  if (parts.length < 6) return false;
  return parts.every((part, index) => matchesPattern((wanted[index] ?? manySign) as Pattern, part));
}

function partsOf(arn: string): readonly string[] {
  const parts = arn.split(":");
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(":")];
}
