import { describe, expect, test } from "bun:test";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import { nothingMade, planOf } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { divideCidr } from "#sandbox/aws/cloudformation/template/cidr.ts";
import { parameterValues } from "#sandbox/aws/cloudformation/template/parameters.ts";
import { parseTemplateText } from "#sandbox/aws/cloudformation/template/parse.ts";
import { parseTemplate } from "#sandbox/aws/cloudformation/template/template.ts";
import type { Json } from "#sandbox/json.ts";

const place = { id: "arn:stack", name: "stack", account: "111111111111", region: "us-east-1" };

function plan(template: string | object, parameters: Record<string, string> = {}) {
  const text = typeof template === "string" ? template : JSON.stringify(template);
  return planOf(place, { template: text, parameters, tags: [], capabilities: [] });
}

function refused(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof AwsFault) return error.message;
    throw error;
  }
  return "not refused";
}

const topic = { Type: "AWS::EC2::InternetGateway" };

const parametersOf = (Parameters: Json) =>
  parseTemplate(JSON.stringify({ Resources: { Gateway: topic }, Parameters })).parameters;

/** What a value comes to. */
function value(expression: Json, more: object = {}, parameters: Record<string, string> = {}): string | undefined {
  const outputs = { It: { Value: expression } };
  return plan({ Resources: { Gateway: topic }, Outputs: outputs, ...more }, parameters).outputs(nothingMade)[0]?.value;
}

describe("the size of a template", () => {
  const many = (count: number, one: Json) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`N${at}`, one]));
  const Resources = { Gateway: topic };

  test.each([
    ["outputs", { Outputs: many(201, { Value: "x" }) }, "Number of outputs, 201, is greater than maximum allowed, 200"],
    ["parameters", { Parameters: many(201, { Type: "String" }) }, "Number of parameters, 201,"],
    ["a description", { Description: "é".repeat(513) }, "'Description' length is greater than 1024."],
    ["a parameter's description", { Parameters: { P: { Type: "String", Description: "x".repeat(4_001) } } }, "4000"],
    ["an output's description", { Outputs: { O: { Value: "x", Description: "x".repeat(1_025) } } }, "1024"],
  ])("is limited: %s", (_what, more: object, message) => {
    expect(refused(() => plan({ Resources, ...more }))).toContain(message);
  });

  test("is as large as AWS takes", () => {
    const Outputs = many(200, { Value: "x", Description: "x".repeat(100) });
    expect(refused(() => plan({ Resources, Description: "x".repeat(1_024), Outputs }))).toBe("not refused");
  });

  test("lets a parameter have 4,096 bytes, in whatever script", () => {
    const declared = parametersOf({ P: { Type: "CommaDelimitedList" } });
    const give = (value: string) =>
      refused(() => parameterValues(declared, [{ kind: "value", key: "P", value }], undefined));
    expect(give("x".repeat(4_096))).toBe("not refused");
    expect(give("x".repeat(4_097))).toContain("at most 4096 bytes");
    expect(give("é".repeat(2_049))).toContain("at most 4096 bytes");
  });
});

describe("the text of a template", () => {
  test("may be YAML with short forms, or JSON", () => {
    expect(parseTemplateText(`A: !Sub \${B}\nC: !GetAtt D.E.F\nG: !If [H, !Ref I, 2]`)).toEqual({
      A: { "Fn::Sub": `\${B}` },
      C: { "Fn::GetAtt": ["D", "E.F"] },
      G: { "Fn::If": ["H", { Ref: "I" }, 2] },
    });
    expect(parseTemplateText('{"A": {"Ref": "B"}}')).toEqual({ A: { Ref: "B" } });
  });

  test.each([
    ["A: [", /YAML not well-formed/],
    ["{", /JSON not well-formed/],
    ["- a", /unsupported structure/],
    ["A: &x 1\nB: *x", /aliases are not allowed/],
    ["A: 1\nA: 2", /YAML not well-formed/],
    ["A: !Transform {Name: AWS::Include}", /Fn::Transform is not a function/],
  ])("%p is refused", (text, message) => {
    expect(refused(() => parseTemplateText(text))).toMatch(message);
  });

  test("has 51,200 bytes at most", () => {
    expect(refused(() => parseTemplateText(`A: ${"x".repeat(51_200)}`))).toEndWith(
      "Member must have length less than or equal to 51200",
    );
  });
});

