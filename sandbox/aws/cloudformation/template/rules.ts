import { evaluateCondition } from "#sandbox/aws/cloudformation/template/conditions.ts";
import { intrinsicOf, invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { resolve, resolveText, type Scope } from "#sandbox/aws/cloudformation/template/resolve.ts";
import type { Template } from "#sandbox/aws/cloudformation/template/template.ts";
import { isObject, type Json } from "#sandbox/json.ts";

/** Checks the template's rules, which tie parameters together. @throws AwsFault ValidationError that tells every broken one */
export function checkRules(template: Template, scope: Scope): void {
  const broken: string[] = [];
  for (const [name, rule] of template.rules) {
    const unknown = Object.keys(rule).filter((key) => key !== "RuleCondition" && key !== "Assertions");
    if (unknown.length > 0) throw invalid(`Template format error: Invalid rule property '${unknown[0]}'`);
    const { RuleCondition, Assertions } = rule;
    if (!Array.isArray(Assertions)) throw invalid(`Template format error: Rule ${name} must have a list of Assertions`);
    if (RuleCondition !== undefined && !truth(RuleCondition, scope)) continue;
    for (const assertion of Assertions) {
      if (!isObject(assertion) || assertion.Assert === undefined) {
        throw invalid(`Template format error: Every assertion of rule ${name} must have an Assert`);
      }
      if (truth(assertion.Assert, scope)) continue;
      const why = assertion.AssertDescription;
      broken.push(typeof why === "string" ? `${why} (Rule: ${name})` : `Rule: ${name}`);
    }
  }
  if (broken.length > 0) throw invalid(`Template validation error: Rule assertions failed: ${broken.join("; ")}`);
}

function truth(value: Json, scope: Scope): boolean {
  const name = intrinsicOf(value);
  const input = isObject(value) && name !== undefined ? value[name] : undefined;
  const [first, second] = Array.isArray(input) ? input : [];
  const list = (item: Json | undefined): readonly Json[] => {
    const found = resolve(item, scope);
    return Array.isArray(found) ? found : [];
  };
  switch (name) {
    case "Fn::Contains":
      return list(first).includes(resolveText(second ?? null, scope, name));
    case "Fn::EachMemberEquals":
      return list(first).every((item) => item === resolveText(second ?? null, scope, name));
    case "Fn::EachMemberIn": {
      const allowed = list(second);
      return list(first).every((item) => allowed.includes(item));
    }
    case "Fn::Not":
      return !truth(first ?? null, scope);
    case "Fn::And":
      return Array.isArray(input) && input.every((item: Json) => truth(item, scope));
    case "Fn::Or":
      return Array.isArray(input) && input.some((item: Json) => truth(item, scope));
    case "Fn::RefAll":
    case "Fn::ValueOf":
    case "Fn::ValueOfAll":
      throw invalid(`Template error: this sandbox does not know ${name}`);
    default:
      // Rules know no conditions of the template.
      return evaluateCondition(value, scope, (other) => {
        throw invalid(`Template error: rules can't use the condition ${other}`);
      });
  }
}
