import { describe, expect, test } from "bun:test";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import { parsePolicy } from "#sandbox/aws/policy/parse.ts";

const identity = { Effect: "Allow", Action: "iam:GetRole", Resource: "*" };
const trust = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "eks.amazonaws.com" } };

function faultOf(text: string, kind: "identity" | "trust"): string {
  try {
    parsePolicy(text, kind);
  } catch (error) {
    if (error instanceof AwsFault) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "none";
}

const document = (statement: unknown, more: object = {}) =>
  JSON.stringify({ Version: "2012-10-17", Statement: statement, ...more });

describe("a policy document", () => {
  test.each([
    ["identity", document(identity)],
    ["identity", document([identity, { ...identity, Sid: "Two" }], { Id: "x" })],
    ["identity", JSON.stringify({ Statement: identity })],
    [
      "identity",
      document({ ...identity, Condition: { Bool: { "aws:SecureTransport": true }, StringEquals: { "a:b": 1 } } }),
    ],
    ["trust", document(trust)],
    ["trust", document({ ...trust, Principal: "*", Action: ["sts:AssumeRole", "sts:SetSourceIdentity"] })],
  ] as const)("is taken: %s %s", (kind, text) => {
    expect(faultOf(text, kind)).toBe("none");
  });

  test.each([
    ["identity", "{", "This policy contains invalid Json"],
    ["identity", "[]", "Syntax errors in policy."],
    ["identity", document([]), "Policy document must contain statements."],
    ["identity", document(identity, { Version: "2020-01-01" }), "Syntax errors in policy."],
    ["identity", document(identity, { Statements: [] }), "Syntax errors in policy."],
    ["identity", document({ ...identity, Effect: "allow" }), "Syntax errors in policy."],
    ["identity", document({ ...identity, Resources: "*" }), "Syntax errors in policy."],
    ["identity", document({ ...identity, Action: undefined }), "Policy statement must contain actions."],
    ["identity", document({ ...identity, NotAction: "iam:*" }), "Syntax errors in policy."],
    [
      "identity",
      document({ ...identity, Action: "GetRole" }),
      "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
    ],
    ["identity", document({ ...identity, Resource: undefined }), "Policy statement must contain resources."],
    ["identity", document({ ...identity, Resource: "one" }), 'Resource one must be in ARN format or "*".'],
    ["identity", document({ ...identity, Principal: "*" }), "Policy document should not specify a principal."],
    [
      "identity",
      document([
        { ...identity, Sid: "a" },
        { ...identity, Sid: "a" },
      ]),
      "Statement IDs (SID) in a single policy must be unique.",
    ],
    [
      "identity",
      document({ ...identity, Condition: { StringResembles: { "a:b": "c" } } }),
      "Invalid Condition type : StringResembles.",
    ],
    [
      "identity",
      document({ ...identity, Condition: { NotIpAddressIfExists: { "aws:SourceIp": "10.0.0.0/8" } } }),
      "the sandbox does not know NotIpAddressIfExists",
    ],
    [
      "identity",
      document({ ...identity, Condition: { NullIfExists: { "a:b": "true" } } }),
      "Invalid Condition type : NullIfExists.",
    ],
    [
      "identity",
      document({ ...identity, Condition: { "ForSomeValues:StringEquals": { "a:b": "c" } } }),
      "Invalid Condition type : ForSomeValues:StringEquals.",
    ],
    [
      "identity",
      document({ ...identity, Condition: { StringEquals: { "a:b": { c: "d" } } } }),
      "Syntax errors in policy.",
    ],
    ["trust", document({ ...trust, Resource: "*" }), "Has prohibited field Resource"],
    ["trust", document({ ...trust, Principal: undefined }), "Missing required field Principal"],
    ["trust", document({ ...trust, Principal: { Account: "1" } }), "Syntax errors in policy."],
    [
      "trust",
      document({ ...trust, Action: "iam:GetRole" }),
      "AssumeRole policy may only specify STS AssumeRole actions.",
    ],
    [
      "trust",
      document({ ...trust, Action: "sts:GetCallerIdentity" }),
      "AssumeRole policy may only specify STS AssumeRole actions.",
    ],
  ] as const)("is refused: %s %s", (kind, text, message) => {
    expect(faultOf(text, kind)).toBe(`MalformedPolicyDocument: ${message}`);
  });
});
