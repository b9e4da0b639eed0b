import type { ChangeDetail } from "#sandbox/aws/cloudformation/engine/model.ts";
import type { Plan } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { referencesOf } from "#sandbox/aws/cloudformation/template/references.ts";

/** Why a property would have another value: by what it leans on, else by the template itself. */
export function causeOf(plan: Plan, logicalId: string, property: string): Pick<ChangeDetail, "source" | "cause"> {
  const value = plan.node(logicalId).declaration.properties[property];
  const references = referencesOf(value);
  const parameter = references.find(({ kind, name }) => kind === "ref" && plan.template.parameters.has(name));
  const attribute = references.find(({ kind }) => kind === "attribute");
  const resource = references.find(({ kind, name }) => kind === "ref" && plan.template.resources.has(name));
  if (attribute?.kind === "attribute") {
    return { source: "ResourceAttribute", cause: `${attribute.name}.${String(attribute.attribute)}` };
  }
  if (resource !== undefined) return { source: "ResourceReference", cause: resource.name };
  if (parameter !== undefined) return { source: "ParameterReference", cause: parameter.name };
  return { source: "DirectModification" };
}
