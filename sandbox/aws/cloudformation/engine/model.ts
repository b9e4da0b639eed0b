import type { Caller } from "#sandbox/aws/cloud.ts";
import type { DeletionPolicy } from "#sandbox/aws/cloudformation/template/template.ts";
import type { Tag } from "#sandbox/aws/cloudformation/types/type.ts";
import type { JsonObject } from "#sandbox/json.ts";

/** All that an account has in a region. */
export interface StacksState {
  /** Newest last; deleted ones stay readable by their ids. */
  stacks: StackRecord[];
}

export type StackStatus =
  | "REVIEW_IN_PROGRESS"
  | `${"CREATE" | "ROLLBACK" | "DELETE"}_${"IN_PROGRESS" | "FAILED" | "COMPLETE"}`
  | `UPDATE_${"IN_PROGRESS" | "COMPLETE_CLEANUP_IN_PROGRESS" | "COMPLETE" | "FAILED"}`
  | `UPDATE_ROLLBACK_${"IN_PROGRESS" | "FAILED" | "COMPLETE_CLEANUP_IN_PROGRESS" | "COMPLETE"}`;

/** What a stack is made of, or shall be. */
export interface Deployment {
  readonly template: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: readonly Tag[];
  readonly capabilities: readonly string[];
}

export interface StackRecord {
  readonly id: string;
  readonly name: string;
  readonly account: string;
  readonly region: string;
  status: StackStatus;
  statusReason?: string;
  readonly createdAt: string;
  updatedAt?: string;
  deletedAt?: string;
  /** Used for all operations from the one on that named it. */
  roleArn?: string;
  /** Undefined until something has been deployed. */
  current?: Deployment;
  /** The last one that was deployed as a whole: where a rollback leads. */
  stable?: Deployment;
  terminationProtection: boolean;
  disableRollback: boolean;
  changeSetId?: string;
  outputs: OutputRecord[];
  resources: ResourceRecord[];
  /** Oldest first. */
  events: EventRecord[];
  changeSets: ChangeSetRecord[];
  operation?: Operation;
  /** Newest first. */
  operations: { readonly id: string; readonly type: OperationType }[];
  drift?: { readonly status: "DRIFTED" | "IN_SYNC"; readonly checkedAt: string };
  detections: DriftDetection[];
}

export type OperationType =
  | "CREATE_STACK"
  | "UPDATE_STACK"
  | "DELETE_STACK"
  | "CONTINUE_ROLLBACK"
  | "ROLLBACK"
  | "CREATE_CHANGESET";

/** What is being done to a stack. It is enough to go on after a restart, together with the stack's status. */
export interface Operation {
  readonly id: string;
  readonly type: OperationType;
  readonly token?: string;
  /** Who asked, and in whose name things are done when the stack has no role. */
  readonly caller: Caller;
  readonly target?: Deployment;
  readonly onFailure: "ROLLBACK" | "DO_NOTHING";
  /** Logical ids that a continued rollback passes over. */
  readonly skip: readonly string[];
  /** Physical resources that must go when the stack itself is done. */
  cleanup?: Leftover[];
}

export interface OutputRecord {
  readonly key: string;
  readonly value: string;
  readonly description?: string;
}

type Phase = "CREATE" | "UPDATE" | "DELETE";
export type ResourceStatus = `${Phase}_${"IN_PROGRESS" | "COMPLETE" | "FAILED"}` | "DELETE_SKIPPED";

/** What was made, and by which declaration. */
export interface Made {
  readonly type: string;
  readonly physicalId: string;
  readonly properties: JsonObject;
  readonly tags: readonly Tag[];
  readonly needs: readonly string[];
  readonly deletionPolicy: DeletionPolicy;
  readonly updateReplacePolicy: DeletionPolicy;
  readonly metadata?: JsonObject;
}

export interface ResourceRecord {
  readonly logicalId: string;
  type: string;
  status: ResourceStatus;
  reason?: string;
  changedAt: string;
  /** Undefined while nothing has been made. */
  made?: Made;
  /** As it was when the stack was last stable; `null` when it was not there. Undefined while it is untouched since. */
  before?: Made | null;
  /** Skipped by a continued rollback, so that nobody knows what it is like. */
  skipped?: boolean;
  drift?: ResourceDrift;
}

export interface Leftover extends Made {
  readonly logicalId: string;
}

export interface PropertyDifference {
  readonly path: string;
  readonly type: "ADD" | "REMOVE" | "NOT_EQUAL";
  readonly expected: string;
  readonly actual: string;
}

export interface ResourceDrift {
  readonly status: "IN_SYNC" | "MODIFIED" | "DELETED" | "NOT_CHECKED" | "UNKNOWN";
  readonly checkedAt: string;
  /** Why it is unknown. */
  readonly reason?: string;
  readonly expected?: JsonObject;
  readonly actual?: JsonObject;
  readonly differences: readonly PropertyDifference[];
}

export interface DriftDetection {
  readonly id: string;
  /** Who asked: things are looked at with his rights, not with those of the stack's role. */
  readonly caller: Caller;
  readonly startedAt: string;
  status: "DETECTION_IN_PROGRESS" | "DETECTION_COMPLETE" | "DETECTION_FAILED";
  reason?: string;
  drifted?: number;
}

export interface EventRecord {
  readonly id: string;
  readonly at: string;
  readonly operationId: string;
  readonly operationType: OperationType;
  readonly token?: string;
  readonly logicalId: string;
  readonly physicalId: string;
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly properties?: string;
  readonly validation?: ValidationRecord;
}

/** A finding of the early validation of a change set. */
export interface ValidationRecord {
  readonly changeSetId: string;
  readonly name: "PROPERTY_VALIDATION" | "NAME_CONFLICT_VALIDATION";
  readonly path: string;
}

export interface ChangeSetRecord {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly createdAt: string;
  readonly target: Deployment;
  readonly roleArn?: string;
  readonly token?: string;
  readonly onStackFailure?: "ROLLBACK" | "DO_NOTHING";
  status: "CREATE_PENDING" | "CREATE_IN_PROGRESS" | "CREATE_COMPLETE" | "FAILED";
  executionStatus:
    | "UNAVAILABLE"
    | "AVAILABLE"
    | "EXECUTE_IN_PROGRESS"
    | "EXECUTE_COMPLETE"
    | "EXECUTE_FAILED"
    | "OBSOLETE";
  statusReason?: string;
  changes: ResourceChange[];
}

export interface ResourceChange {
  readonly action: "Add" | "Modify" | "Remove";
  readonly logicalId: string;
  readonly physicalId?: string;
  readonly type: string;
  readonly replacement?: "True" | "False" | "Conditional";
  readonly policyAction?: "Delete" | "Retain" | "ReplaceAndDelete" | "ReplaceAndRetain";
  readonly scope: readonly ("Properties" | "Metadata" | "Tags" | "DeletionPolicy" | "UpdateReplacePolicy")[];
  readonly details: readonly ChangeDetail[];
}

export interface ChangeDetail {
  readonly attribute: ResourceChange["scope"][number];
  readonly name?: string;
  readonly recreation: "Never" | "Always" | "Conditionally";
  readonly evaluation: "Static" | "Dynamic";
  readonly source: "DirectModification" | "ParameterReference" | "ResourceReference" | "ResourceAttribute";
  readonly cause?: string;
}

export function isInProgress(status: StackStatus): boolean {
  return status.endsWith("_IN_PROGRESS") && status !== "REVIEW_IN_PROGRESS";
}

/** What a resource shall be: all of `Made` but the id that making it will give. */
export type Wanted = Omit<Made, "physicalId">;
