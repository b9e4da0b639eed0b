import { z } from "zod";
import { FleetError } from "#lib/errors.ts";

/** One statement of a role's trust policy, with lists where IAM allows a single text as well. */
export interface TrustStatement {
  readonly effect: "Allow" | "Deny";
  readonly actions: readonly string[];
  /** All actions but those. */
  readonly exceptActions: boolean;
  readonly principals: readonly TrustPrincipal[];
  /** Everybody but those. */
  readonly exceptPrincipals: boolean;
  readonly conditions: readonly TrustCondition[];
}

export interface TrustPrincipal {
  /** `AWS`, `Federated`, `Service`, `CanonicalUser`. */
  readonly kind: string;
  /** An ARN, an account id, the unique id of a deleted identity, a service, or `*`. */
  readonly name: string;
}

/** One operator on one key: several of them must all hold. */
export interface TrustCondition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

const texts = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (typeof value === "string" ? [value] : value));
const scalar = z.union([z.string(), z.boolean(), z.number()]).transform(String);
const values = z.union([scalar.transform((value) => [value]), z.array(scalar)]);
const principals = z
  .union([z.literal("*").transform(() => ({ AWS: ["*"] })), z.record(z.string(), texts)])
  .transform((found) => Object.entries(found).flatMap(([kind, names]) => names.map((name) => ({ kind, name }))));

const statement = z.object({
  Effect: z.enum(["Allow", "Deny"]),
  Action: texts.optional(),
  NotAction: texts.optional(),
  Principal: principals.optional(),
  NotPrincipal: principals.optional(),
  Condition: z.record(z.string(), z.record(z.string(), values)).default({}),
});
const policy = z.object({
  Statement: z.union([statement.transform((one) => [one]), z.array(statement)]),
});

/**
 * A trust policy in IAM's format.
 *
 * @param text JSON, percent-encoded as in GetRole's answer or not
 * @throws FleetError AwsFailed for an invalid policy
 */
export function parseTrust(text: string): readonly TrustStatement[] {
  const { Statement } = parse(text);
  return Statement.map((one) => ({
    effect: one.Effect,
    actions: one.Action ?? one.NotAction ?? [],
    exceptActions: one.NotAction !== undefined,
    principals: one.Principal ?? one.NotPrincipal ?? [],
    exceptPrincipals: one.NotPrincipal !== undefined,
    conditions: Object.entries(one.Condition).flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, found]) => ({ operator, key, values: found })),
    ),
  }));
}

function parse(text: string): z.infer<typeof policy> {
  try {
    return policy.parse(JSON.parse(text.trimStart().startsWith("{") ? text : decodeURIComponent(text)));
  } catch (cause) {
    throw new FleetError("AwsFailed", `IAM returned an unreadable trust policy: ${text.slice(0, 80)}`, {
      hint: "look at the role in IAM's console, and create its stack again",
      cause,
    });
  }
}

/** @param action in full: `sts:AssumeRole` */
export function meansAction({ actions, exceptActions }: TrustStatement, action: string): boolean {
  return actions.some((pattern) => fits(pattern, action, "i")) !== exceptActions;
}

/** Whether a text matches a pattern with `*` and `?`. */
export function fits(pattern: string, text: string, flags = ""): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, `s${flags}`).test(text);
}

/** An operator taken apart: `ForAnyValue:StringEqualsIfExists`. */
interface Operator {
  readonly name: string;
  /** Also true for a request without the key, so it restricts nothing. */
  readonly holdsWithout: boolean;
}

function operatorOf({ operator }: TrustCondition): Operator {
  const [, set = "", name = "", ifExists = ""] =
    /^(?:(ForAllValues|ForAnyValue):)?(.*?)(IfExists)?$/.exec(operator) ?? [];
  return { name, holdsWithout: set === "ForAllValues" || ifExists !== "" };
}

/** Conditions that match only the listed values; weaker ones restrict nothing. */
export function restrictionsOf({ conditions }: TrustStatement, key: string): readonly TrustCondition[] {
  return conditions.filter((condition) => {
    const { name, holdsWithout } = operatorOf(condition);
    return isKey(condition, key) && !holdsWithout && /^String(Equals|EqualsIgnoreCase|Like)$/.test(name);
  });
}

/** Whether a value is a wildcard pattern in such a condition. Under StringEquals a `*` is literal. */
export function isPattern(condition: TrustCondition, value: string): boolean {
  return operatorOf(condition).name === "StringLike" && /[*?]/.test(value);
}

function isKey({ key }: TrustCondition, wanted: string): boolean {
  return key.toLowerCase() === wanted.toLowerCase();
}

/** Result of a statement's conditions for a request. */
export interface Judgement {
  /** Keys whose value is not the right one. */
  readonly refusedBy: readonly string[];
  /** Keys whose value in the request is unknown. */
  readonly unknown: readonly string[];
}

/**
 * The statement that comes closest to allowing a request; undefined if there is none.
 *
 * @param known the request's values, undefined for a missing key
 */
export function judgeClosest(
  statements: readonly TrustStatement[],
  known: Readonly<Record<string, string | undefined>>,
): Judgement | undefined {
  return statements
    .map((statement) => judge(statement, known))
    .toSorted(
      (one, other) => one.refusedBy.length - other.refusedBy.length || one.unknown.length - other.unknown.length,
    )[0];
}

function judge({ conditions }: TrustStatement, known: Readonly<Record<string, string | undefined>>): Judgement {
  const refusedBy = new Set<string>();
  const unknown = new Set<string>();
  for (const condition of conditions) {
    const key = Object.keys(known).find((name) => isKey(condition, name));
    const verdict = key === undefined ? undefined : tryHold(condition, known[key]);
    if (verdict === undefined) unknown.add(condition.key);
    if (verdict === false) refusedBy.add(condition.key);
  }
  return { refusedBy: [...refusedBy], unknown: [...unknown] };
}

/** Whether a condition on texts holds; undefined for an operator that asks something else. */
function tryHold(condition: TrustCondition, value: string | undefined): boolean | undefined {
  const { name, holdsWithout } = operatorOf(condition);
  const { values: wanted } = condition;
  if (name === "Null") return wanted.includes(String(value === undefined));
  const plain = name.replace(/^StringNot/, "String");
  const test = textOperators[plain];
  if (test === undefined) return undefined;
  const isNegated = plain !== name;
  if (value === undefined) return holdsWithout || isNegated;
  return wanted.some((one) => test(one, value)) !== isNegated;
}

const textOperators: Readonly<Record<string, (wanted: string, value: string) => boolean>> = {
  StringEquals: (wanted, value) => wanted === value,
  StringEqualsIgnoreCase: (wanted, value) => wanted.toLowerCase() === value.toLowerCase(),
  StringLike: (wanted, value) => fits(wanted, value),
};
