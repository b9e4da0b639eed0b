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

function evaluateCondition(value: Json, scope: Scope, condition: (name: string) => boolean): boolean {
  if (isObject(value) && typeof value.Condition === "string" && Object.keys(value).length === 1) {
    return condition(value.Condition);
  }
  const name = intrinsicOf(value);
  const input = isObject(value) && name !== undefined ? value[name] : undefined;
  if (name === undefined || !Array.isArray(input)) throw notBoolean();
  const each = () => input.map((item: Json) => evaluateCondition(item, scope, condition));
  switch (name) {
    case "Fn::And":
      if (input.length < 2 || input.length > 10) {
        throw invalid(
          `Template error: every ${name} object requires a list of at least 2 and at most 10 boolean parameters.`,
        );
      }
      return each().every(Boolean);
    case "Fn::Not":
      if (input.length !== 1) {
        throw invalid("Template error: every Fn::Not object requires one boolean parameter.");
      }
      return !each()[0];
    case "Fn::Equals": {
      const [left, right] = input;
      if (input.length !== 2 || left === undefined || right === undefined) {
        throw invalid("Template error: every Fn::Equals object requires a list of 2 string parameters.");
      }
      return resolveText(left, scope, name) === resolveText(right, scope, name);
    }
    default:
      throw notBoolean();
  }
}

function notBoolean(): Error {
  return invalid("Template format error: Conditions can only be boolean operations on parameters and other conditions");
}
