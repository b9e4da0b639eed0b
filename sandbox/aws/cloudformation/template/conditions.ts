import { intrinsicOf, invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { resolveText, type Scope } from "#sandbox/aws/cloudformation/template/resolve.ts";
import { isObject, type Json } from "#sandbox/json.ts";

/** Truth of the template's conditions. They are looked at when asked for, for one may lean on another. */
export function createConditions(declared: ReadonlyMap<string, Json>, scope: () => Scope): (name: string) => boolean {
  const known = new Map<string, boolean | "busy">();
  const condition = (name: string): boolean => {
    const found = known.get(name);
    if (found === "busy") throw invalid(`Template format error: Circular dependency between conditions: [${name}]`);
    if (found !== undefined) return found;
    const expression = declared.get(name);
    if (expression === undefined) {
      throw invalid(
        `Template format error: Unresolved condition dependency ${name} in the Conditions block of the template`,
      );
    }
    known.set(name, "busy");
    const truth = evaluateCondition(expression, scope(), condition);
    known.set(name, truth);
    return truth;
  };
  return condition;
}

/** How many operands each function takes, at least and at most. */
const operands: Readonly<Record<string, readonly [number, number]>> = {
  "Fn::And": [2, 10],
  "Fn::Equals": [2, 2],
  "Fn::Not": [1, 1],
};

function evaluateCondition(value: Json, scope: Scope, condition: (name: string) => boolean): boolean {
  if (isObject(value) && typeof value.Condition === "string" && Object.keys(value).length === 1) {
    return condition(value.Condition);
  }
  const name = intrinsicOf(value) ?? "";
  const input = isObject(value) ? value[name] : undefined;
  const [least, most] = operands[name] ?? [1, 0];
  if (!Array.isArray(input) || input.length < least || input.length > most) {
    throw invalid(
      "Template format error: Conditions can only be boolean operations on parameters and other conditions",
    );
  }
  if (name === "Fn::Equals") {
    const [left, right] = input.map((item: Json) => resolveText(item, scope, name));
    return left === right;
  }
  const truths = input.map((item: Json) => evaluateCondition(item, scope, condition));
  return name === "Fn::And" ? truths.every(Boolean) : !truths[0];
}
