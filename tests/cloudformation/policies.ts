import { contextOf } from "#sandbox/aws/policy/context.ts";
import type { Policy } from "#sandbox/aws/policy/document.ts";
import { evaluate, type Verdict } from "#sandbox/aws/policy/evaluate.ts";
import { parsePolicy } from "#sandbox/aws/policy/parse.ts";
import { type Json, listAt, objectAt, stringAt } from "#sandbox/json.ts";
import type { Rendered } from "#tests/cloudformation/render.ts";

export type Context = Readonly<Record<string, string | readonly string[]>>;

/** Policies of a role: those in it, and those of the same template that are attached to it. */
export function policiesOf({ resources }: Rendered, role: string): readonly Policy[] {
  const properties = resources[role]?.properties;
  const attached = listAt(properties, "ManagedPolicyArns").flatMap((arn) =>
    Object.entries(resources).flatMap(([name, one]) =>
      one.type === "AWS::IAM::ManagedPolicy" && String(arn).endsWith(`/${name}`) ? [one.properties.PolicyDocument] : [],
    ),
  );
  const own = listAt(properties, "Policies").map((policy) => objectAt(policy, "PolicyDocument"));
  return [...own, ...attached].map(parse);
}

/** Of a managed policy in a template. */
export function policyOf({ resources }: Rendered, name: string): Policy {
  return parse(resources[name]?.properties.PolicyDocument);
}

export function parse(document: Json | undefined): Policy {
  return parsePolicy(JSON.stringify(document ?? null), "identity");
}

export function ask(policies: readonly Policy[], action: string, resource: string, context: Context = {}): Verdict {
  return evaluate(policies, { action, resource, context: contextOf(context) });
}

/** Signs of a document as IAM counts them: without white space. */
export function lengthOf(document: unknown): number {
  return JSON.stringify(document).length;
}

export function inlineLengthOf({ resources }: Rendered, role: string): number {
  return listAt(resources[role]?.properties, "Policies").reduce<number>(
    (sum, policy) => sum + lengthOf(objectAt(policy, "PolicyDocument")),
    0,
  );
}

export function attachedOf({ resources }: Rendered): readonly string[] {
  const names = Object.values(resources).flatMap(({ properties }) =>
    listAt(properties, "ManagedPolicyArns").map((arn) => String(arn).split("/").at(-1) ?? ""),
  );
  return [...new Set(names)];
}

export function boundaryOf({ resources }: Rendered, role: string): string {
  return stringAt(resources[role]?.properties, "PermissionsBoundary");
}
