import { githubIssuer } from "#sandbox/cloud/github.ts";
import type { Json } from "#sandbox/gcp/api/behaviour.ts";
import { invalidArgument } from "#sandbox/gcp/api/faults.ts";
import { CelError, type Expression, parseCel } from "#sandbox/gcp/oauth/cel.ts";
import { objectAt, stringAt, stringsAt } from "#sandbox/json.ts";

const [maxMappings, maxMappingLength, maxConditionLength] = [50, 2_048, 4_096] as const;
const targetForm = /^(google\.(subject|groups)|attribute\.[a-z0-9_]{1,100})$/;

/** Checks what a provider of OpenID Connect says about tokens. @throws GcpFault 400 */
export function checkProvider(fields: Json): void {
  if (!/^https:\/\/[^\s?#]+$/.test(stringAt(fields, "oidc", "issuerUri"))) {
    throw invalidArgument("The issuer URI of the OIDC provider has to be an https URL.");
  }
  if (stringAt(fields, "oidc", "jwksJson") !== "") throw invalidArgument("the sandbox does not know keys in providers");
  const mapping = stringsAt(fields, "attributeMapping");
  checkMapping(mapping);
  checkCondition(fields, mapping);
}

function checkMapping(mapping: Readonly<Record<string, string>>): void {
  const targets = Object.entries(mapping);
  if (mapping["google.subject"] === undefined) throw invalidArgument("The attribute mapping must map google.subject.");
  if (targets.length > maxMappings) throw invalidArgument(`The attribute mapping has at most ${maxMappings} entries.`);
  for (const [target, expression] of targets) {
    if (!targetForm.test(target)) throw invalidArgument(`Invalid attribute mapping: "${target}" is not an attribute.`);
    if (expression.length > maxMappingLength) {
      throw invalidArgument(`The mapping of ${target} has at most ${maxMappingLength} characters.`);
    }
    parse(`attribute mapping of ${target}`, expression, ["assertion"]);
  }
}

function checkCondition(fields: Json, mapping: Readonly<Record<string, string>>): void {
  const condition = stringAt(fields, "attributeCondition");
  if (condition.length > maxConditionLength) {
    throw invalidArgument(`The attribute condition has at most ${maxConditionLength} characters.`);
  }
  const names =
    condition === "" ? [] : parse("attribute condition", condition, ["assertion", "attribute", "google"]).names;
  for (const name of names) {
    if (name.startsWith("assertion.") || Object.hasOwn(mapping, name)) continue;
    throw invalidArgument(`Invalid attribute condition: ${name} is not in the attribute mapping.`);
  }
  // GitHub has one issuer for all of its customers.
  const isShared = stringAt(objectAt(fields, "oidc"), "issuerUri") === `https://${githubIssuer}`;
  if (isShared && names.length === 0) {
    throw invalidArgument(
      "The attribute condition must reference one of the provider's claims. For more information, see https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines#conditions",
    );
  }
}

function parse(what: string, text: string, roots: readonly string[]): Expression {
  try {
    return parseCel(text, roots);
  } catch (error) {
    if (error instanceof CelError) throw invalidArgument(`Invalid ${what}: ${error.message}`);
    throw error;
  }
}
