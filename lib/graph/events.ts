import type { ErrorReport } from "#lib/error-report.ts";
import type { Change, Health, ResourceId, RowRef } from "#lib/graph/resource.ts";

export type VerbName = "create" | "delete" | "plan" | "status";

/** Changes nothing, and is over in seconds. */
export function isLook(verb: VerbName): boolean {
  return verb === "plan" || verb === "status";
}

/** How a resource ended. The words are those of docs and screens. */
export type Outcome =
  | "made"
  | "updated"
  | "replaced"
  | "adopted"
  | "removed"
  | "unchanged"
  | "kept"
  | "failed"
  | "blocked"
  | "cancelled"
  /** plan only */
  | "to make"
  | "to update"
  | "to replace"
  | "to remove"
  /** plan and status: of a cluster that the fleet no longer names */
  | "orphan"
  /** status only */
  | "healthy"
  | "degraded"
  | "absent";

/** A resource as events name it. */
export interface Subject {
  readonly id: ResourceId;
  readonly title: string;
  readonly label: string;
  readonly row: RowRef;
  /** Resources of one lane share a number of places. */
  readonly lane: string;
}

/** A row of the view: a cluster or account of the run, known before anything starts. */
export interface Row {
  readonly ref: RowRef;
  /** Second column: the region, or `docker`. */
  readonly place: string;
  readonly resources: readonly ResourceId[];
}

interface EventBase {
  /** ISO 8601 in UTC. */
  readonly at: string;
}

export interface RunStarted extends EventBase {
  readonly kind: "run-started";
  readonly verb: VerbName;
  /** Domain of the fleet. */
  readonly fleet: string;
  readonly sandbox: boolean;
  /** What the sandbox emulates of the selected part; name servers prove delegations in it too. Absent outside of the sandbox. */
  readonly emulated?: { readonly parts: readonly string[]; readonly nameServers: boolean };
  readonly subjects: readonly Subject[];
  readonly rows: readonly Row[];
  /** Clusters that are selected but for which this version makes nothing, with the reason. */
  readonly leftOut: readonly { readonly cluster: string; readonly why: string }[];
}

/** It could start, but its lane has no place left. */
export interface Queued extends EventBase {
  readonly kind: "queued";
  readonly id: ResourceId;
  /** Number of places. */
  readonly atOnce: number;
  /** Names of the clusters and accounts that have the places at this moment. */
  readonly behind: readonly string[];
}

export interface Started extends EventBase {
  readonly kind: "started";
  readonly id: ResourceId;
}

/** What is being waited for or done, replaced by the next one. */
export interface Progress extends EventBase {
  readonly kind: "progress";
  readonly id: ResourceId;
  readonly message: string;
}

/** A line that a program printed: goes to the log of the run and the plain log, not to the tree. */
export interface Output extends EventBase {
  readonly kind: "output";
  readonly id: ResourceId;
  readonly line: string;
}

export interface Finished extends EventBase {
  readonly kind: "finished";
  readonly id: ResourceId;
  readonly outcome: Outcome;
  readonly durationMs: number;
  readonly changes: readonly Change[];
  /** Why it was kept, what it was blocked by, what is known only later. */
  readonly note?: string;
  readonly error?: ErrorReport;
  readonly health?: Health;
  /** For `cancelled`: what a cloud goes on with, e.g. `CloudFormation goes on creating it`. */
  readonly goesOn?: string;
  /** plan only: the option without which `create` refuses to do this. */
  readonly requires?: string;
  /** For `blocked`: the resource whose failure is the cause. */
  readonly cause?: ResourceId;
}

/** Something that concerns the whole run: parallelism lowered, an interrupt received. */
export interface Notice extends EventBase {
  readonly kind: "notice";
  readonly level: "info" | "warning";
  readonly message: string;
  readonly hint?: string;
}

export interface RunFinished extends EventBase {
  readonly kind: "run-finished";
  readonly exitCode: number;
  readonly durationMs: number;
  /** Length of the longest chain of needs, in ms: what more parallelism can't shorten. */
  readonly criticalPathMs: number;
  readonly totals: Readonly<Partial<Record<Outcome, number>>>;
  /** Folder with the journal and one log per row. */
  readonly logs: string;
  /** Commands worth typing next. */
  readonly next: readonly string[];
}

export type FleetEvent = RunStarted | Queued | Started | Progress | Output | Finished | Notice | RunFinished;

/** A reader of events: a view, the journal, a test. `close` is awaited before the process ends. */
export interface EventReader {
  receive(event: FleetEvent): void;
  close(): Promise<void>;
}
