import { holds } from "#sandbox/aws/policy/conditions.ts";
import type { RequestContext } from "#sandbox/aws/policy/context.ts";
import type { Policy, Selection, Statement } from "#sandbox/aws/policy/document.ts";
import { matchesArn, matchesPattern, tryExpand } from "#sandbox/aws/policy/patterns.ts";

/** `none`: no statement speaks of it, which is a refusal too, but one that another policy may lift. */
export type Verdict = "allowed" | "denied" | "none";

export interface PolicyRequest {
  /** `iam:CreateRole`. */
  readonly action: string;
  /** An ARN, or `*` for what has no resource: then only `*` in a policy is meant. */
  readonly resource: string;
  readonly context: RequestContext;
}

/** What identity policies say together: a denial wins, then a permission. */
export function evaluate(policies: readonly Policy[], request: PolicyRequest): Verdict {
  const effects = policies.flatMap((policy) =>
    policy.statements
      .filter(
        (statement) =>
          meansAction(statement, request.action) &&
          meansResource(statement, request.resource, variablesOf(policy, request.context)) &&
          meetsConditions(statement, policy, request.context),
      )
      .map(({ effect }) => effect),
  );
  return verdictOf(effects);
}

export function verdictOf(effects: readonly Statement["effect"][]): Verdict {
  if (effects.includes("Deny")) return "denied";
  return effects.includes("Allow") ? "allowed" : "none";
}

export function meansAction({ actions }: Statement, action: string): boolean {
  return selects(actions, (text) => {
    const pattern = tryExpand(text, undefined);
    return pattern !== undefined && matchesPattern(pattern, action, true);
  });
}

/** A variable without a value makes the statement mean nothing, `NotResource` or not. */
function meansResource({ resources }: Statement, resource: string, variables: RequestContext | undefined): boolean {
  if (resources === undefined) return false;
  const patterns = resources.texts.map((text) => tryExpand(text, variables));
  if (resources.except && patterns.includes(undefined)) return false;
  const fits = patterns.some((pattern) => pattern !== undefined && matchesArn(pattern, resource));
  return fits !== resources.except;
}

export function meetsConditions({ conditions }: Statement, policy: Policy, context: RequestContext): boolean {
  return conditions.every((condition) => holds(condition, context, variablesOf(policy, context)));
}

function variablesOf({ version }: Policy, context: RequestContext): RequestContext | undefined {
  return version === "2012-10-17" ? context : undefined;
}

function selects({ except, texts }: Selection, fits: (text: string) => boolean): boolean {
  return texts.some(fits) !== except;
}
