import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseTemplate, readTemplate, type TemplateValue } from "#lib/aws/cloudformation/template.ts";
import { diffTemplates } from "#lib/aws/cloudformation/template-diff.ts";
import { formatChange } from "#lib/graph/change.ts";
import { failureOf } from "#tests/support/failure.ts";

const parse = (text: string): TemplateValue => parseTemplate(text, "test.yml");
const diff = (from: string, to: string): readonly string[] => diffTemplates(parse(from), parse(to)).map(formatChange);

describe("a template", () => {
  test("has CloudFormation's short forms as their long ones", () => {
    const short = `
Ref: !Ref Role
GetAtt: !GetAtt Role.Arn
Sub: !Sub "\${Role}-x"
Join: !Join [",", [!Ref A, b]]
If: !If [IsSet, !Sub ["\${X}", { X: !Ref Y }], !Ref "AWS::NoValue"]
Condition: !Condition IsSet
Split: !Select [0, !Split [",", !ImportValue Z]]
Date: 2012-10-17`;
    expect(parse(short)).toEqual({
      Ref: { Ref: "Role" },
      GetAtt: { "Fn::GetAtt": ["Role", "Arn"] },
      Sub: { "Fn::Sub": `\${Role}-x` },
      Join: { "Fn::Join": [",", [{ Ref: "A" }, "b"]] },
      If: { "Fn::If": ["IsSet", { "Fn::Sub": [`\${X}`, { X: { Ref: "Y" } }] }, { Ref: "AWS::NoValue" }] },
      Condition: { Condition: "IsSet" },
      Split: { "Fn::Select": [0, { "Fn::Split": [",", { "Fn::ImportValue": "Z" }] }] },
      Date: "2012-10-17",
    });
  });

  test("that can't be read is refused with its place", async () => {
    const error = await failureOf(() => parse("Resources:\n  A: [1\n"));
    expect([error.code, error.message]).toEqual(["TemplateInvalid", expect.stringMatching(/^test.yml: .* line 3/)]);
  });

  test("is refused when it is missing or too large to send", async () => {
    const root = await mkdtemp(join(tmpdir(), "templates-"));
    try {
      expect((await failureOf(readTemplate(root, "none.yml"))).message).toBe("there is no none.yml in this checkout");
      await Bun.write(join(root, "large.yml"), `Resources: {}\n# ${"ö".repeat(25_600)}`);
      expect((await failureOf(readTemplate(root, "large.yml"))).message).toBe(
        "large.yml has 51216 bytes; CloudFormation takes 51200 at most",
      );
      await Bun.write(
        join(root, "p.yml"),
        "Parameters: { A: { Default: 1 }, B: { NoEcho: true }, C: { NoEcho: 'true' } }",
      );
      expect((await readTemplate(root, "p.yml")).parameters).toEqual({
        A: { default: "1", isSecret: false, isList: false },
        B: { default: undefined, isSecret: true, isList: false },
        C: { default: undefined, isSecret: true, isList: false },
      });
    } finally {
      await rm(root, { recursive: true });
    }
  });
});

describe("two templates", () => {
  test("are one when they say the same in other words", () => {
    const yaml =
      "# x\nResources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties: { Max: 3600, Path: !Sub /a/, Name: Jürgen }";
    const json = JSON.stringify({
      Resources: {
        Role: { Properties: { Path: { "Fn::Sub": "/a/" }, Max: "3600", Name: "J?rgen" }, Type: "AWS::IAM::Role" },
      },
    });
    expect(diff(yaml, json)).toEqual([]);
  });

  test("differ by places", () => {
    const from =
      "Resources: { Role: { Type: AWS::IAM::Role, Properties: { Max: 1, Arns: [a, !Ref B] } }, Old: { Type: T } }";
    const to =
      "Resources: { Role: { Type: AWS::IAM::Role, Properties: { Max: 2, Arns: [a, !Ref C] } } }\nOutputs: { X: { Value: !GetAtt Role.Arn } }";
    expect(diff(from, to)).toEqual([
      "Resources.Role.Properties.Max: 1 → 2",
      'Resources.Role.Properties.Arns: + {"Ref":"C"}, - {"Ref":"B"}',
      "Resources.Old: T → none",
      'Outputs.X: none → {"Value":{"Fn::GetAtt":["Role","Arn"]}}',
    ]);
  });

  test("that differ in much are told shortly", () => {
    const many = (value: number): string =>
      `Resources: { A: { ${Array.from({ length: 20 }, (_, index) => `P${index}: ${value}`).join(", ")} } }`;
    const found = diff(many(1), many(2));
    expect([found.length, found.at(-1)]).toEqual([13, "template: none → 8 more differences"]);
    expect(diff("Resources: { A: x }", `Resources: { A: ${"y".repeat(100)} }`)).toEqual([
      `Resources.A: x → ${"y".repeat(59)}…`,
    ]);
  });
});
