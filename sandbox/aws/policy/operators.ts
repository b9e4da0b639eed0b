import { BlockList, isIP } from "node:net";
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

/** Undefined for an operator that AWS does not have either. */
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
    BinaryEquals: is((wanted, value) => literal(wanted) === value),
    NumericEquals: is(byOrder(numberOf, (order) => order === 0)),
    NumericNotEquals: isNot(byOrder(numberOf, (order) => order === 0)),
    NumericLessThan: is(byOrder(numberOf, (order) => order < 0)),
    NumericLessThanEquals: is(byOrder(numberOf, (order) => order <= 0)),
    NumericGreaterThan: is(byOrder(numberOf, (order) => order > 0)),
    NumericGreaterThanEquals: is(byOrder(numberOf, (order) => order >= 0)),
    DateEquals: is(byOrder(timeOf, (order) => order === 0)),
    DateNotEquals: isNot(byOrder(timeOf, (order) => order === 0)),
    DateLessThan: is(byOrder(timeOf, (order) => order < 0)),
    DateLessThanEquals: is(byOrder(timeOf, (order) => order <= 0)),
    DateGreaterThan: is(byOrder(timeOf, (order) => order > 0)),
    DateGreaterThanEquals: is(byOrder(timeOf, (order) => order >= 0)),
    IpAddress: is(isInNetwork),
    NotIpAddress: isNot(isInNetwork),
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

/** @param holds gets -1, 0 or 1: the request's value is less than, equal to or greater than the policy's. NaN never matches */
function byOrder(measure: (text: string) => number, holds: (order: number) => boolean): Comparison["fits"] {
  return (wanted, value) => {
    const difference = measure(value) - measure(literal(wanted));
    return !Number.isNaN(difference) && holds(Math.sign(difference));
  };
}

function numberOf(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}

/** A day or a moment of ISO 8601, or seconds since the epoch. */
function timeOf(text: string): number {
  return /^\d+(\.\d+)?$/.test(text) && !/^\d{4}$/.test(text) ? Number(text) * 1_000 : Date.parse(text);
}

/** An address in a network (`10.0.0.0/8`), or the address itself. */
function isInNetwork(wanted: Pattern, value: string): boolean {
  const [network = "", prefix] = literal(wanted).split("/");
  const family = isIP(network);
  if (family === 0 || isIP(value) !== family) return false;
  const kind = family === 4 ? "ipv4" : "ipv6";
  const size = Number(prefix ?? (family === 4 ? 32 : 128));
  if (!Number.isInteger(size) || size < 0 || size > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(network, size, kind);
  return list.check(value, kind);
}
