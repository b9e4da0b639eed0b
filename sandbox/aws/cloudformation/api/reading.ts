import { type Action, authorize, page, stackOf, wordAt } from "#sandbox/aws/cloudformation/api/action.ts";
import { formatEvent, formatResource, formatStack, formatSummary } from "#sandbox/aws/cloudformation/api/format.ts";
import { stacksOf } from "#sandbox/aws/cloudformation/engine/stacks.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { parseTemplate } from "#sandbox/aws/cloudformation/template/template.ts";
import { textAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";

export const describeStacks: Action = {
  inputs: ["StackName", "NextToken"],
  handle(request) {
    const { cloud, account, region, input } = request;
    if (tryTextAt(input, "StackName") !== undefined) return { Stacks: [formatStack(stackOf(request))] };
    authorize(request, "*");
    const { stacks } = stacksOf(cloud, account, region);
    const live = stacks.filter(({ status }) => status !== "DELETE_COMPLETE").toReversed();
    const { items, next } = page(live, tryTextAt(input, "NextToken"));
    return { Stacks: items.map(formatStack), NextToken: next };
  },
};

export const listStacks: Action = {
  inputs: ["NextToken"],
  handle(request) {
    const { cloud, account, region, input } = request;
    authorize(request, "*");
    const { items, next } = page(stacksOf(cloud, account, region).stacks.toReversed(), tryTextAt(input, "NextToken"));
    return { StackSummaries: items.map(formatSummary), NextToken: next };
  },
};

export const describeStackEvents: Action = {
  inputs: ["StackName", "NextToken"],
  handle(request) {
    const stack = stackOf(request, (name) => invalid(`Stack [${name}] does not exist`));
    const events = stack.events.filter(({ validation }) => validation === undefined).toReversed();
    const { items, next } = page(events, tryTextAt(request.input, "NextToken"));
    return { StackEvents: items.map((event) => formatEvent(stack, event)), NextToken: next };
  },
};

export const listStackResources: Action = {
  inputs: ["StackName", "NextToken"],
  handle(request) {
    const stack = stackOf(request);
    const { items, next } = page(stack.resources, tryTextAt(request.input, "NextToken"));
    return { StackResourceSummaries: items.map((record) => formatResource(record)), NextToken: next };
  },
};

export const getTemplate: Action = {
  inputs: ["StackName", "TemplateStage"],
  handle(request) {
    // Without transforms both stages are one.
    wordAt("TemplateStage", tryTextAt(request.input, "TemplateStage"), ["Original", "Processed"]);
    const body = stackOf(request).current?.template;
    if (body === undefined) throw invalid(`Stack ${textAt(request.input, "StackName")} has no template yet`);
    return { TemplateBody: body, StagesAvailable: ["Original", "Processed"] };
  },
};

/** `aws cloudformation deploy` reads from it which parameters keep their values. */
export const getTemplateSummary: Action = {
  inputs: ["StackName"],
  handle(request) {
    const body = stackOf(request).current?.template;
    if (body === undefined) throw invalid(`Stack ${textAt(request.input, "StackName")} has no template yet`);
    const { description, parameters, resources } = parseTemplate(body);
    return {
      Description: description,
      Parameters: [...parameters].map(([ParameterKey, parameter]) => ({
        ParameterKey,
        DefaultValue: parameter.Default,
        ParameterType: parameter.Type,
        NoEcho: false,
        Description: parameter.Description,
      })),
      ResourceTypes: [...new Set([...resources.values()].map(({ type }) => type))],
    };
  },
};
