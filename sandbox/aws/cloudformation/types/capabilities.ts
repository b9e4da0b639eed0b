import type { Template } from "#sandbox/aws/cloudformation/template/template.ts";

/** Types that change who may do what, with the property that gives them a name of the template's choice. */
const guarded: Readonly<Record<string, string>> = {
  "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
  "AWS::IAM::Role": "RoleName",
};

/** What a caller has to say yes to, and because of which types. */
export function capabilitiesOf(template: Template): {
  readonly capabilities: readonly string[];
  readonly reason: string | undefined;
} {
  const found = [...template.resources.values()].filter(({ type }) => type in guarded);
  if (found.length === 0) return { capabilities: [], reason: undefined };
  const isNamed = found.some(({ type, properties }) => {
    const name = guarded[type];
    return name !== undefined && properties[name] !== undefined;
  });
  const types = [...new Set(found.map(({ type }) => type))];
  return {
    capabilities: [isNamed ? "CAPABILITY_NAMED_IAM" : "CAPABILITY_IAM"],
    reason: `The following resource(s) require capabilities: [${types.join(", ")}]`,
  };
}
