import { type Action, authorize, authorizeStack, page, stackOf } from "#sandbox/aws/cloudformation/api/action.ts";
import { findChangeSet } from "#sandbox/aws/cloudformation/api/change-set-format.ts";
import {
  formatEvent,
  formatOperationEvent,
  formatResource,
  formatStack,
  formatSummary,
} from "#sandbox/aws/cloudformation/api/stack-format.ts";
import { exportsOf, importersOf } from "#sandbox/aws/cloudformation/engine/exports.ts";
import { stacksOf } from "#sandbox/aws/cloudformation/engine/stacks.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { textAt, textsAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";

const missing = (name: string) => invalid(`Stack [${name}] does not exist`);

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
  inputs: ["StackStatusFilter", "NextToken"],
  handle(request) {
    const { cloud, account, region, input } = request;
    authorize(request, "*");
    const wanted = textsAt(input, "StackStatusFilter");
    const { stacks } = stacksOf(cloud, account, region);
    const found = stacks.filter(({ status }) => wanted.length === 0 || wanted.includes(status)).toReversed();
    const { items, next } = page(found, tryTextAt(input, "NextToken"));
    return { StackSummaries: items.map(formatSummary), NextToken: next };
  },
};

export const describeStackEvents: Action = {
  inputs: ["StackName", "NextToken"],
  handle(request) {
    const stack = stackOf(request, missing);
    const events = stack.events.filter(({ validation }) => validation === undefined).toReversed();
    const { items, next } = page(events, tryTextAt(request.input, "NextToken"));
    return { StackEvents: items.map((event) => formatEvent(stack, event)), NextToken: next };
  },
};

export const describeEvents: Action = {
  inputs: ["StackName", "ChangeSetName", "OperationId", "Filters", "NextToken"],
  handle(request) {
    const { cloud, account, region, input } = request;
    const operationId = tryTextAt(input, "OperationId");
    const changeSetName = tryTextAt(input, "ChangeSetName");
    const stackName = tryTextAt(input, "StackName");
    const isFiltered = typeof input === "object" && "Filters" in input;
    const onlyFailed = isFiltered && JSON.stringify(input).includes('"FailedEvents":"true"');
    if (operationId === undefined && changeSetName === undefined && stackName === undefined) {
      throw invalid("One of ChangeSetName, OperationId or StackName must be specified");
    }
    const named = changeSetName === undefined ? undefined : findChangeSet(request);
    const stack =
      named?.stack ??
      (stackName === undefined
        ? stacksOf(cloud, account, region).stacks.find(({ events }) =>
            events.some((one) => one.operationId === operationId),
          )
        : stackOf(request, missing));
    if (stack === undefined) throw invalid(`Operation ${operationId} does not exist`);
    if (stackName === undefined && named === undefined) authorizeStack(request, stack.id);
    const events = stack.events
      .filter(({ validation }) => named === undefined || validation?.changeSetId === named.changeSet.id)
      .filter((event) => operationId === undefined || event.operationId === operationId)
      .filter(({ status }) => !onlyFailed || status.endsWith("FAILED"))
      .toReversed();
    const { items, next } = page(events, tryTextAt(input, "NextToken"));
    return { OperationEvents: items.map((event) => formatOperationEvent(stack, event)), NextToken: next };
  },
};

export const describeStackResources: Action = {
  inputs: ["StackName", "LogicalResourceId", "PhysicalResourceId"],
  handle(request) {
    const { input } = request;
    if (tryTextAt(input, "PhysicalResourceId") !== undefined) {
      throw invalid("This sandbox does not know PhysicalResourceId of DescribeStackResources");
    }
    const stack = stackOf(request);
    const only = tryTextAt(input, "LogicalResourceId");
    const found = stack.resources.filter(({ logicalId }) => only === undefined || logicalId === only);
    return { StackResources: found.map((record) => formatResource(stack, record, "Timestamp")) };
  },
};

export const listStackResources: Action = {
  inputs: ["StackName", "NextToken"],
  handle(request) {
    const stack = stackOf(request);
    const { items, next } = page(stack.resources, tryTextAt(request.input, "NextToken"));
    return {
      StackResourceSummaries: items.map((record) => formatResource(stack, record, "LastUpdatedTimestamp")),
      NextToken: next,
    };
  },
};

export const describeStackResource: Action = {
  inputs: ["StackName", "LogicalResourceId"],
  handle(request) {
    const stack = stackOf(request, (name) => invalid(`Stack '${name}' does not exist`));
    const name = textAt(request.input, "LogicalResourceId");
    const record = stack.resources.find(({ logicalId }) => logicalId === name);
    if (record === undefined) throw invalid(`Resource ${name} does not exist for stack ${stack.name}`);
    const detail = formatResource(stack, record, "LastUpdatedTimestamp");
    const metadata = JSON.stringify(record.made?.metadata ?? {});
    return { StackResourceDetail: { ...(detail as object), Metadata: metadata } };
  },
};

export const listExports: Action = {
  inputs: ["NextToken"],
  handle(request) {
    authorize(request, "*");
    const { items, next } = page(exportsOf(request.cloud, request), tryTextAt(request.input, "NextToken"));
    return {
      Exports: items.map(({ name, value, stack }) => ({ ExportingStackId: stack.id, Name: name, Value: value })),
      NextToken: next,
    };
  },
};

export const listImports: Action = {
  inputs: ["ExportName", "NextToken"],
  handle(request) {
    authorize(request, "*");
    const name = textAt(request.input, "ExportName");
    const importers = importersOf(request.cloud, request, name);
    if (importers.length === 0) throw invalid(`Export '${name}' is not imported by any stack.`);
    const { items, next } = page(importers, tryTextAt(request.input, "NextToken"));
    return { Imports: [...items], NextToken: next };
  },
};
