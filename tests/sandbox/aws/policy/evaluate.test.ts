import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { contextOf } from "#sandbox/aws/policy/context.ts";
import { evaluate, type Verdict } from "#sandbox/aws/policy/evaluate.ts";
import { parsePolicy } from "#sandbox/aws/policy/parse.ts";

const role = "arn:aws:iam::123456789012:role/team/one";

/** What one statement, or several, say of an action on a resource. */
function verdictOn(
  statements: object | readonly object[],
  action: string,
  resource = role,
  tags: Record<string, string> = {},
): Verdict {
  const policy = parsePolicy(JSON.stringify({ Version: "2012-10-17", Statement: statements }), "identity");
  return evaluate([policy], { action, resource, context: contextOf({ "aws:username": "one", ...tags }) });
}

/** Statement, action, resource, verdict. */
const rows: readonly (readonly [object, string, string, Verdict])[] = [
  [{ Effect: "Allow", Action: "*", Resource: "*" }, "iam:GetRole", role, "allowed"],
  [{ Effect: "Allow", Action: "iam:*", Resource: "*" }, "iam:GetRole", role, "allowed"],
  [{ Effect: "Allow", Action: "IAM:getrole", Resource: "*" }, "iam:GetRole", role, "allowed"],
  [{ Effect: "Allow", Action: "iam:Get*", Resource: "*" }, "iam:ListRoles", role, "none"],
  [{ Effect: "Allow", Action: "iam:Get????", Resource: "*" }, "iam:GetRole", role, "allowed"],
  [{ Effect: "Allow", Action: ["sts:*", "iam:GetRole"], Resource: "*" }, "iam:GetRole", role, "allowed"],
  [{ Effect: "Allow", NotAction: "iam:*", Resource: "*" }, "iam:GetRole", role, "none"],
  [{ Effect: "Allow", NotAction: "iam:*", Resource: "*" }, "sts:AssumeRole", role, "allowed"],
  [{ Effect: "Allow", Action: "iam:GetRole", Resource: role }, "iam:GetRole", role, "allowed"],
  [
    { Effect: "Allow", Action: "iam:GetRole", Resource: "arn:aws:iam::123456789012:role/team/*" },
    "iam:GetRole",
    role,
    "allowed",
  ],
  [
    { Effect: "Allow", Action: "iam:GetRole", Resource: "arn:aws:iam::*:role/team/one" },
    "iam:GetRole",
    role,
    "allowed",
  ],
  [
    { Effect: "Allow", Action: "iam:GetRole", Resource: "arn:aws:iam::123456789012:role/one" },
    "iam:GetRole",
    role,
    "none",
  ],
  [
    { Effect: "Allow", Action: "iam:GetRole", Resource: "arn:aws:iam::123456789012:role/TEAM/one" },
    "iam:GetRole",
    role,
    "none",
  ],
  [{ Effect: "Allow", Action: "iam:GetRole", Resource: "arn:aws:iam:*:role/team/one" }, "iam:GetRole", role, "none"],
  [{ Effect: "Allow", Action: "iam:GetRole", Resource: "arn:aws:iam" }, "iam:GetRole", role, "allowed"],
  [{ Effect: "Allow", Action: "iam:GetRole", NotResource: "arn:aws:iam::*:role/team/*" }, "iam:GetRole", role, "none"],
  [
    { Effect: "Allow", Action: "iam:GetRole", NotResource: "arn:aws:iam::*:role/other/*" },
    "iam:GetRole",
    role,
    "allowed",
  ],
  [
    { Effect: "Allow", Action: "iam:GetRole", Resource: `arn:aws:iam::*:role/team/\${aws:username}` },
    "iam:GetRole",
    role,
    "allowed",
  ],
  [
    { Effect: "Allow", Action: "iam:GetRole", Resource: `arn:aws:iam::*:role/team/\${aws:userid}` },
    "iam:GetRole",
    role,
    "none",
  ],
  [
    { Effect: "Allow", Action: "iam:GetRole", NotResource: `arn:aws:iam::*:role/\${aws:userid}` },
    "iam:GetRole",
    role,
    "none",
  ],
  [{ Effect: "Allow", Action: "sts:GetCallerIdentity", Resource: "*" }, "sts:GetCallerIdentity", "*", "allowed"],
  [{ Effect: "Allow", Action: "sts:GetCallerIdentity", Resource: role }, "sts:GetCallerIdentity", "*", "none"],
  [{ Effect: "Deny", Action: "iam:GetRole", Resource: "*" }, "iam:GetRole", role, "denied"],
];

describe("identity policies", () => {
  test.each([...rows])("%j on %s %s: %s", (statement, action, resource, verdict) => {
    expect(verdictOn(statement, action, resource)).toBe(verdict);
  });

  test("deny what one statement denies, however many allow it, in any order", () => {
    const allow = { Effect: "Allow", Action: "*", Resource: "*" };
    const deny = { Effect: "Deny", Action: "iam:GetRole", Resource: "*" };
    fc.assert(
      fc.property(
        fc.shuffledSubarray([allow, allow, deny, allow, { ...deny, Action: "iam:ListRoles" }], { minLength: 1 }),
        (some) => {
          const expected = some.includes(deny) ? "denied" : some.includes(allow) ? "allowed" : "none";
          expect(verdictOn(some, "iam:GetRole")).toBe(expected);
        },
      ),
    );
  });

  test("never allow what no statement of theirs speaks of", () => {
    const word = fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom("a", "b", "C") });
    fc.assert(
      fc.property(word, word, (allowed, asked) => {
        const verdict = verdictOn({ Effect: "Allow", Action: `iam:${allowed}`, Resource: "*" }, `iam:${asked}`);
        expect(verdict).toBe(allowed.toLowerCase() === asked.toLowerCase() ? "allowed" : "none");
      }),
    );
  });

  test("want every condition of a statement", () => {
    const statement = {
      Effect: "Allow",
      Action: "iam:*",
      Resource: "*",
      Condition: {
        StringEquals: { "aws:RequestTag/project": "p", "aws:username": "one" },
        Bool: { "aws:SecureTransport": "true" },
      },
    };
    const tags = { "aws:RequestTag/project": "p", "aws:SecureTransport": "true" };
    expect(verdictOn(statement, "iam:TagRole", role, tags)).toBe("allowed");
    expect(verdictOn(statement, "iam:TagRole", role, { ...tags, "aws:RequestTag/project": "q" })).toBe("none");
    expect(verdictOn(statement, "iam:TagRole", role, { "aws:RequestTag/project": "p" })).toBe("none");
  });
});
