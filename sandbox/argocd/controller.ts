import { z } from "zod";
import { authorizationFor } from "#sandbox/argocd/credentials.ts";
import { reconcileSet } from "#sandbox/argocd/generator.ts";
import { worstOf } from "#sandbox/argocd/health.ts";
import { findInstallManifest } from "#sandbox/argocd/install-manifest.ts";
import { describeForbidden } from "#sandbox/argocd/project.ts";
import { type Rendered, renderSources } from "#sandbox/argocd/render.ts";
import type { Repository } from "#sandbox/argocd/repository.ts";
import {
  argocdNamespace,
  compareObjects,
  describeTracked,
  finalizersOf,
  findKind,
  findTracked,
  healthOfTracked,
  syncObjects,
  type Tracked,
} from "#sandbox/argocd/resources.ts";
import { Failed, Refused } from "#sandbox/argocd/verdict.ts";
import { isObject, type Json, type JsonObject, listAt, numberAt, objectAt, stringAt, valueAt } from "#sandbox/json.ts";
import { deployments, type Kind, type KubernetesObject, namespaces, statefulSets } from "#sandbox/kubernetes/kinds.ts";
import { type Cluster, create, remove, removeFinalizer } from "#sandbox/kubernetes/operations.ts";
import { timestamp } from "#sandbox/kubernetes/store.ts";
import type { Pace } from "#sandbox/pace.ts";
import { refusedField } from "#sandbox/unknown-field.ts";

const IN_CLUSTER = "https://kubernetes.default.svc";
/** From a change to a look at it. */
const REACTION_MS = 200;
/** Between two tries of what failed. */
const RETRY_MS = 3_000;
const CASCADE = "resources-finalizer.argocd.argoproj.io";
const REFRESH = "argocd.argoproj.io/refresh";

/** The part of an Application's spec that decides about syncs; anything else in it is refused. */
const specSchema = z.strictObject({
  project: z.string(),
  source: z.unknown().optional(),
  sources: z.unknown().optional(),
  destination: z.strictObject({
    server: z.string().optional(),
    name: z.string().optional(),
    namespace: z.string().default(""),
  }),
  syncPolicy: z
    .strictObject({
      automated: z
        .strictObject({
          prune: z.boolean().default(false),
          selfHeal: z.boolean().default(false),
        })
        .optional(),
      retry: z.unknown().optional(),
      syncOptions: z.array(z.string()).default([]),
      managedNamespaceMetadata: z.strictObject({ labels: z.record(z.string(), z.string()).optional() }).optional(),
    })
    .default({ syncOptions: [] }),
  revisionHistoryLimit: z.number().optional(),
});
type Spec = z.infer<typeof specSchema>;

/** What is found out about an Application, as its status says it. */
interface Finding {
  readonly sync: string;
  readonly health: string;
  readonly rendered: Rendered | undefined;
  readonly tracked: readonly Tracked[];
  readonly conditions: readonly JsonObject[];
  readonly operation: JsonObject | undefined;
}

/** Argo CD in one cluster, as far as its Applications and ApplicationSets show it: BEHAVIOUR.md says how far. */
export class ArgocdBehaviour {
  readonly #cluster: Cluster;
  readonly #pace: Pace;
  readonly #repository: Repository;
  readonly #unsubscribe: () => void;
  #timer: Timer | undefined;
  #due = Number.POSITIVE_INFINITY;
  #busy = false;
  #stopped = false;

  constructor(cluster: Cluster, pace: Pace, repository: Repository) {
    this.#cluster = cluster;
    this.#pace = pace;
    this.#repository = repository;
    this.#unsubscribe = cluster.store.subscribe(() => this.#schedule(REACTION_MS));
    this.#schedule(REACTION_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    clearTimeout(this.#timer);
  }

  /** Changes that come in a burst are looked at once. */
  #schedule(afterMs: number): void {
    if (this.#stopped) return;
    const due = performance.now() + this.#pace.scale(afterMs);
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => void this.#look(), Math.max(0, due - performance.now()));
  }

