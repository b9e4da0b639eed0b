import { AwsFault } from "#sandbox/aws/cloud.ts";
import { authorizeStack, type Request, stackArn } from "#sandbox/aws/cloudformation/api/action.ts";
import { formatParameters } from "#sandbox/aws/cloudformation/api/stack-format.ts";
import type {
  ChangeDetail,
  ChangeSetRecord,
  ResourceChange,
  StackRecord,
} from "#sandbox/aws/cloudformation/engine/model.ts";
import { stacksOf, tryFindStack } from "#sandbox/aws/cloudformation/engine/stacks.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { textAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";
import type { Json } from "#sandbox/json.ts";

/** By the change set's ARN, or by its name and its stack. @throws AwsFault ChangeSetNotFound, ValidationError */
export function findChangeSet(request: Request): { readonly stack: StackRecord; readonly changeSet: ChangeSetRecord } {
  const { cloud, account, region, input } = request;
  const name = textAt(input, "ChangeSetName");
  const stackName = tryTextAt(input, "StackName");
  if (stackName === undefined && !name.startsWith("arn:")) {
    throw invalid("StackName must be specified if ChangeSetName is not specified as an ARN.");
  }
  const holder =
    stackName === undefined
      ? stacksOf(cloud, account, region).stacks.find(({ changeSets }) => changeSets.some(({ id }) => id === name))
      : tryFindStack(cloud, account, region, stackName);
  // Decided on the stack where the caller names it, on the change set where it names nothing else.
  authorizeStack(request, stackName === undefined ? name : stackArn(request, stackName), {
    "cloudformation:ChangeSetName": name,
  });
  if (stackName !== undefined && holder === undefined) throw invalid(`Stack [${stackName}] does not exist`);
  const changeSet = holder?.changeSets.find((one) => one.id === name || one.name === name);
  if (holder === undefined || changeSet === undefined) {
    throw new AwsFault("ChangeSetNotFound", `ChangeSet [${name}] does not exist`, 404);
  }
  return { stack: holder, changeSet };
}

export function formatSummary(stack: StackRecord, changeSet: ChangeSetRecord): XmlValue {
  return {
    StackId: stack.id,
    StackName: stack.name,
    ChangeSetId: changeSet.id,
    ChangeSetName: changeSet.name,
    ExecutionStatus: changeSet.executionStatus,
    Status: changeSet.status,
    StatusReason: changeSet.statusReason,
    CreationTime: changeSet.createdAt,
    Description: changeSet.description,
    IncludeNestedStacks: false,
    ImportExistingResources: false,
  };
}

export function formatChangeSet(
  stack: StackRecord,
  changeSet: ChangeSetRecord,
  withValues: boolean,
  next: string | undefined,
): XmlValue {
  return {
    ChangeSetName: changeSet.name,
    ChangeSetId: changeSet.id,
    StackId: stack.id,
    StackName: stack.name,
    Description: changeSet.description,
    Parameters: formatParameters(changeSet.target),
    CreationTime: changeSet.createdAt,
    ExecutionStatus: changeSet.executionStatus,
    Status: changeSet.status,
    StatusReason: changeSet.statusReason,
    NotificationARNs: [],
    RollbackConfiguration: {},
    Capabilities: [...changeSet.target.capabilities],
    Tags: changeSet.target.tags.map((tag) => ({ ...tag })),
    Changes: changeSet.changes.map((change) => formatChange(change, withValues)),
    NextToken: next,
    IncludeNestedStacks: false,
    OnStackFailure: changeSet.onStackFailure,
    ImportExistingResources: false,
  };
}

function formatChange(change: ResourceChange, withValues: boolean): XmlValue {
  return {
    Type: "Resource",
    ResourceChange: {
      PolicyAction: change.policyAction,
      Action: change.action,
      LogicalResourceId: change.logicalId,
      PhysicalResourceId: change.physicalId,
      ResourceType: change.type,
      Replacement: change.replacement,
      Scope: [...change.scope],
      Details: change.details.map((detail) => formatDetail(detail, withValues)),
      ...(withValues
        ? {
            BeforeContext: change.before === undefined ? undefined : JSON.stringify(change.before),
            AfterContext: change.after === undefined ? undefined : JSON.stringify(change.after),
          }
        : {}),
    },
  };
}

function formatDetail(detail: ChangeDetail, withValues: boolean): XmlValue {
  const kind = detail.beforeValue === undefined ? "Add" : detail.afterValue === undefined ? "Remove" : "Modify";
  return {
    Target: {
      Attribute: detail.attribute,
      Name: detail.name,
      RequiresRecreation: detail.recreation,
      ...(withValues
        ? {
            Path: detail.path,
            BeforeValue: text(detail.beforeValue),
            AfterValue: text(detail.afterValue),
            AttributeChangeType: kind,
          }
        : {}),
    },
    Evaluation: detail.evaluation,
    ChangeSource: detail.source,
    CausingEntity: detail.cause,
  };
}

function text(value: Json | undefined): string | undefined {
  if (value === undefined) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}
