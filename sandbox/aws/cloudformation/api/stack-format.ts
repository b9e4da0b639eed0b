import type { Deployment, EventRecord, ResourceRecord, StackRecord } from "#sandbox/aws/cloudformation/engine/model.ts";
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
    Outputs: stack.outputs.map(({ key, value, description, exportName }) => ({
      OutputKey: key,
      OutputValue: value,
      Description: description,
      ExportName: exportName,
    })),
    RoleARN: stack.roleArn,
    Tags: (current?.tags ?? []).map((tag) => ({ ...tag })),
    EnableTerminationProtection: stack.terminationProtection,
    DriftInformation: formatDriftSummary(stack),
    RetainExceptOnCreate: stack.retainExceptOnCreate,
    DeletionMode: stack.deletionMode,
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
    LastOperations: stack.operations.slice(0, 2).map(({ id, type }) => ({ OperationType: type, OperationId: id })),
  };
}

export function formatDriftSummary({ drift }: StackRecord): XmlValue {
  return { StackDriftStatus: drift?.status ?? "NOT_CHECKED", LastCheckTimestamp: drift?.checkedAt };
}

function descriptionOf({ current }: StackRecord): string | undefined {
  return current === undefined ? undefined : parseTemplate(current.template).description;
}

/** Values of parameters, those that nobody shall see as stars. */
export function formatParameters({ template, parameters }: Deployment): XmlValue {
  const declared = parseTemplate(template).parameters;
  return Object.entries(parameters).map(([key, value]) => ({
    ParameterKey: key,
    ParameterValue: declared.get(key)?.noEcho === true ? "****" : value,
  }));
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

export function formatOperationEvent(stack: StackRecord, event: EventRecord): XmlValue {
  const common = {
    EventId: event.id,
    StackId: stack.id,
    OperationId: event.operationId,
    OperationType: event.operationType,
    LogicalResourceId: event.logicalId,
    ResourceType: event.type,
    Timestamp: event.at,
  };
  const { validation } = event;
  if (validation !== undefined) {
    return {
      ...common,
      EventType: "VALIDATION_ERROR",
      ValidationFailureMode: "FAIL",
      ValidationName: validation.name,
      ValidationStatus: "FAILED",
      ValidationStatusReason: event.reason,
      ValidationPath: validation.path,
    };
  }
  const isFault = event.status.endsWith("_FAILED") && event.physicalId !== stack.id;
  return {
    ...common,
    EventType: isFault ? "PROVISIONING_ERROR" : "STACK_EVENT",
    PhysicalResourceId: event.physicalId,
    ResourceStatus: event.status,
    ResourceStatusReason: event.reason,
    ResourceProperties: event.properties,
    ClientRequestToken: event.token,
  };
}

/** @param time name of the field with the time: the three actions that tell resources call it differently */
export function formatResource(stack: StackRecord, record: ResourceRecord, time: string): XmlValue {
  return {
    StackName: stack.name,
    StackId: stack.id,
    LogicalResourceId: record.logicalId,
    PhysicalResourceId: record.made?.physicalId,
    ResourceType: record.type,
    [time]: record.changedAt,
    ResourceStatus: record.status,
    ResourceStatusReason: record.reason,
    DriftInformation: {
      StackResourceDriftStatus: record.drift?.status ?? "NOT_CHECKED",
      LastCheckTimestamp: record.drift?.checkedAt,
    },
  };
}