  async #look(): Promise<void> {
    this.#due = Number.POSITIVE_INFINITY;
    if (this.#stopped) return;
    if (this.#busy) return this.#schedule(REACTION_MS);
    this.#busy = true;
    try {
      await this.#reconcile();
    } catch (error) {
      // A fault of the sandbox must not end it: the daemon's log shows it, and the next change is looked at.
      process.stderr.write(`argocd: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      this.#schedule(RETRY_MS);
    } finally {
      this.#busy = false;
    }
  }

  async #reconcile(): Promise<void> {
    const [applications, sets, projects] = ["Application", "ApplicationSet", "AppProject"].map((kind) =>
      findKind(this.#cluster, kind),
    );
    if (applications === undefined || sets === undefined || projects === undefined) return;
    const { store } = this.#cluster;
    if (isUp(store.get(deployments, argocdNamespace, "argocd-applicationset-controller"))) {
      for (const set of store.list(sets, argocdNamespace)) reconcileSet(this.#cluster, sets, applications, set);
    }
    if (!isUp(store.get(statefulSets, argocdNamespace, "argocd-application-controller"))) return;
    this.#requireDefaultProject(projects);
    for (const { metadata } of store.list(applications, argocdNamespace)) {
      const application = store.get(applications, argocdNamespace, metadata.name);
      if (application !== undefined) await this.#reconcileApplication(applications, projects, application);
      if (this.#stopped) return;
    }
    for (const project of store.list(projects, argocdNamespace)) {
      const used = store
        .list(applications, argocdNamespace)
        .some((one) => stringAt(one, "spec", "project") === project.metadata.name);
      if (project.metadata.deletionTimestamp !== undefined && !used) this.#release(projects, project);
    }
  }

  #requireDefaultProject(projects: Kind): void {
    const terminating =
      this.#cluster.store.get(namespaces, "", argocdNamespace)?.metadata.deletionTimestamp !== undefined;
    if (terminating || this.#cluster.store.get(projects, argocdNamespace, "default") !== undefined) return;
    const all = [{ group: "*", kind: "*" }];
    create(this.#cluster, projects, argocdNamespace, {
      metadata: { name: "default" },
      spec: { sourceRepos: ["*"], destinations: [{ server: "*", namespace: "*" }], clusterResourceWhitelist: all },
    });
  }

  async #reconcileApplication(kind: Kind, projects: Kind, application: KubernetesObject): Promise<void> {
    if (application.metadata.deletionTimestamp !== undefined) return this.#takeDown(kind, application);
    const finding = await this.#examine(projects, application);
    const current = this.#cluster.store.get(kind, argocdNamespace, application.metadata.name);
    // Changed meanwhile: what was found out may be old, and the change has been noticed.
    if (current === undefined || current.metadata.deletionTimestamp !== undefined) return;
    if (!Bun.deepEquals(current.spec, application.spec)) return;
    this.#record(kind, current, finding);
    if (finding.sync !== "Synced") this.#schedule(RETRY_MS);
  }

  /** Deletes what it made before it goes itself, when its finalizer asks for that. */
  #takeDown(kind: Kind, application: KubernetesObject): void {
    if (finalizersOf(application).some((finalizer) => finalizer.startsWith(CASCADE))) {
      const left = findTracked(this.#cluster, application.metadata.name);
      for (const { kind: of, namespace, name, live } of left) {
        if (of === undefined || live?.metadata.deletionTimestamp !== undefined) continue;
        if (this.#cluster.store.get(of, namespace, name) !== undefined) remove(this.#cluster, of, namespace, name);
      }
      if (findTracked(this.#cluster, application.metadata.name).length > 0) return;
    }
    this.#release(kind, application);
  }

  #release(kind: Kind, object: KubernetesObject): void {
    for (const finalizer of finalizersOf(object).filter((one) => one.startsWith(CASCADE))) {
      const current = this.#cluster.store.get(kind, argocdNamespace, object.metadata.name);
      if (current !== undefined) removeFinalizer(this.#cluster, kind, current, finalizer);
    }
  }

  async #examine(projects: Kind, application: KubernetesObject): Promise<Finding> {
    const nothing = { rendered: undefined, tracked: [], operation: undefined } as const;
    const unknown = (type: string, message: string): Finding => ({
      ...nothing,
      sync: "Unknown",
      // What can't be compared has no resources, and those that aren't there are well.
      health: type === "ComparisonError" ? "Healthy" : "Unknown",
      conditions: [{ type, message }],
    });
    const parsed = specSchema.safeParse(application.spec);
    if (!parsed.success) {
      const place = `spec.${refusedField(parsed.error)}`;
      return unknown("ComparisonError", `${place} is not in the part of Applications that the sandbox knows`);
    }
    const spec = parsed.data;
    const project = this.#cluster.store.get(projects, argocdNamespace, spec.project);
    const wrong = this.#describeInvalid(application, spec, project);
    if (wrong !== undefined) return unknown("InvalidSpecError", wrong);
    try {
      const rendered = await this.#render(application);
      const { name } = application.metadata;
      const options = { application: name, namespace: spec.destination.namespace, project };
      const tracked = compareObjects(this.#cluster, rendered.objects, options);
      const operation = this.#sync(application, spec, rendered, tracked);
      // What was just done is looked at again, with what came of it.
      const now = operation === undefined ? tracked : compareObjects(this.#cluster, rendered.objects, options);
      return {
        sync: now.every(({ synced }) => synced) ? "Synced" : "OutOfSync",
        health: worstOf(now.map(healthOfTracked)).status,
        rendered,
        tracked: now,
        conditions: [],
        operation,
      };
    } catch (error) {
      if (!(error instanceof Failed) && !(error instanceof Refused)) throw error;
      return unknown("ComparisonError", error.message);
    }
  }

  #describeInvalid(
    application: KubernetesObject,
    spec: Spec,
    project: KubernetesObject | undefined,
  ): string | undefined {
    if (project === undefined) return `Application referencing project ${spec.project} which does not exist`;
    const { server = IN_CLUSTER, name, namespace } = spec.destination;
    if (name !== undefined || server !== IN_CLUSTER)
      return `the sandbox's Argo CD reaches its own cluster only, not ${name ?? server}`;
    const sources = [valueAt(application, "spec", "source"), ...listAt(application, "spec", "sources")];
    const repositories = sources.filter(isObject).map((source) => stringAt(source, "repoURL"));
    return describeForbidden(project, { repositories, server, namespace });
  }

  async #render(application: KubernetesObject): Promise<Rendered> {
    if (!isUp(this.#cluster.store.get(deployments, argocdNamespace, "argocd-repo-server"))) {
      throw new Failed("failed to generate manifests: the repo server isn't there");
    }
    const seen = objectAt(application, "status", "sync");
    return await renderSources(objectAt(application, "spec"), {
      repository: this.#repository,
      known: (url, revision) =>
        stringAt(seen, "revision") === revision && stringAt(seen, "comparedTo", "source", "repoURL") === url,
      authorization: (url) => authorizationFor(this.#cluster, url),
      remote: findInstallManifest,
    });
  }

  /** Applies what differs, when the Application asks for that. @returns the operation, or undefined when there was none */
  #sync(
    application: KubernetesObject,
    spec: Spec,
    rendered: Rendered,
    tracked: readonly Tracked[],
  ): JsonObject | undefined {
    const { automated, syncOptions, managedNamespaceMetadata } = spec.syncPolicy;
    const unknown = syncOptions.find((option) => !["CreateNamespace=true", "ServerSideApply=true"].includes(option));
    if (unknown !== undefined) throw new Refused(`the sandbox doesn't know the sync option ${unknown}`);
    const out = tracked.filter(({ synced, target }) => !synced && (target !== undefined || automated?.prune === true));
    if (automated === undefined || out.length === 0) return undefined;
    if (rendered.objects.length === 0) return undefined;
    const done = objectAt(application, "status", "operationState");
    const same =
      stringAt(done, "phase") === "Succeeded" &&
      Bun.deepEquals(revisionsAt(objectAt(done, "syncResult")), rendered.revisions) &&
      Bun.deepEquals(sourcesOf(objectAt(done, "syncResult")), sourcesOf(objectAt(application, "spec")));
    // Somebody changed what was synced: left so, unless that is to be healed.
    if (same && !automated.selfHeal) return undefined;
    const { namespace } = spec.destination;
    if (
      syncOptions.includes("CreateNamespace=true") &&
      this.#cluster.store.get(namespaces, "", namespace) === undefined
    ) {
      create(this.#cluster, namespaces, "", {
        metadata: { name: namespace, labels: { ...managedNamespaceMetadata?.labels } },
      });
    }
    const failures = syncObjects(this.#cluster, tracked, automated.prune);
    const now = timestamp();
    const tries = numberAt(done, "retryCount") ?? 0;
    const failed = `one or more objects failed to apply, reason: ${failures.join(", ")}`;
    return {
      operation: { sync: describeRevisions(application, rendered), initiatedBy: { automated: true } },
      phase: failures.length === 0 ? "Succeeded" : "Failed",
      message: failures.length === 0 ? "successfully synced (all tasks run)" : failed,
      ...(failures.length === 0 ? {} : { retryCount: tries + 1 }),
      startedAt: now,
      finishedAt: now,
      syncResult: { ...describeRevisions(application, rendered), ...sourcesOf(objectAt(application, "spec")) },
    };
  }

  #record(kind: Kind, application: KubernetesObject, finding: Finding): void {
    const { rendered, tracked } = finding;
    const before = objectAt(application, "status");
    const spec = objectAt(application, "spec");
    const { reconciledAt, ...known } = before;
    const operationState = finding.operation ?? before.operationState;
    const moved = stringAt(before, "health", "status") !== finding.health;
    const at = moved ? timestamp() : stringAt(before, "health", "lastTransitionTime");
    const comparedTo = {
      ...sourcesOf(spec),
      destination: objectAt(spec, "destination"),
    };
    const status: JsonObject = {
      ...known,
      sync: {
        status: finding.sync,
        comparedTo,
        ...(rendered === undefined ? {} : describeRevisions(application, rendered)),
      },
      health: { status: finding.health, lastTransitionTime: at },
      resources: tracked.map(describeTracked),
      conditions: conditionsWith(finding.conditions, listAt(before, "conditions")),
      ...(operationState === undefined ? {} : { operationState }),
      ...(rendered === undefined ? {} : { sourceType: rendered.sourceType }),
    };
    const { annotations = {}, ...metadata } = application.metadata;
    const { [REFRESH]: refresh, ...kept } = isObject(annotations) ? annotations : {};
    if (refresh === undefined && Bun.deepEquals(status, known)) return;
    this.#cluster.store.update(kind, {
      ...application,
      metadata: { ...metadata, ...(Object.keys(kept).length === 0 ? {} : { annotations: kept }) },
      status: { ...status, reconciledAt: timestamp() },
    });
  }
}

/** `source` or `sources`, as they are given. */
function sourcesOf({ source, sources }: JsonObject): JsonObject {
  return { ...(source === undefined ? {} : { source }), ...(sources === undefined ? {} : { sources }) };
}

/** As Argo CD tells them: of one source as a text, of several as a list. */
function describeRevisions(application: KubernetesObject, { revisions }: Rendered): JsonObject {
  if (valueAt(application, "spec", "sources") !== undefined) return { revisions };
  return { revision: revisions[0] ?? "" };
}

function revisionsAt(result: JsonObject): readonly unknown[] {
  const several = listAt(result, "revisions");
  return several.length > 0 ? several : [stringAt(result, "revision")];
}

/** Times of transition stay while a condition says the same. */
function conditionsWith(wanted: readonly JsonObject[], before: readonly unknown[]): Json {
  return wanted.map((condition) => {
    const same = before.find(
      (one) => stringAt(one, "message") === condition.message && stringAt(one, "type") === condition.type,
    );
    return { ...condition, lastTransitionTime: stringAt(same, "lastTransitionTime") || timestamp() };
  });
}

function isUp(workload: KubernetesObject | undefined): boolean {
  return workload !== undefined && (numberAt(workload, "status", "readyReplicas") ?? 0) > 0;
}