describe("a template", () => {
  test("is read once, however often its stack is looked at", () => {
    const text = JSON.stringify({ Resources: { One: { Type: "AWS::Logs::LogGroup" } } });
    expect(parseTemplate(text)).toBe(parseTemplate(text));
    expect(() => parseTemplate("{")).toThrow();
    expect(() => parseTemplate("{")).toThrow();
  });

  test.each([
    [{}, "Template format error: At least one Resources member must be defined."],
    [{ Resources: { A: topic }, Foo: 1 }, "This sandbox does not know the template section(s) [Foo]"],
    [
      { Resources: { A: { Type: "AWS::S3::Bucket" } } },
      "Template format error: Unrecognized resource types: [AWS::S3::Bucket]",
    ],
    [
      { Resources: { A: { ...topic, DependsOn: "B" } } },
      "Template format error: Unresolved resource dependencies [B] in the Resources block of the template",
    ],
    [
      { Resources: { A: topic }, Outputs: { O: { Value: { Ref: "B" } } } },
      "Template format error: Unresolved resource dependencies [B] in the Outputs block of the template",
    ],
    [
      { Resources: { A: topic }, Outputs: { O: { Value: { "Fn::GetAtt": ["B", "Arn"] } } } },
      "Template error: instance of Fn::GetAtt references undefined resource B",
    ],
    [
      { Resources: { A: topic }, Outputs: { O: { Value: { "Fn::GetAtt": ["A", "Arn"] } } } },
      "Template error: resource A does not support attribute type Arn in Fn::GetAtt",
    ],
    [
      {
        Resources: {
          A: { ...topic, DependsOn: "B" },
          B: { ...topic, DependsOn: "A" },
          C: { ...topic, DependsOn: "A" },
        },
      },
      "Circular dependency between resources: [A, B]",
    ],
    [
      { Resources: { A: { ...topic, Condition: "No" } } },
      "Template format error: Unresolved condition dependency No in the Resources block of the template",
    ],
    [
      { Resources: { A: topic }, Conditions: { C: { "Fn::Equals": [{ Ref: "A" }, ""] } } },
      "Template format error: Unresolved dependencies [A]. Cannot reference resources in the Conditions block of the template",
    ],
    [{ Resources: { A: { ...topic, CreationPolicy: {} } } }, "This sandbox does not know CreationPolicy of resource A"],
    [
      { Resources: { A: { Type: "AWS::EC2::VPC", Properties: { Ipv4IpamPoolId: "x", Ipv4NetmaskLength: 16 } } } },
      "Template error: this sandbox does not carry out [Ipv4IpamPoolId, Ipv4NetmaskLength] of AWS::EC2::VPC (resource A)",
    ],
    [
      {
        Resources: {
          A: {
            Type: "AWS::EKS::Cluster",
            Properties: { ResourcesVpcConfig: { ControlPlaneEgressMode: "x" }, ZonalShiftConfig: { Enabled: true } },
          },
        },
      },
      "Template error: this sandbox does not carry out [ResourcesVpcConfig.ControlPlaneEgressMode, ZonalShiftConfig, ZonalShiftConfig.Enabled] of AWS::EKS::Cluster (resource A)",
    ],
    [
      {
        Resources: {
          A: {
            Type: "AWS::EKS::AccessEntry",
            Properties: { AccessPolicies: [{ AccessScope: { Namespaces: ["a"] } }], KubernetesGroups: ["ops"] },
          },
        },
      },
      "Template error: this sandbox does not carry out [AccessPolicies.AccessScope.Namespaces, KubernetesGroups] of AWS::EKS::AccessEntry (resource A)",
    ],
    [{ Resources: { A: topic }, Mappings: {} }, "This sandbox does not know the template section(s) [Mappings]"],
    [
      { Resources: { A: topic }, Outputs: { O: { Value: "x", Export: { Name: "y" } } } },
      "This sandbox does not know Export of output O",
    ],
    [
      { Resources: { A: { ...topic, DeletionPolicy: "Snapshot" } } },
      'This sandbox does not know the DeletionPolicy "Snapshot"',
    ],
    [
      { Resources: { A: topic }, Outputs: { O: { Value: { "Fn::GetAZs": "" } } } },
      "Template format error: The Value field of every Outputs member must evaluate to a String.",
    ],
  ])("%j is refused", (template, message) => {
    expect(refused(() => plan(template))).toBe(message);
  });

  test("leaves out what its conditions don't want, and refuses to lean on it", () => {
    const template = {
      Conditions: { Yes: { "Fn::Equals": ["a", "a"] }, No: { "Fn::Not": [{ Condition: "Yes" }] } },
      Resources: { A: { ...topic, Condition: "No" }, B: { ...topic, DependsOn: "A" } },
    };
    expect([...plan(template).graph.keys()]).toEqual(["B"]);
    const leaning = { ...template, Outputs: { O: { Value: { Ref: "A" } } } };
    expect(refused(() => plan(leaning))).toContain("Unresolved resource dependencies [A] in the Outputs block");
    const careful = { ...template, Outputs: { O: { Value: { "Fn::If": ["No", { Ref: "A" }, "none"] } } } };
    expect(plan(careful).outputs(nothingMade)[0]?.value).toBe("none");
  });

  test("checks properties against the type's schema, and reads texts as what is due", () => {
    const nat = (properties: object, Type = "AWS::EC2::VPC") => {
      const found = plan({ Resources: { A: { Type, Properties: properties } } });
      return found.properties("A", nothingMade);
    };
    expect(nat({ CidrBlock: "10.0.0.0/16", EnableDnsSupport: "true" })).toEqual({
      properties: { CidrBlock: "10.0.0.0/16", EnableDnsSupport: true },
      faults: [],
    });
    expect(nat({ CidrBlock: ["x"], Foo: 1 }).faults).toEqual([
      "#/CidrBlock: expected type: String, found: JSONArray",
      "#: extraneous key [Foo] is not permitted",
    ]);
    expect(nat({ RetentionInDays: "4", Tags: [{ Key: "a" }] }, "AWS::Logs::LogGroup").faults).toEqual([
      "#/RetentionInDays: 4 is not a valid enum value",
      "#/Tags/0: required key [Value] not found",
    ]);
    expect(nat({ CidrBlock: "10.0.0.0/16", VpcId: "vpc-1" }).faults).toEqual([
      "#: extraneous key [VpcId] is not permitted",
    ]);
  });
});

