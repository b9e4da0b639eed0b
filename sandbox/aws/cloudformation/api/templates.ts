import { type Action, authorize, stackOf, wordAt } from "#sandbox/aws/cloudformation/api/action.ts";
import { findChangeSet } from "#sandbox/aws/cloudformation/api/change-set-format.ts";
import type { Parameter } from "#sandbox/aws/cloudformation/template/parameters.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { checkReferences } from "#sandbox/aws/cloudformation/template/references.ts";
import { parseTemplate, type Template } from "#sandbox/aws/cloudformation/template/template.ts";
import { capabilitiesOf } from "#sandbox/aws/cloudformation/types/capabilities.ts";
import { tryResourceType } from "#sandbox/aws/cloudformation/types/registry.ts";
import { textAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";

export const getTemplate: Action = {
  inputs: ["StackName", "ChangeSetName", "TemplateStage"],
  handle(request) {
    const { input } = request;
    // Without transforms both stages are one.
    wordAt("TemplateStage", tryTextAt(input, "TemplateStage"), ["Original", "Processed"]);
    const body =
      tryTextAt(input, "ChangeSetName") === undefined
        ? stackOf(request).current?.template
        : findChangeSet(request).changeSet.target.template;
    if (body === undefined) throw invalid(`Stack ${textAt(input, "StackName")} has no template yet`);
    return { TemplateBody: body, StagesAvailable: ["Original", "Processed"] };
  },
};

export const validateTemplate: Action = {
  inputs: ["TemplateBody"],
  handle(request) {
    authorize(request, "*");
    const template = parseTemplate(textAt(request.input, "TemplateBody"));
    checkTemplate(template);
    return {
      Parameters: [...template.parameters.values()].map((parameter) => ({
        ParameterKey: parameter.name,
        DefaultValue: parameter.default,
        NoEcho: parameter.noEcho,
        Description: parameter.description,
      })),
      Description: template.description,
      ...formatCapabilities(template),
    };
  },
};

export const getTemplateSummary: Action = {
  inputs: ["TemplateBody", "StackName"],
  handle(request) {
    const body = tryTextAt(request.input, "TemplateBody");
    if (body !== undefined) authorize(request, "*");
    const text = body ?? stackOf(request).current?.template;
    if (text === undefined) throw invalid("The stack has no template yet");
    const template = parseTemplate(text);
    checkTemplate(template);
    return {
      Parameters: [...template.parameters.values()].map(formatParameter),
      Description: template.description,
      ...formatCapabilities(template),
      ResourceTypes: [...new Set([...template.resources.values()].map(({ type }) => type))],
      Version: "2010-09-09",
      Metadata: template.metadata === undefined ? undefined : JSON.stringify(template.metadata),
    };
  },
};

function checkTemplate(template: Template): void {
  const types = [...template.resources.values()].map(({ type }) => type);
  const unknown = types.filter((type) => tryResourceType(type) === undefined);
  if (unknown.length > 0) {
    throw invalid(`Template format error: Unrecognized resource types: [${[...new Set(unknown)].join(", ")}]`);
  }
  // Whether types have the attributes that are asked for is looked at when the template is used, as AWS does.
  checkReferences(template, () => true);
}

function formatCapabilities(template: Template): { readonly [key: string]: XmlValue } {
  const { capabilities, reason } = capabilitiesOf(template);
  return { Capabilities: [...capabilities], CapabilitiesReason: reason, DeclaredTransforms: [] };
}

function formatParameter(parameter: Parameter): XmlValue {
  const { allowedValues, allowedPattern } = parameter;
  return {
    ParameterKey: parameter.name,
    DefaultValue: parameter.default,
    ParameterType: parameter.type,
    NoEcho: parameter.noEcho,
    Description: parameter.description,
    ParameterConstraints: {
      AllowedValues: allowedValues === undefined ? undefined : [...allowedValues],
      AllowedPattern: allowedPattern,
    },
  };
}
