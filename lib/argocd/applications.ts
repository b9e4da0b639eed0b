import { join } from "node:path";
import { readApplications } from "#lib/argocd/application-pods.ts";
import {
  type ApplicationState,
  describeUnsettled,
  parseApplication,
  type WantedRevision,
} from "#lib/argocd/application-state.ts";
import { serveCheckout } from "#lib/argocd/git-server.ts";
import { findSource, formatRevision, type GitSource, type GitSourceOf, sourceOf } from "#lib/argocd/git-source.ts";
import { apiOf, argocdNamespace, findApi, type ManagedCluster, managedBy } from "#lib/argocd/managed-cluster.ts";
import { removeApplications } from "#lib/argocd/remove-applications.ts";
import { FleetError } from "#lib/errors.ts";
import { applicationsOf } from "#lib/fleet/applications.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { AnyResource, Change, Observed, Outputs, Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { applyObjects } from "#lib/kubernetes/apply.ts";
import { fieldManager } from "#lib/kubernetes/field-manager.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { listObjects, parseManifest } from "#lib/kubernetes/objects.ts";
import { waitFor } from "#lib/kubernetes/wait.ts";
import { taskCommand } from "#lib/printed-command.ts";

export interface ApplicationsState {
  /** Source of the root application; undefined if it does not exist. */
  readonly source: Pick<GitSource, "repository" | "revision" | "path"> | undefined;
  readonly applications: readonly ApplicationState[];
}

export interface ApplicationsOptions {
  readonly managed: ManagedCluster;
  readonly fleet: Fleet;
  readonly source: GitSourceOf;
  readonly needs: readonly AnyResource[];
  /** False: apply the root application without waiting. @default true */
  readonly wait?: boolean;
}

const rootName = "root";
const allApplications = {
  apiVersion: "argoproj.io/v1alpha1",
  kind: "Application",
  namespace: argocdNamespace,
} as const;
/** Charts and images may be downloaded over a slow connection. */
const syncTimeoutMs = 15 * 60_000;
/** Some faults are transient: a repository that is not served yet, a CRD of another application. Persistent ones fail early. */
const faultTimeoutMs = 3 * 60_000;
/** Every application is unhealthy at first: pods are queried for the reason after this time. */
const patienceMs = 5_000;

/** The root application and its applications, until they are synced and healthy. */
export function applications(options: ApplicationsOptions): Resource<ApplicationsState> {
  const { managed } = options;
  return {
    id: `${managed.prefix}/applications`,
    title: `${managed.cluster.name}: applications`,
    label: "Argo CD",
    row: managed.row,
    lane: "api",
    showsHealth: true,
    needs: options.needs,
    ...(managed.goesWith === undefined ? {} : { goesWith: managed.goesWith }),
    observe: (world, outputs) => observe(world, managed, outputs),
    diff: (state, outputs) => compare(state, options, findSource(options.source, outputs)),
    async ensure(world, _observed, outputs) {
      const source = sourceOf(options.source, outputs);
      const api = apiOf(world, managed, outputs);
      if (source.checkout === undefined) return await converge(world, api, options, source);
      if (options.wait === false) {
        world.progress(`not waiting: clusters get the commit once it is served: ${taskCommand("gitops:serve")}`);
        return await converge(world, api, options, source);
      }
      const server = await serveCheckout(world, { ...source, checkout: source.checkout });
      try {
        return await converge(world, api, options, source);
      } finally {
        await server.stop();
      }
    },
    async remove(world, _observed, outputs) {
      const api = findApi(world, managed, outputs);
      if (api !== undefined) await removeApplications(world, api);
      return { kind: "removed" };
    },
    health: (state) => describeHealth(state, options),
  };
}

async function observe(world: World, managed: ManagedCluster, outputs: Outputs): Promise<Observed<ApplicationsState>> {
  const api = findApi(world, managed, outputs);
  if (api === undefined) return { kind: "absent" };
  const found = await listObjects(api, allApplications);
  if (found.length === 0) return { kind: "absent" };
  return { kind: "present", state: { ...parseState(found), applications: await readApplications(api, found) } };
}

function parseState(objects: readonly KubernetesObject[]): ApplicationsState {
  const root = objects.find(({ metadata }) => metadata.name === rootName);
  return { source: root === undefined ? undefined : parseSource(root), applications: objects.map(parseApplication) };
}

function parseSource(root: KubernetesObject): ApplicationsState["source"] {
  const spec = root.spec as { readonly source?: Readonly<Record<string, unknown>> } | undefined;
  const field = (name: string): string => String(spec?.source?.[name] ?? "");
  return { repository: field("repoURL"), revision: field("targetRevision"), path: field("path") };
}

function compare(
  state: ApplicationsState,
  options: ApplicationsOptions,
  wanted: GitSource | undefined,
): readonly Change[] {
  const changes: Change[] = [];
  const change = (field: string, from: string, to: string): void => {
    if (from !== to) changes.push({ field, from, to, effect: "in-place" });
  };
  if (wanted !== undefined) {
    change("repository", state.source?.repository ?? "", wanted.repository);
    change("revision", formatRevision(state.source?.revision ?? ""), formatRevision(wanted.revision));
    change("path", state.source?.path ?? "", wanted.path);
  }
  if (options.wait === false) return changes;
  for (const [name, why] of unsettled(state.applications, options, wanted)) change(name, why, "synced and healthy");
  return changes;
}

