import type { StackStatus as StatusName } from "@aws-sdk/client-cloudformation";
import { FleetError } from "#lib/errors.ts";

export type { StatusName };

/**
 * Meaning of a stack's status. Names are compared in full, never by parts:
 * `UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS` contains `ROLLBACK_COMPLETE` but has another meaning.
 *
 * - `gone`: there is no stack, or only a change set that was never executed
 * - `stable`: it can be updated
 * - `in progress`: CloudFormation is at work; nothing else may be started
 * - `delete`: only a deletion is possible, or helps
 * - `continue rollback`: an update and its rollback failed
 * - `roll back`: an update failed, and rollback was disabled
 * - `operator`: a person has to decide
 */
type Meaning = "gone" | "stable" | "in progress" | "delete" | "continue rollback" | "roll back" | "operator";

/** All 23 of them: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html */
const meanings: Readonly<Record<StatusName, Meaning>> = {
  CREATE_IN_PROGRESS: "in progress",
  CREATE_COMPLETE: "stable",
  CREATE_FAILED: "delete",
  ROLLBACK_IN_PROGRESS: "in progress",
  ROLLBACK_COMPLETE: "delete",
  ROLLBACK_FAILED: "delete",
  DELETE_IN_PROGRESS: "in progress",
  DELETE_COMPLETE: "gone",
  DELETE_FAILED: "delete",
  REVIEW_IN_PROGRESS: "gone",
  UPDATE_IN_PROGRESS: "in progress",
  UPDATE_COMPLETE_CLEANUP_IN_PROGRESS: "in progress",
  UPDATE_COMPLETE: "stable",
  UPDATE_FAILED: "roll back",
  UPDATE_ROLLBACK_IN_PROGRESS: "in progress",
  UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS: "in progress",
  UPDATE_ROLLBACK_COMPLETE: "stable",
  UPDATE_ROLLBACK_FAILED: "continue rollback",
  IMPORT_IN_PROGRESS: "in progress",
  IMPORT_COMPLETE: "stable",
  IMPORT_ROLLBACK_IN_PROGRESS: "in progress",
  IMPORT_ROLLBACK_COMPLETE: "stable",
  IMPORT_ROLLBACK_FAILED: "operator",
};

/** Statuses reached through a failure, even if the stack is stable. */
const failures: ReadonlySet<StatusName> = new Set([
  "CREATE_FAILED",
  "ROLLBACK_COMPLETE",
  "ROLLBACK_FAILED",
  "DELETE_FAILED",
  "UPDATE_FAILED",
  "UPDATE_ROLLBACK_COMPLETE",
  "UPDATE_ROLLBACK_FAILED",
  "IMPORT_ROLLBACK_COMPLETE",
  "IMPORT_ROLLBACK_FAILED",
]);

/** The status of a stack; the only code that compares names. */
export interface StackStatus {
  readonly name: StatusName;
  readonly isGone: boolean;
  /** Can be updated; has the result of the last successful operation. */
  readonly isStable: boolean;
  readonly isInProgress: boolean;
  readonly needsDelete: boolean;
  readonly needsContinueRollback: boolean;
  readonly needsRollback: boolean;
  readonly needsOperator: boolean;
  /** The last operation failed. */
  readonly hasFailed: boolean;
}

/** @throws FleetError AwsFailed for an unknown status */
export function stackStatus(name: string | undefined): StackStatus {
  if (!isStatusName(name)) {
    throw new FleetError("AwsFailed", `CloudFormation reports a state of stacks that is not known here: ${name}`, {
      hint: "a newer version of this project may know it",
    });
  }
  const meaning = meanings[name];
  return {
    name,
    isGone: meaning === "gone",
    isStable: meaning === "stable",
    isInProgress: meaning === "in progress",
    needsDelete: meaning === "delete",
    needsContinueRollback: meaning === "continue rollback",
    needsRollback: meaning === "roll back",
    needsOperator: meaning === "operator",
    hasFailed: failures.has(name),
  };
}

function isStatusName(name: string | undefined): name is StatusName {
  return name !== undefined && Object.hasOwn(meanings, name);
}
