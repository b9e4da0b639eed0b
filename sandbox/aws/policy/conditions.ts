import type { RequestContext } from "#sandbox/aws/policy/context.ts";
import type { Condition } from "#sandbox/aws/policy/document.ts";
import { type Operator, tryParseOperator } from "#sandbox/aws/policy/operators.ts";
import { literal, type Pattern, tryExpand } from "#sandbox/aws/policy/patterns.ts";

/**
 * Whether a request is what a condition wants. A variable without a value makes it false, be the operator negated or not.
 *
 * @param variables undefined where the policy's version knows none
 */
export function holds(condition: Condition, context: RequestContext, variables: RequestContext | undefined): boolean {
  const operator = tryParseOperator(condition.operator);
  if (operator === undefined) throw new Error(`a policy has the unknown operator ${condition.operator}`);
  const wanted = condition.values.map((value) => tryExpand(value, variables));
  if (!wanted.every((value) => value !== undefined)) return false;
  return compare(operator, wanted, context.get(condition.key.toLowerCase()));
}

function compare(operator: Operator, wanted: readonly Pattern[], values: readonly string[] | undefined): boolean {
  const { comparison, sets, ifExists } = operator;
  if (comparison === "Null") {
    const isMissing = values === undefined || (sets !== undefined && values.length === 0);
    return wanted.some((value) => (literal(value).toLowerCase() === "true") === isMissing);
  }
  const fitsOne = (value: string) => wanted.some((one) => comparison.fits(one, value));
  const passes = (value: string) => fitsOne(value) !== comparison.negated;
  if (sets === "all") return (values ?? []).every(passes);
  if (sets === "any") return values === undefined ? ifExists : values.some(passes);
  if (values === undefined) return ifExists || comparison.negated;
  // Several values where one is expected: the negated operator stays the exact opposite of the other.
  return values.some(fitsOne) !== comparison.negated;
}