/** The unhealthy applications by name, with the reason. */
function unsettled(
  states: readonly ApplicationState[],
  { fleet, managed }: ApplicationsOptions,
  source: GitSource | undefined,
): ReadonlyMap<string, string> {
  const commit: WantedRevision | undefined =
    source?.checkout === undefined ? undefined : { repository: source.repository, commit: source.revision };
  const found = new Map<string, string>();
  for (const name of [rootName, ...applicationsOf(fleet, managed.cluster)]) {
    const state = states.find((one) => one.name === name);
    const why = state === undefined ? "not there" : describeUnsettled(state, commit);
    if (why !== undefined) found.set(name, why);
  }
  // Applications created by others are shown, but not awaited.
  return found;
}

async function converge(
  world: World,
  api: KubernetesApi,
  options: ApplicationsOptions,
  source: GitSource,
): Promise<ApplicationsState> {
  const applied = await applyObjects(api, await readRoot(world, source), {
    manager: fieldManager,
    force: true,
    signal: world.signal,
    clock: world.clock,
    progress: world.progress,
  });
  if (options.wait === false) return parseState(applied.map(({ object }) => object));
  const faults = new Map<string, number>();
  if (applied.every(({ outcome }) => outcome === "unchanged")) await refresh(api, options, source);
  const began = world.clock.now();
  const found = await waitFor(api, {
    what: "applications",
    collection: allApplications,
    async pending(objects) {
      const isLate = world.clock.now() - began >= patienceMs;
      const states = isLate ? await readApplications(api, objects) : objects.map(parseApplication);
      const waiting = unsettled(states, options, source);
      giveUpOnFaults(world, states, waiting, faults);
      return describeProgress(states, waiting);
    },
    timeoutMs: syncTimeoutMs,
    signal: world.signal,
    progress: world.progress,
    clock: world.clock,
  });
  return parseState(found);
}

/** The root application is a plain file that can be applied by hand; only its source is filled in. */
async function readRoot(world: World, source: GitSource): Promise<readonly KubernetesObject[]> {
  const path = join(world.paths.root, "argocd/root.yaml");
  return parseManifest(await Bun.file(path).text(), path).map((object) => {
    const { spec, metadata } = object as KubernetesObject & { readonly spec: { readonly source: object } };
    const filled = { ...spec.source, repoURL: source.repository, targetRevision: source.revision, path: source.path };
    return {
      ...object,
      metadata: { ...metadata, labels: { ...metadata.labels, ...managedBy } },
      spec: { ...spec, source: filled },
    };
  });
}

/** Triggers a refresh; a hard one, without cache, if the comparison failed. */
async function refresh(api: KubernetesApi, options: ApplicationsOptions, source: GitSource): Promise<void> {
  const found = await listObjects(api, allApplications);
  const waiting = unsettled(found.map(parseApplication), options, source);
  const stuck = found.filter(({ metadata }) => waiting.has(metadata.name));
  await Promise.all(
    stuck.map(async (object) => {
      const kind = parseApplication(object).fault === undefined ? "normal" : "hard";
      const path = `/apis/argoproj.io/v1alpha1/namespaces/${argocdNamespace}/applications/${object.metadata.name}`;
      await api.patch(path, { metadata: { annotations: { "argocd.argoproj.io/refresh": kind } } });
    }),
  );
}

/** @throws FleetError ApplicationFailed if a fault persists for too long */
function giveUpOnFaults(
  world: World,
  states: readonly ApplicationState[],
  waiting: ReadonlyMap<string, string>,
  since: Map<string, number>,
): void {
  const now = world.clock.now();
  const faulty = new Map([...waiting].filter(([name]) => isFaulty(name, states)));
  for (const name of since.keys()) if (!faulty.has(name)) since.delete(name);
  for (const name of faulty.keys()) if (!since.has(name)) since.set(name, now);
  const lasting = [...faulty].filter(([name]) => now - (since.get(name) ?? now) >= faultTimeoutMs);
  if (lasting.length === 0) return;
  throw new FleetError("ApplicationFailed", `failing: ${lasting.map(([name]) => name).join(", ")}`, {
    hint: "fix what is named, commit it, and run the same command again",
    details: lasting.map(([name, why]) => `${name}: ${why}`),
  });
}

/** Applications with an error, and those that their ApplicationSet does not create although the root application is synced. */
function isFaulty(name: string, states: readonly ApplicationState[]): boolean {
  const state = states.find((one) => one.name === name);
  if (state !== undefined) return state.fault !== undefined;
  const root = states.find((one) => one.name === rootName);
  return root?.sync === "Synced" && root.health === "Healthy";
}

/** `3 of 5 healthy, waiting for demo: OutOfSync, Missing`. */
function describeProgress(
  states: readonly ApplicationState[],
  waiting: ReadonlyMap<string, string>,
): string | undefined {
  const [first] = waiting;
  if (first === undefined) return undefined;
  const total = new Set([...states.map(({ name }) => name), ...waiting.keys()]).size;
  return `${total - waiting.size} of ${total} healthy, waiting for ${first[0]}: ${first[1]}`;
}

function describeHealth(
  state: ApplicationsState,
  options: ApplicationsOptions,
): { readonly kind: "healthy" | "degraded"; readonly summary: string } {
  const waiting = unsettled(state.applications, options, undefined);
  if (waiting.size === 0) return { kind: "healthy", summary: `${state.applications.length} healthy` };
  return { kind: "degraded", summary: [...waiting].map(([name, why]) => `${name}: ${why}`).join("; ") };
}
