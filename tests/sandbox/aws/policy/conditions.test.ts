import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { holds } from "#sandbox/aws/policy/conditions.ts";
import { type ContextValues, contextOf } from "#sandbox/aws/policy/context.ts";

const context = {
  "aws:username": "ada",
  "aws:PrincipalArn": "arn:aws:iam::123456789012:role/team/ada",
  "aws:PrincipalTag/team": "Blue",
  "aws:MultiFactorAuthPresent": "true",
  "aws:TagKeys": ["project", "fleet"],
  "route53:Types": [],
} as const;

/** Operator, key, values of the policy, whether it holds. */
type Row = readonly [string, string, string | readonly string[], boolean];

const rows: readonly Row[] = [
  ["StringEquals", "aws:username", "ada", true],
  ["StringEquals", "AWS:UserName", "ada", true],
  ["StringEquals", "aws:username", "Ada", false],
  ["StringEquals", "aws:username", ["bob", "ada"], true],
  ["StringEquals", "aws:username", "a*", false],
  ["StringEquals", "aws:missing", "ada", false],
  ["StringEqualsIfExists", "aws:missing", "ada", true],
  ["StringEqualsIfExists", "aws:username", "bob", false],
  ["StringNotEquals", "aws:username", "bob", true],
  ["StringNotEquals", "aws:username", ["bob", "ada"], false],
  ["StringNotEquals", "aws:missing", "ada", true],
  ["StringEqualsIgnoreCase", "aws:PrincipalTag/team", "bLUE", true],
  ["StringNotEqualsIgnoreCase", "aws:PrincipalTag/team", "bLUE", false],
  ["StringLike", "aws:username", "a?a", true],
  ["StringLike", "aws:username", "a*", true],
  ["StringLike", "aws:username", "a??a", false],
  ["StringLike", "aws:username", "a.a", false],
  ["StringNotLike", "aws:username", "b*", true],
  ["StringNotLike", "aws:missing", "b*", true],
  ["ArnEquals", "aws:PrincipalArn", "arn:aws:iam::123456789012:role/team/ada", true],
  ["ArnEquals", "aws:PrincipalArn", "arn:aws:iam::*:role/*", true],
  ["ArnLike", "aws:PrincipalArn", "arn:aws:iam::12345678901?:role/team/a*", true],
  ["ArnLike", "aws:PrincipalArn", "arn:*:role/team/ada", false],
  ["ArnLike", "aws:username", "*", true],
  ["ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::999999999999:role/*", true],
  ["ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::123456789012:*", false],
  ["Bool", "aws:MultiFactorAuthPresent", "TRUE", true],
  ["Bool", "aws:MultiFactorAuthPresent", "false", false],
  ["Bool", "aws:missing", "false", false],
  ["BoolIfExists", "aws:missing", "false", true],
  ["Null", "aws:missing", "true", true],
  ["Null", "aws:missing", "false", false],
  ["Null", "aws:username", "false", true],
  ["ForAllValues:StringEquals", "aws:TagKeys", ["project", "fleet", "cluster"], true],
  ["ForAllValues:StringEquals", "aws:TagKeys", ["project"], false],
  // True of nothing at all: why an Allow must not rest on it.
  ["ForAllValues:StringEquals", "aws:missing", "project", true],
  ["ForAllValues:StringLike", "aws:TagKeys", ["p*", "f*"], true],
  ["ForAllValues:StringNotEquals", "aws:TagKeys", ["owner"], true],
  ["ForAllValues:StringNotEquals", "aws:TagKeys", ["fleet"], false],
  ["ForAnyValue:StringEquals", "aws:TagKeys", ["fleet"], true],
  ["ForAnyValue:StringEquals", "aws:TagKeys", ["owner"], false],
  ["ForAnyValue:StringEquals", "aws:missing", ["owner"], false],
  ["ForAnyValue:StringEquals", "route53:Types", ["NS"], false],
  ["ForAnyValue:StringNotEquals", "aws:TagKeys", ["project"], true],
  ["ForAnyValue:StringNotEquals", "aws:TagKeys", ["project", "fleet"], false],
  ["StringEquals", "aws:username", `\${aws:PrincipalTag/owner, 'ada'}`, true],
  ["StringEquals", "aws:PrincipalTag/team", `\${aws:PrincipalTag/team}`, true],
  ["StringEquals", "aws:username", `\${aws:nothing}`, false],
  ["StringNotEquals", "aws:username", `\${aws:nothing}`, false],
  ["StringLike", "aws:username", `\${*}`, false],
];

const holdsIn = (
  values: ContextValues,
  [operator, key, wanted]: readonly [string, string, string | readonly string[]],
) => {
  const all = contextOf(values);
  return holds({ operator, key, values: [wanted].flat() }, all, all);
};

describe("a condition", () => {
  test.each([...rows])("%s %s %j: %p", (operator, key, wanted, expected) => {
    expect(holdsIn(context, [operator, key, wanted])).toBe(expected);
  });

  test("knows no variables in a policy of 2008", () => {
    const all = contextOf(context);
    const condition = { operator: "StringEquals", key: "aws:username", values: [`\${aws:username}`] };
    expect([holds(condition, all, all), holds(condition, all, undefined)]).toEqual([true, false]);
  });

  test("with an operator that nobody knows is no answer at all", () => {
    expect(() => holdsIn(context, ["StringResembles", "aws:username", "ada"])).toThrow(/StringResembles/);
  });

  test("and its negation never agree on a key that is there", () => {
    const pairs = [
      ["StringEquals", "StringNotEquals"],
      ["StringLike", "StringNotLike"],
      ["StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"],
      ["ArnLike", "ArnNotLike"],
    ] as const;
    const text = fc.string({ maxLength: 8, unit: fc.constantFrom("a", "b", "*", "?", ":", "1", ".") });
    fc.assert(
      fc.property(
        fc.constantFrom(...pairs),
        text,
        fc.array(text, { minLength: 1, maxLength: 3 }),
        ([is, isNot], value, wanted) => {
          const values = { "aws:x": value };
          expect(holdsIn(values, [is, "aws:x", wanted])).toBe(!holdsIn(values, [isNot, "aws:x", wanted]));
        },
      ),
    );
  });

  test("takes what a variable puts in for text, whatever signs are in it", () => {
    const text = fc.string({
      minLength: 1,
      maxLength: 6,
      unit: fc.constantFrom("a", "b", "*", "?", "$", "{", "\\", "."),
    });
    fc.assert(
      fc.property(text, text, (one, other) => {
        const values = { "aws:one": one, "aws:other": other };
        expect(holdsIn(values, ["StringLike", "aws:one", `\${aws:other}`])).toBe(one === other);
      }),
    );
  });
});
