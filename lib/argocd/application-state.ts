import { z } from "zod";
import { formatRevision } from "#lib/argocd/git-source.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";

/** State of one Argo CD application. */
export interface ApplicationState {
  readonly name: string;
  /** Synced, OutOfSync or Unknown; also Unknown before the first comparison. */
  readonly sync: string;
  /** Healthy, Progressing, Degraded, Missing, Suspended or Unknown. */
  readonly health: string;
  /** Repository of its only source; empty if it has several. */
  readonly repository: string;
  /** Revision of the last comparison. */
  readonly revision: string;
  /** Error that Argo CD reports; undefined if there is none. */
  readonly fault: string | undefined;
  /** Argo CD's message about a running sync or about health; empty if there is none. */
  readonly message: string;
  /** What its pods report; undefined if nothing, or if they were not queried. */
  readonly pods: string | undefined;
}

const text = z.string().catch("");
/** Only the fields that are read here; a status that Argo CD has not written yet is empty. */
const applicationSchema = z.object({
  spec: z.object({ source: z.object({ repoURL: text }).optional() }),
  status: z
    .object({
      sync: z.object({ status: text, revision: text }).partial().optional(),
      health: z.object({ status: text, message: text }).partial().optional(),
      conditions: z.array(z.object({ type: text, message: text })).optional(),
      operationState: z.object({ phase: text, message: text }).partial().optional(),
      resources: z
        .array(
          z.object({
            kind: text,
            name: text,
            health: z.object({ status: text, message: text }).partial().optional(),
          }),
        )
        .optional(),
    })
    .optional(),
});

export function parseApplication(object: KubernetesObject): ApplicationState {
  const { spec, status = {} } = applicationSchema.parse(object);
  return {
    name: object.metadata.name,
    sync: status.sync?.status || "Unknown",
    health: status.health?.status || "Unknown",
    repository: spec.source?.repoURL ?? "",
    revision: status.sync?.revision ?? "",
    fault: findFault(status),
    message: findMessage(status),
    pods: undefined,
  };
}

type Status = NonNullable<z.infer<typeof applicationSchema>["status"]>;

/** The most specific message: why the comparison or the sync failed, or which resource is unhealthy. */
function findFault(status: Status): string | undefined {
  const condition = status.conditions?.find(({ type }) => type.endsWith("Error"));
  if (condition !== undefined) return `${condition.type}: ${condition.message}`;
  const { phase, message } = status.operationState ?? {};
  if ((phase === "Failed" || phase === "Error") && status.sync?.status !== "Synced")
    return `sync failed: ${message ?? ""}`;
  if (status.health?.status !== "Degraded") return undefined;
  const ill = status.resources?.find(({ health }) => health?.status === "Degraded");
  if (ill === undefined) return status.health.message || "degraded";
  return `${ill.kind} ${ill.name}: ${ill.health?.message || "degraded"}`;
}

/** A failed sync that is retried stays `Running`. */
function findMessage({ sync, health, operationState, resources = [] }: Status): string {
  if (sync?.status !== "Synced" && operationState?.phase === "Running" && operationState.message)
    return operationState.message;
  if (health?.message) return health.message;
  const late = resources.find((one) => one.health?.status === "Progressing" && one.health.message);
  return late === undefined ? "" : `${late.kind} ${late.name}: ${late.health?.message}`;
}

/** The commit that applications of one repository must have synced. */
export interface WantedRevision {
  readonly repository: string;
  readonly commit: string;
}

/** Why an application is not synced and healthy; undefined if it is. */
export function describeUnsettled(state: ApplicationState, wanted?: WantedRevision): string | undefined {
  if (state.fault !== undefined) return join(state.fault, state.pods);
  if (state.sync !== "Synced" || state.health !== "Healthy")
    return join(`${state.sync}, ${state.health}`, state.message, state.pods);
  if (wanted === undefined || state.repository !== wanted.repository || state.revision === wanted.commit)
    return undefined;
  return `still at ${formatRevision(state.revision)}`;
}

function join(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join(": ");
}
