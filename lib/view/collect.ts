import type { ErrorReport } from "#lib/error-report.ts";
import type {
  Finished,
  FleetEvent,
  Notice,
  Outcome,
  Row,
  RunFinished,
  RunStarted,
  Subject,
} from "#lib/graph/events.ts";
import type { Change, Health, ResourceId } from "#lib/graph/resource.ts";

/** State of one resource. */
export type ResourceState =
  | {
      readonly kind: "waiting";
      readonly subject: Subject;
      /** Number of slots, if it waits for one. */
      readonly atOnce?: number;
    }
  | {
      readonly kind: "running";
      readonly subject: Subject;
      readonly startedAtMs: number;
      readonly message: string;
      /** When this message was first shown; changed numbers in it do not count. */
      readonly stepSinceMs: number;
    }
  | EndedState;

export interface EndedState {
  readonly kind: "ended";
  readonly subject: Subject;
  readonly outcome: Outcome;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly durationMs: number;
  readonly changes: readonly Change[];
  readonly note: string | undefined;
  readonly error: ErrorReport | undefined;
  readonly health: Health | undefined;
  readonly requires: string | undefined;
  readonly goesOn: string | undefined;
  readonly cause: ResourceId | undefined;
}

/** State of a run; input of the tree and the summary. */
export interface RunState {
  readonly started: RunStarted | undefined;
  readonly resources: ReadonlyMap<ResourceId, ResourceState>;
  readonly notices: readonly Notice[];
  readonly finished: RunFinished | undefined;
}

export const emptyRun: RunState = { started: undefined, resources: new Map(), notices: [], finished: undefined };

/** The run after one more event. Pure. */
export function collect(run: RunState, event: FleetEvent): RunState {
  switch (event.kind) {
    case "run-started":
      return {
        ...emptyRun,
        started: event,
        resources: new Map(event.subjects.map((subject) => [subject.id, { kind: "waiting", subject }])),
      };
    case "queued":
      return replace(run, event.id, (before) =>
        before.kind === "waiting" ? { ...before, atOnce: event.atOnce } : before,
      );
    case "started":
    case "progress":
      return replace(run, event.id, (before) => progress(before, Date.parse(event.at), event));
    case "finished":
      return replace(run, event.id, (before) => end(before, event));
    case "notice":
      return { ...run, notices: [...run.notices, event] };
    case "run-finished":
      return { ...run, finished: event };
    case "output":
      return run;
    default:
      return event satisfies never;
  }
}

export function collectAll(events: Iterable<FleetEvent>): RunState {
  let run = emptyRun;
  for (const event of events) run = collect(run, event);
  return run;
}

/** The resources of a row, in the row's order. */
export function resourcesOf(run: RunState, row: Row): readonly ResourceState[] {
  return row.resources.map((id) => run.resources.get(id)).filter((state) => state !== undefined);
}

function replace(run: RunState, id: ResourceId, change: (before: ResourceState) => ResourceState): RunState {
  const before = run.resources.get(id);
  return before === undefined ? run : { ...run, resources: new Map(run.resources).set(id, change(before)) };
}

function progress(before: ResourceState, atMs: number, event: FleetEvent): ResourceState {
  // a line after the end is ignored
  if (before.kind === "ended") return before;
  const message = event.kind === "progress" ? event.message : "";
  const running = before.kind === "running" ? before : undefined;
  return {
    kind: "running",
    subject: before.subject,
    startedAtMs: running?.startedAtMs ?? atMs,
    message,
    stepSinceMs: running !== undefined && isSameStep(running.message, message) ? running.stepSinceMs : atMs,
  };
}

/** `3 of 5 ready` and `4 of 5 ready` are one wait. */
function isSameStep(before: string, after: string): boolean {
  return before.replace(/\d+/g, "0") === after.replace(/\d+/g, "0");
}

function end(before: ResourceState, event: Finished): ResourceState {
  const endedAtMs = Date.parse(event.at);
  return {
    kind: "ended",
    subject: before.subject,
    outcome: event.outcome,
    startedAtMs: before.kind === "running" ? before.startedAtMs : endedAtMs - event.durationMs,
    endedAtMs,
    durationMs: event.durationMs,
    changes: event.changes,
    note: event.note,
    error: event.error,
    health: event.health,
    requires: event.requires,
    goesOn: event.goesOn,
    cause: event.cause,
  };
}
