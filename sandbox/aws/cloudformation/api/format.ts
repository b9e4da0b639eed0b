import type {
  ChangeSetRecord,
  Deployment,
  EventRecord,
  ResourceChange,
  ResourceRecord,
  StackRecord,
} from "#sandbox/aws/cloudformation/engine/model.ts";
import { parseTemplate } from "#sandbox/aws/cloudformation/template/template.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";

export function formatStack(stack: StackRecord): XmlValue {
  const { current } = stack;
  return {
    StackId: stack.id,
    StackName: stack.name,
    ChangeSetId: stack.changeSetId,
    Description: descriptionOf(stack),
    Parameters: current === undefined ? [] : formatParameters(current),
    CreationTime: stack.createdAt,
    DeletionTime: stack.deletedAt,
    LastUpdatedTime: stack.updatedAt,
    RollbackConfiguration: {},
    StackStatus: stack.status,
    StackStatusReason: stack.statusReason,
    DisableRollback: stack.disableRollback,
    NotificationARNs: [],
    Capabilities: [...(current?.capabilities ?? [])],
    Outputs: stack.outputs.map(({ key, value, description }) => ({
      OutputKey: key,
      OutputValue: value,
      Description: description,
    })),
    RoleARN: stack.roleArn,
    Tags: (current?.tags ?? []).map((tag) => ({ ...tag })),
    EnableTerminationProtection: stack.terminationProtection,
    DriftInformation: formatDriftSummary(stack),
    LastOperations: stack.operations.slice(0, 2).map(({ id, type }) => ({ OperationType: type, OperationId: id })),
  };
}

export function formatSummary(stack: StackRecord): XmlValue {
  return {
    StackId: stack.id,
    StackName: stack.name,
    TemplateDescription: descriptionOf(stack),
    CreationTime: stack.createdAt,
    LastUpdatedTime: stack.updatedAt,
    DeletionTime: stack.deletedAt,
    StackStatus: stack.status,
    StackStatusReason: stack.statusReason,
    DriftInformation: formatDriftSummary(stack),
  };
}

function formatDriftSummary({ drift }: StackRecord): XmlValue {
  return { StackDriftStatus: drift?.status ?? "NOT_CHECKED", LastCheckTimestamp: drift?.checkedAt };
}

function descriptionOf({ current }: StackRecord): string | undefined {
  return current === undefined ? undefined : parseTemplate(current.template).description;
}

function formatParameters({ parameters }: Deployment): XmlValue {
  return Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue }));
}

export function formatEvent(stack: StackRecord, event: EventRecord): XmlValue {
  return {
    StackId: stack.id,
    EventId: event.id,
    StackName: stack.name,
    OperationId: event.operationId,
    LogicalResourceId: event.logicalId,
    PhysicalResourceId: event.physicalId,
    ResourceType: event.type,
    Timestamp: event.at,
    ResourceStatus: event.status,
    ResourceStatusReason: event.reason,
    ResourceProperties: event.properties,
    ClientRequestToken: event.token,
  };
}

export function formatResource(record: ResourceRecord): XmlValue {
  return {
    LogicalResourceId: record.logicalId,
    PhysicalResourceId: record.made?.physicalId,
    ResourceType: record.type,
    LastUpdatedTimestamp: record.changedAt,
    ResourceStatus: record.status,
    ResourceStatusReason: record.reason,
    DriftInformation: {
      StackResourceDriftStatus: record.drift?.status ?? "NOT_CHECKED",
      LastCheckTimestamp: record.drift?.checkedAt,
    },
  };
}

export function formatChangeSetSummary(stack: StackRecord, changeSet: ChangeSetRecord): { [key: string]: XmlValue } {
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

export function formatChangeSet(stack: StackRecord, changeSet: ChangeSetRecord, next: string | undefined): XmlValue {
  return {
    ...formatChangeSetSummary(stack, changeSet),
    Parameters: formatParameters(changeSet.target),
    NotificationARNs: [],
    RollbackConfiguration: {},
    Capabilities: [...changeSet.target.capabilities],
    Tags: changeSet.target.tags.map((tag) => ({ ...tag })),
    Changes: changeSet.changes.map(formatChange),
    NextToken: next,
    OnStackFailure: changeSet.onStackFailure,
  };
}

function formatChange(change: ResourceChange): XmlValue {
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
      Details: change.details.map((detail) => ({
        Target: { Attribute: detail.attribute, Name: detail.name, RequiresRecreation: detail.recreation },
        Evaluation: detail.evaluation,
        ChangeSource: detail.source,
        CausingEntity: detail.cause,
      })),
    },
  };
}

/** A finding of the early validation of a change set. */
export function formatValidation(stack: StackRecord, event: EventRecord): XmlValue {
  return {
    EventId: event.id,
    StackId: stack.id,
    OperationId: event.operationId,
    OperationType: event.operationType,
    LogicalResourceId: event.logicalId,
    ResourceType: event.type,
    Timestamp: event.at,
    EventType: "VALIDATION_ERROR",
    ValidationFailureMode: "FAIL",
    ValidationName: event.validation?.name,
    ValidationStatus: "FAILED",
    ValidationStatusReason: event.reason,
    ValidationPath: event.validation?.path,
  };
}
