import { expect, test } from "bun:test";
import { keep } from "#lib/aws/cloudformation/model.ts";
import { diffParameters, formatParameters } from "#lib/aws/cloudformation/parameters.ts";
import { parseTemplate, type Template } from "#lib/aws/cloudformation/template.ts";

const template: Template = {
  path: "t.yml",
  text: "",
  body: parseTemplate("{}", "t.yml"),
  parameters: {
    Name: { default: undefined, isSecret: false, isList: false },
    Size: { default: "2", isSecret: false, isList: false },
    Key: { default: undefined, isSecret: true, isList: false },
  },
};

test("secrets are neither compared nor shown", () => {
  const given = { Name: "n", Key: "swordfish" };
  expect(diffParameters(template, given, { Name: "n", Size: "2", Key: "****" })).toEqual([]);
  expect(diffParameters(template, given, { Name: "n", Size: "2" })).toEqual([
    { field: "parameters.Key", from: "none", to: "****", effect: "in-place" },
  ]);
});

test("a value that is to stay is the fallback's where there is none yet", () => {
  const given = { Name: keep("first"), Key: keep("k") };
  expect(formatParameters(template, given, undefined)).toEqual([
    { ParameterKey: "Name", ParameterValue: "first" },
    { ParameterKey: "Key", ParameterValue: "k" },
  ]);
  expect(formatParameters(template, given, { Name: "other" })).toEqual([
    { ParameterKey: "Name", UsePreviousValue: true },
    { ParameterKey: "Key", ParameterValue: "k" },
  ]);
});
