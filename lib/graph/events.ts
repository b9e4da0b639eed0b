import type { ErrorReport } from "#lib/error-report.ts";
import type { Change, Health, ResourceId, RowRef } from "#lib/graph/resource.ts";

export type VerbName = "create" | "delete" | "plan" | "status";

/** Changes nothing, and takes seconds. */
export function isLook(verb: VerbName): boolean {
  return verb === "plan" || verb === "status";
}

/** How a resource ended. Docs and screens use the same words. */
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
  /** plan and status: of a cluster that is no longer in the fleet */
  | "orphan"
  /** status only */
  | "healthy"
  | "degraded"
  | "absent";

/** The identity of a resource in events. */
export interface Subject {
  readonly id: ResourceId;
  readonly title: string;
  readonly label: string;
  readonly row: RowRef;
  /** Resources of one lane share its slots. */
  readonly lane: string;
}

/** A row of the view: a cluster or account of the run, known before the first resource starts. */
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
  /** What the sandbox emulates of the selection; name servers verify delegations in it too. Absent outside of the sandbox. */
  readonly emulated?: { readonly parts: readonly string[]; readonly nameServers: boolean };
  readonly subjects: readonly Subject[];
  readonly rows: readonly Row[];
  /** Selected clusters that this version can't create, with the reason. */
  readonly leftOut: readonly { readonly cluster: string; readonly why: string }[];
}

/** A resource is ready to start, but its lane has no free slot. */
export interface Queued extends EventBase {
  readonly kind: "queued";
  readonly id: ResourceId;
  /** Number of slots. */
  readonly atOnce: number;
  /** Names of the clusters and accounts that use the slots now. */
  readonly behind: readonly string[];
}

export interface Started extends EventBase {
  readonly kind: "started";
  readonly id: ResourceId;
}

/** The current step or wait; replaces the previous one. */
export interface Progress extends EventBase {
  readonly kind: "progress";
  readonly id: ResourceId;
  readonly message: string;
}

/** A line of a program's output: goes to the run's log and the plain log, not to the tree. */
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
  /** Why it was kept, what blocks it, or what is known only later. */
  readonly note?: string;
  readonly error?: ErrorReport;
  readonly health?: Health;
  /** For `cancelled`: the cloud operation that continues, e.g. `CloudFormation goes on creating it`. */
  readonly goesOn?: string;
  /** plan only: the option that `create` requires for this change. */
  readonly requires?: string;
  /** For `blocked`: the resource that failed. */
  readonly cause?: ResourceId;
}

/** A message about the whole run: reduced parallelism, an interrupt. */
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
  /** Length of the critical path, in ms: more parallelism can't shorten it. */
  readonly criticalPathMs: number;
  readonly totals: Readonly<Partial<Record<Outcome, number>>>;
  /** Folder with the journal and one log per row. */
  readonly logs: string;
  /** Suggested next commands. */
  readonly next: readonly string[];
}

export type FleetEvent = RunStarted | Queued | Started | Progress | Output | Finished | Notice | RunFinished;

/** A reader of events: a view, the journal, a test. `close` is awaited before the process ends. */
export interface EventReader {
  receive(event: FleetEvent): void;
  close(): Promise<void>;
}
