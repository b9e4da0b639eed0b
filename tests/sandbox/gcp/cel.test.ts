import { describe, expect, test } from "bun:test";
import { CelError, parseCel } from "#sandbox/gcp/oauth/cel.ts";

const roots = ["assertion", "attribute", "google"];
const context = {
  assertion: {
    sub: "repo:example/fleet:ref:refs/heads/main",
    repository_id: "1000000001",
    repository_owner_id: "2000000002",
    ref: "refs/heads/main",
    actor_id: 5,
    groups: ["admins", "people"],
    fork: false,
    "with-hyphen": "yes",
    nested: { deep: "value" },
  },
  attribute: { repository: "example/fleet" },
  google: { subject: "main" },
};
const evaluate = (text: string) => parseCel(text, roots).evaluate(context);

describe("an expression", () => {
  test.each([
    [`assertion.repository_id == '1000000001'`, true],
    [`assertion.repository_id == '1000000001' && assertion.repository_owner_id == "2000000002"`, true],
    [`assertion.repository_id == '1000000001' && assertion.repository_owner_id == '2'`, false],
    [`assertion.repository_id != '1'`, true],
    [`assertion.ref in ['refs/heads/main', 'refs/tags/v1']`, true],
    [`assertion.ref in []`, false],
    [`'admins' in assertion.groups`, true],
    [`'others' in assertion.groups`, false],
    [`assertion.sub.startsWith('repo:example/') && assertion.sub.endsWith("/" + assertion.ref)`, false],
    [`assertion.sub.endsWith(":ref:" + assertion.ref)`, true],
    [`!assertion.fork`, true],
    [`!(assertion.ref == 'x') && (false || true)`, true],
    [`true || false && false`, true],
    [`(true || false) && false`, false],
    [`"repo:" + assertion.repository_id + ":" + assertion.ref`, "repo:1000000001:refs/heads/main"],
    [`assertion['with-hyphen']`, "yes"],
    [`attribute.repository == 'example/fleet' && google.subject == 'main'`, true],
    [`'it\\'s' == "it's"`, true],
    [`  assertion.sub\n==\n'x' `, false],
    // One side decides, so that an error on the other side does not count.
    [`assertion.missing == 'x' || true`, true],
    [`false && assertion.missing == 'x'`, false],
    [`assertion.missing == 'x' && false`, false],
  ])("%s is %p", (text, value) => expect(evaluate(text)).toBe(value));

  test("tells the names that it reads", () => {
    expect(parseCel(`assertion.ref == 'x' && google.subject != attribute.a`, roots).names).toEqual([
      "assertion.ref",
      "google.subject",
      "attribute.a",
    ]);
  });

  test.each([
    ["assertion.missing == 'x'", "no such key: missing"],
    ["assertion.missing == 'x' || false", "no such key: missing"],
    ["assertion.actor_id == '5'", "no such overload of =="],
    ["assertion.actor_id + 'x'", "no such overload of +"],
    ["'a' in 'abc'", "no such overload of in"],
    ["assertion.sub && true", "no such overload of &&"],
    ["!assertion.sub", "no such overload of !"],
    ["assertion.nested == 'x'", "does not know values like that of nested"],
    ["assertion.constructor == 'x'", "no such key: constructor"],
  ])("%s fails: %s", (text, message) => {
    const expression = parseCel(text, roots);
    expect(() => expression.evaluate(context)).toThrow(CelError);
    expect(() => expression.evaluate(context)).toThrow(message);
  });

  test.each([
    ["", "unexpected end"],
    ["assertion", `unexpected end, expected "."`],
    ["claims.sub == 'x'", `unexpected "claims"`],
    ["assertion.sub = 'x'", "at column 14"],
    ["assertion.sub == 'x", "at column 17"],
    ["assertion.sub == 'x' &&", "unexpected end"],
    ["assertion.sub == 'x' assertion.ref", `unexpected "assertion"`],
    ["(assertion.sub == 'x'", `unexpected end, expected ")"`],
    ["assertion.sub == 'a' == true", `unexpected "=="`],
    ["assertion.sub.matches('x')", `does not know the function "matches"`],
    ["assertion.sub.extract('a/{b}')", `does not know the function "extract"`],
    ["has(assertion.sub)", `unexpected "has"`],
    ["assertion.actor_id == 5", "syntax error"],
    ["assertion.fork ? 'a' : 'b'", "syntax error"],
    ["assertion.sub < 'x'", "syntax error"],
    ["'\\n' == assertion.sub", "does not know the escape"],
  ])("%p is not understood: %s", (text, message) => {
    expect(() => parseCel(text, roots)).toThrow(CelError);
    expect(() => parseCel(text, roots)).toThrow(message);
  });
});
