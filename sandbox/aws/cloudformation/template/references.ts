import { intrinsicOf, invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { getAttOf } from "#sandbox/aws/cloudformation/template/resolve.ts";
import { splitSub } from "#sandbox/aws/cloudformation/template/sub.ts";
import type { Template } from "#sandbox/aws/cloudformation/template/template.ts";
import { isObject, type Json } from "#sandbox/json.ts";

export type Reference =
  | { readonly kind: "ref"; readonly name: string }
  | { readonly kind: "attribute"; readonly name: string; readonly attribute: Json }
  | { readonly kind: "condition"; readonly name: string };

/**
 * All names that a value leans on.
 *
 * @param holds truth of conditions: branches that are not taken don't count. @default both branches count
 */
export function referencesOf(value: Json | undefined, holds?: (condition: string) => boolean): readonly Reference[] {
  if (Array.isArray(value)) return value.flatMap((item) => referencesOf(item, holds));
  if (!isObject(value)) return [];
  const name = intrinsicOf(value);
  const input = name === undefined ? undefined : value[name];
  if (name === "Ref" && typeof input === "string") return [{ kind: "ref", name: input }];
  if (name === "Fn::GetAtt") {
    const [resource, attribute] = getAttOf(input ?? null);
    return [{ kind: "attribute", name: resource, attribute }, ...referencesOf(attribute, holds)];
  }
  if (name === "Fn::Sub") {
    const { parts, variables } = splitSub(input ?? null);
    const found: Reference[] = [...referencesOf(variables, holds)];
    for (const part of parts) {
      if (part.kind !== "name" || part.name in variables) continue;
      const dot = part.name.indexOf(".");
      if (dot < 0) found.push({ kind: "ref", name: part.name });
      else found.push({ kind: "attribute", name: part.name.slice(0, dot), attribute: part.name.slice(dot + 1) });
    }
    return found;
  }
  if (name === "Fn::If" && Array.isArray(input) && typeof input[0] === "string") {
    const [condition, yes, no] = input;
    const branches = holds === undefined ? [yes, no] : [holds(condition) ? yes : no];
    return [{ kind: "condition", name: condition }, ...branches.flatMap((branch) => referencesOf(branch, holds))];
  }
  return Object.values(value).flatMap((item) => referencesOf(item, holds));
}

/**
 * Checks that every name of the template leads somewhere, whatever the conditions.
 *
 * @param attributesOf names that `Fn::GetAtt` may ask of a type
 */
export function checkReferences(template: Template, supports: (type: string, attribute: string) => boolean): void {
  const check = (value: Json | undefined, block: "Resources" | "Outputs"): void => {
    const missing: string[] = [];
    for (const reference of referencesOf(value)) {
      switch (reference.kind) {
        case "ref":
          if (!isKnown(template, reference.name)) missing.push(reference.name);
          break;
        case "attribute": {
          const resource = template.resources.get(reference.name);
          if (resource === undefined) {
            throw invalid(`Template error: instance of Fn::GetAtt references undefined resource ${reference.name}`);
          }
          if (typeof reference.attribute === "string" && !supports(resource.type, reference.attribute)) {
            throw invalid(
              `Template error: resource ${reference.name} does not support attribute type ${reference.attribute} in Fn::GetAtt`,
            );
          }
          break;
        }
        case "condition":
          if (!template.conditions.has(reference.name)) throw unresolvedCondition(reference.name, block);
          break;
        default:
          reference satisfies never;
      }
    }
    if (missing.length > 0) throw unresolved(missing, block);
  };
  for (const resource of template.resources.values()) {
    check(resource.properties, "Resources");
    const missing = resource.dependsOn.filter((name) => !template.resources.has(name));
    if (missing.length > 0) throw unresolved(missing, "Resources");
    if (resource.condition !== undefined && !template.conditions.has(resource.condition)) {
      throw unresolvedCondition(resource.condition, "Resources");
    }
  }
  for (const output of template.outputs.values()) {
    check(output.value, "Outputs");
    if (output.condition !== undefined && !template.conditions.has(output.condition)) {
      throw unresolvedCondition(output.condition, "Outputs");
    }
  }
  for (const expression of template.conditions.values()) checkCondition(template, expression);
}

function checkCondition(template: Template, expression: Json): void {
  const wrong = referencesOf(expression)
    .filter(
      ({ kind, name }) =>
        kind === "attribute" || (kind === "ref" && (template.resources.has(name) || !isKnown(template, name))),
    )
    .map(({ name }) => name);
  if (wrong.length > 0) {
    throw invalid(
      `Template format error: Unresolved dependencies [${[...new Set(wrong)].join(", ")}]. Cannot reference resources in the Conditions block of the template`,
    );
  }
}

const pseudoParameters: ReadonlySet<string> = new Set([
  "AWS::AccountId",
  "AWS::NoValue",
  "AWS::Partition",
  "AWS::Region",
  "AWS::StackName",
]);

function isKnown(template: Template, name: string): boolean {
  return template.parameters.has(name) || template.resources.has(name) || pseudoParameters.has(name);
}

function unresolvedCondition(name: string, block: string): Error {
  return invalid(
    `Template format error: Unresolved condition dependency ${name} in the ${block} block of the template`,
  );
}

export function unresolved(names: readonly string[], block: "Resources" | "Outputs"): Error {
  const list = [...new Set(names)].join(", ");
  return invalid(
    `Template format error: Unresolved resource dependencies [${list}] in the ${block} block of the template`,
  );
}