describe("functions", () => {
  test.each<[Json, string]>([
    [{ "Fn::Join": ["-", ["a", { Ref: "AWS::Region" }]] }, "a-us-east-1"],
    [{ "Fn::Sub": `\${AWS::AccountId}:\${!Literal}:\${AWS::Partition}` }, `111111111111:\${Literal}:aws`],
    [{ "Fn::Sub": [`\${A}-\${A}`, { A: { Ref: "AWS::StackName" } }] }, "stack-stack"],
    [{ "Fn::Select": [1, { "Fn::Split": [",", "a,b,c"] }] }, "b"],
    [{ "Fn::Select": ["0", { "Fn::GetAZs": "" }] }, "us-east-1a"],
    [{ "Fn::Select": [2, { "Fn::Cidr": ["10.0.0.0/16", 8, 13] }] }, "10.0.64.0/19"],
    [{ "Fn::Join": [",", ["a", { Ref: "AWS::NoValue" }, "b"]] }, "a,b"],
  ])("%j", (expression, expected) => {
    expect(value(expression)).toBe(expected);
  });

  test.each<[Json, string]>([
    [{ "Fn::Select": [3, ["a"]] }, "Template error: Fn::Select cannot select nonexistent value at index 3"],
    [{ "Fn::FindInMap": ["M", "x", "k"] }, "Fn::FindInMap is not a function that this sandbox knows"],
    [{ "Fn::ImportValue": "shared" }, "Fn::ImportValue is not a function that this sandbox knows"],
    [{ Ref: "AWS::URLSuffix" }, "Unresolved resource dependencies [AWS::URLSuffix]"],
    [{ "Fn::Sub": `\${a-b}` }, "variable names in Fn::Sub syntax"],
    ["{{resolve:ssm:name}}", "this sandbox knows no dynamic references"],
  ])("%j is refused", (expression, message) => {
    expect(refused(() => value(expression))).toContain(message);
  });

  test("give ranges that fit, and no others", () => {
    expect(divideCidr("192.168.0.0/24", 2, 5)).toEqual(["192.168.0.0/27", "192.168.0.32/27"]);
    expect(refused(() => divideCidr("192.168.0.0/24", 9, 5))).toContain("do not fit");
  });

  test("take lists from parameters", () => {
    const list = { Parameters: { L: { Type: "CommaDelimitedList" } } };
    expect(value({ "Fn::Join": ["|", { Ref: "L" }] }, list, { L: "a, b,c" })).toBe("a|b|c");
    expect(value({ "Fn::Join": ["", { Ref: "L" }] }, list, { L: "" })).toBe("");
  });
});

describe("parameters", () => {
  const check = (declaration: Json, text: string) =>
    refused(() =>
      parameterValues(parametersOf({ P: declaration }), [{ kind: "value", key: "P", value: text }], undefined),
    );

  test.each<[Json, string, string]>([
    [{ Type: "Number" }, "x", "Parameter 'P' must be a number"],
    [{ Type: "String", AllowedValues: ["a"] }, "b", "Parameter 'P' must be one of AllowedValues"],
    [{ Type: "String", AllowedPattern: "[a-z]+" }, "a1", "Parameter 'P' must match pattern [a-z]+"],
    [{ Type: "String", MinLength: 2 }, "a", "This sandbox does not know MinLength of parameter P"],
    [{ Type: "Number", MaxValue: 5 }, "6", "Parameter 'P' must be a number not greater than 5"],
    [
      { Type: "AWS::SSM::Parameter::Value<String>" },
      "b",
      "Template format error: Unrecognized parameter type: AWS::SSM::Parameter::Value<String>",
    ],
  ])("%j refuses %p", (declaration, text, message) => {
    expect(check(declaration, text)).toBe(message);
  });

  test("that the template doesn't have are refused", () => {
    const given = [{ kind: "value", key: "Q", value: "" }] as const;
    expect(refused(() => parameterValues(parametersOf({}), given, undefined))).toBe(
      "Parameters: [Q] do not exist in the template",
    );
  });
});
