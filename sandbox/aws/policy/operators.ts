import { literal, matchesArn, matchesPattern, type Pattern } from "#sandbox/aws/policy/patterns.ts";

/** How one value of a policy is compared with one of a request. */
export interface Comparison {
  /** True for `…Not…`: it holds when no value of the policy fits. */
  readonly negated: boolean;
  readonly fits: (wanted: Pattern, value: string) => boolean;
}

/** An operator, taken apart: `ForAnyValue:StringLikeIfExists`. */
export interface Operator {
  readonly sets: "any" | "all" | undefined;
  readonly ifExists: boolean;
  readonly comparison: Comparison | "Null";
}

/** Undefined for an operator that AWS does not have, and for those of numbers, dates, addresses and binary data. */
export function tryParseOperator(text: string): Operator | undefined {
  const [, set, name = "", exists] = /^(?:(ForAnyValue|ForAllValues):)?([A-Za-z]+?)(IfExists)?$/.exec(text) ?? [];
  const sets = set === undefined ? undefined : set === "ForAnyValue" ? "any" : "all";
  // Whether a key is there can't be asked of what may be missing.
  if (name === "Null") return exists === undefined ? { sets, ifExists: false, comparison: "Null" } : undefined;
  const comparison = comparisons.get(name);
  return comparison === undefined ? undefined : { sets, ifExists: exists !== undefined, comparison };
}

const comparisons: ReadonlyMap<string, Comparison> = new Map(
  Object.entries({
    StringEquals: is((wanted, value) => literal(wanted) === value),
    StringNotEquals: isNot((wanted, value) => literal(wanted) === value),
    StringEqualsIgnoreCase: is(equalsIgnoringCase),
    StringNotEqualsIgnoreCase: isNot(equalsIgnoringCase),
    StringLike: is((wanted, value) => matchesPattern(wanted, value)),
    StringNotLike: isNot((wanted, value) => matchesPattern(wanted, value)),
    // Both pairs mean the same: AWS compares part by part, and lets signs stand for others in each.
    ArnEquals: is(matchesArn),
    ArnLike: is(matchesArn),
    ArnNotEquals: isNot(matchesArn),
    ArnNotLike: isNot(matchesArn),
    Bool: is(equalsIgnoringCase),
  }),
);

function is(fits: Comparison["fits"]): Comparison {
  return { negated: false, fits };
}

function isNot(fits: Comparison["fits"]): Comparison {
  return { negated: true, fits };
}

function equalsIgnoringCase(wanted: Pattern, value: string): boolean {
  return literal(wanted).toLowerCase() === value.toLowerCase();
}
