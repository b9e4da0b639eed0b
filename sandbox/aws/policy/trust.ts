import type { RequestContext } from "#sandbox/aws/policy/context.ts";
import type { Policy, Principal, Statement } from "#sandbox/aws/policy/document.ts";
import { meansAction, meetsConditions, type Verdict, verdictOf } from "#sandbox/aws/policy/evaluate.ts";

/** Who asks for a role. */
export type Requester =
  | {
      readonly kind: "AWS";
      readonly account: string;
      /** ARN of the user or role. */
      readonly principal: string;
      /** Unique id of that user or role, which another one of the same name does not have. */
      readonly principalId: string;
      /** ARN of the session; the same as `principal` for a user. */
      readonly session: string;
    }
  | { readonly kind: "Service"; readonly name: string }
  /** By a token: the ARN of the provider that speaks for it. */
  | { readonly kind: "Federated"; readonly provider: string };

export interface TrustRequest {
  readonly requester: Requester;
  readonly action: string;
  readonly context: RequestContext;
  /** Unique ids of the users and roles that the policy named when it was written, by ARN. */
  readonly ids: Readonly<Record<string, string>>;
}

export interface TrustVerdict {
  readonly verdict: Verdict;
  /** The requester is named itself, so that nothing in its own account has to allow it as well. */
  readonly isNamed: boolean;
}

/** What a role's trust policy says. No other policy can grant the role, so `none` is a refusal. */
export function evaluateTrust(policy: Policy, request: TrustRequest): TrustVerdict {
  const meant = policy.statements.filter(
    (statement) =>
      meansAction(statement, request.action) &&
      closenessOf(statement, request) !== undefined &&
      meetsConditions(statement, policy, request.context),
  );
  const isNamed = meant.some(
    (statement) => statement.effect === "Allow" && closenessOf(statement, request) === "itself",
  );
  return { verdict: verdictOf(meant.map(({ effect }) => effect)), isNamed };
}

type Closeness = "itself" | "by account" | undefined;

function closenessOf({ principals }: Statement, request: TrustRequest): Closeness {
  if (principals === undefined) return undefined;
  const found = principals.principals.map((principal) => closenessTo(principal, request));
  if (principals.except) return found.every((one) => one === undefined) ? "by account" : undefined;
  return found.includes("itself") ? "itself" : found.find((one) => one !== undefined);
}

function closenessTo({ kind, name }: Principal, { requester, ids }: TrustRequest): Closeness {
  if (kind === "AWS" && name === "*") return "itself";
  if (kind !== requester.kind) return undefined;
  switch (requester.kind) {
    case "Service":
      return name === requester.name ? "itself" : undefined;
    case "Federated":
      return name === requester.provider || name === "*" ? "itself" : undefined;
    case "AWS":
      if (name === requester.account || name === `arn:aws:iam::${requester.account}:root`) return "by account";
      if (name !== requester.principal && name !== requester.session) return undefined;
      return ids[name] === requester.principalId ? "itself" : undefined;
    default:
      return requester satisfies never;
  }
}
