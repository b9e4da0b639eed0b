import type { Parameter } from "@aws-sdk/client-cloudformation";
import type { ParameterValue, ParameterValues } from "#lib/aws/cloudformation/model.ts";
import type { Template } from "#lib/aws/cloudformation/template.ts";
import { FleetError } from "#lib/errors.ts";
import type { Change, ChangeValue } from "#lib/graph/resource.ts";

/** The existing stack; undefined for a new one. */
type Present = Readonly<Record<string, string>> | undefined;

/** Returned by CloudFormation instead of a NoEcho value. */
const masked = "****";

/**
 * Parameters for a change set. Omitted ones get the template's default, on an update too.
 *
 * @throws FleetError TemplateInvalid if the template and the parameters don't match
 */
export function formatParameters(template: Template, given: ParameterValues, present: Present): readonly Parameter[] {
  requireFit(template, given);
  return Object.entries(given).map(([name, value]) => {
    return isKept(value, name, given, present)
      ? { ParameterKey: name, UsePreviousValue: true }
      : { ParameterKey: name, ParameterValue: textOf(value) };
  });
}

function requireFit({ path, parameters }: Template, given: ParameterValues): void {
  const unknown = Object.keys(given).filter((name) => parameters[name] === undefined);
  const missing = Object.entries(parameters).filter(
    ([name, parameter]) => parameter.default === undefined && given[name] === undefined,
  );
  if (unknown.length === 0 && missing.length === 0) return;
  const faults = [
    ...unknown.map((name) => `it has no parameter ${name}`),
    ...missing.map(([name]) => `no value for its parameter ${name}`),
  ];
  throw new FleetError("TemplateInvalid", `${path}: ${faults.join(", ")}`, {
    hint: `git diff ${path} shows what was changed in it`,
  });
}

/** Secrets are not compared: CloudFormation doesn't return them. */
export function diffParameters(
  { parameters }: Template,
  given: ParameterValues,
  present: Readonly<Record<string, string>>,
  effectOf: (parameter: string, from: string, to: string) => Change["effect"] = () => "in-place",
): readonly Change[] {
  return Object.entries(parameters).flatMap(([name, { default: fallback, isSecret, isList }]) => {
    const from = present[name];
    const value = given[name];
    const to = isKept(value, name, given, present) ? (from ?? "") : (textOf(value) ?? fallback ?? "");
    if (from === to || (isSecret && from !== undefined)) return [];
    const show = (value: string | undefined): ChangeValue => {
      if (isSecret && value !== undefined) return masked;
      return isList ? elementsOf(value) : (value ?? "none");
    };
    const effect = from === undefined ? "in-place" : effectOf(name, from, to);
    return [{ field: `parameters.${name}`, from: show(from), to: show(to), effect }];
  });
}

function elementsOf(value = ""): readonly string[] {
  return value.split(",").filter((element) => element !== "");
}

/** Whether the stack keeps its current value. */
function isKept(value: ParameterValue | undefined, name: string, given: ParameterValues, present: Present): boolean {
  if (typeof value !== "object" || present?.[name] === undefined) return false;
  return value.with === undefined || textOf(given[value.with]) === present[value.with];
}

function textOf(value: ParameterValue): string;
function textOf(value: ParameterValue | undefined): string | undefined;
function textOf(value: ParameterValue | undefined): string | undefined {
  return typeof value === "object" ? value.fallback : value;
}
