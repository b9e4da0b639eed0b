import { apiOf, argocdNamespace, findApi, type ManagedCluster, managedBy } from "#lib/argocd/managed-cluster.ts";
import type { ManifestState } from "#lib/argocd/manifest.ts";
import { FleetError } from "#lib/errors.ts";
import type { Change, Observed, Outputs, Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { applyObjects } from "#lib/kubernetes/apply.ts";
import { fieldManager } from "#lib/kubernetes/field-manager.ts";
import { describeHold } from "#lib/kubernetes/hold.ts";
import { type KubernetesObject, type ObjectReference, referenceOf } from "#lib/kubernetes/object.ts";
import { findObject, listObjects } from "#lib/kubernetes/objects.ts";
import { describePodTrouble } from "#lib/kubernetes/pod-trouble.ts";
import { removeObject, waitUntilGone } from "#lib/kubernetes/remove.ts";
import { tryExplain } from "#lib/kubernetes/retry.ts";
import { waitFor } from "#lib/kubernetes/wait.ts";
import { describeWorkload, describeWorkloadTrouble } from "#lib/kubernetes/workloads.ts";

export interface InstallState {
  /** Version of Argo CD; empty if an install has not completed. */
  readonly version: string;
  /** Digest of the manifest that was applied completely. */
  readonly digest: string;
  /** Why each unavailable workload is unavailable; empty if all are available. */
  readonly unavailable: readonly string[];
}

const versionAnnotation = "k8s-multicluster-gitops/argocd-version";
const digestAnnotation = "k8s-multicluster-gitops/argocd-digest";
/** Every cluster pulls its own images, possibly over a slow connection. */
const availableTimeoutMs = 15 * 60_000;
const removeTimeoutMs = 5 * 60_000;
const workloadKinds = ["Deployment", "StatefulSet"] as const;
const namespaceReference: ObjectReference = { apiVersion: "v1", kind: "Namespace", name: argocdNamespace };

/** Argo CD itself. After a complete install its namespace is annotated, so that an interrupted one is detected. */
export function argocdInstall(managed: ManagedCluster, manifest: Resource<ManifestState>): Resource<InstallState> {
  return {
    id: `${managed.prefix}/argocd`,
    title: `${managed.cluster.name}: Argo CD`,
    label: "bootstrap",
    row: managed.row,
    lane: "cluster",
    needs: [managed.running, manifest],
    ...(managed.goesWith === undefined ? {} : { goesWith: managed.goesWith }),
    observe: (world, outputs) => observe(world, managed, outputs),
    diff: (state, outputs) => compare(state, outputs.find(manifest)),
    async refuse(_world, state, outputs) {
      const wanted = outputs.find(manifest);
      if (wanted !== undefined) refuseDowngrade(state, wanted);
    },
    async ensure(world, observed, outputs) {
      const wanted = outputs.of(manifest);
      if (observed.kind === "present") refuseDowngrade(observed.state, wanted);
      const api = apiOf(world, managed, outputs);
      await install(world, api, wanted);
      return { version: wanted.version, digest: wanted.digest, unavailable: [] };
    },
    async remove(world, _observed, outputs) {
      const api = findApi(world, managed, outputs);
      if (api !== undefined) await uninstall(world, api);
      return { kind: "removed" };
    },
    health: ({ version, unavailable }) =>
      unavailable.length === 0
        ? { kind: "healthy", summary: `Argo CD ${version}` }
        : { kind: "degraded", summary: unavailable.join(", ") },
  };
}

async function observe(world: World, managed: ManagedCluster, outputs: Outputs): Promise<Observed<InstallState>> {
  const api = findApi(world, managed, outputs);
  if (api === undefined) return { kind: "absent" };
  const [namespace, workloads] = await Promise.all([findObject(api, namespaceReference), listWorkloads(api)]);
  if (namespace === undefined) return { kind: "absent" };
  if (namespace.metadata.labels?.["app.kubernetes.io/managed-by"] !== fieldManager) {
    if (workloads.length === 0) return { kind: "absent" };
    return { kind: "foreign", why: `namespace ${argocdNamespace} holds an Argo CD that this project did not install` };
  }
  const { annotations = {} } = namespace.metadata;
  const missing = workloads.length === 0 ? ["nothing of it runs"] : await describeUnavailable(api, workloads);
  const unavailable =
    namespace.metadata.deletionTimestamp === undefined
      ? missing
      : [`namespace ${argocdNamespace} is being deleted${await describeHold(api, namespace, world.signal)}`];
  return {
    kind: "present",
    state: {
      version: annotations[versionAnnotation] ?? "",
      digest: annotations[digestAnnotation] ?? "",
      unavailable,
    },
  };
}

async function listWorkloads(api: KubernetesApi): Promise<readonly KubernetesObject[]> {
  const lists = workloadKinds.map((kind) =>
    listObjects(api, { apiVersion: "apps/v1", kind, namespace: argocdNamespace }),
  );
  return (await Promise.all(lists)).flat();
}

async function describeUnavailable(
  api: KubernetesApi,
  workloads: readonly KubernetesObject[],
): Promise<readonly string[]> {
  const waiting = workloads.filter((workload) => describeWorkload(workload) !== undefined);
  const pods = waiting.length === 0 ? [] : ((await tryExplain(() => listPods(api))) ?? []);
  return waiting.map((workload) =>
    [workload.metadata.name, describeWorkload(workload), describeWorkloadTrouble(workload, pods)]
      .filter((part) => part !== undefined)
      .join(": "),
  );
}

async function listPods(api: KubernetesApi): Promise<readonly KubernetesObject[]> {
  return await listObjects(api, { apiVersion: "v1", kind: "Pod", namespace: argocdNamespace });
}

function compare(state: InstallState, wanted: ManifestState | undefined): readonly Change[] {
  const changes: Change[] = [];
  const change = (field: string, from: string, to: string): void => {
    changes.push({ field, from, to, effect: "in-place" });
  };
  if (wanted !== undefined && state.digest !== wanted.digest) {
    if (state.digest === "") change("install", "unfinished", wanted.version);
    else if (state.version !== wanted.version) change("version", state.version, wanted.version);
    else change("manifest", state.digest.slice(0, 7), wanted.digest.slice(0, 7));
  }
  for (const why of state.unavailable) change("workload", why, "available");
  return changes;
}

/** Argo CD doesn't support downgrades: a new version changes stored objects. */
function refuseDowngrade(state: InstallState, wanted: ManifestState): void {
  if (state.version === "" || Bun.semver.order(state.version.slice(1), wanted.version.slice(1)) <= 0) return;
  throw new FleetError(
    "DowngradeRefused",
    `Argo CD ${state.version} is installed, and ${wanted.version} is older: downgrades are not supported`,
    { hint: "pin that version or a newer one in argocd/bootstrap, or delete the cluster and create it again" },
  );
}

async function install(world: World, api: KubernetesApi, wanted: ManifestState): Promise<void> {
  const rendered = await wanted.objects();
  const isNamespace = ({ kind, metadata }: KubernetesObject): boolean =>
    kind === "Namespace" && metadata.name === argocdNamespace;
  const objects = rendered.filter((object) => !isNamespace(object));
  const options = {
    manager: fieldManager,
    force: true,
    namespace: argocdNamespace,
    signal: world.signal,
    clock: world.clock,
    progress: world.progress,
  };
  const before = await findObject(api, namespaceReference, { signal: world.signal });
  if (before?.metadata.deletionTimestamp !== undefined) {
    await waitUntilGone(api, before, { ...world, timeoutMs: removeTimeoutMs });
  }
  // Without the digest at first: until the end, the install counts as incomplete.
  await applyObjects(api, [namespaceWith({})], options);
  await applyObjects(api, objects, options);
  const names = new Set(objects.filter(isWorkload).map(({ metadata }) => metadata.name));
  for (const kind of workloadKinds) {
    await waitFor(api, {
      what: "Argo CD",
      collection: { apiVersion: "apps/v1", kind, namespace: argocdNamespace },
      pending: (found) => describePending(found.filter(({ metadata }) => names.has(metadata.name))),
      explain: (found) =>
        explainPending(
          api,
          found.filter(({ metadata }) => names.has(metadata.name)),
        ),
      timeoutMs: availableTimeoutMs,
      signal: world.signal,
      progress: world.progress,
      clock: world.clock,
    });
  }
  await applyObjects(
    api,
    [namespaceWith({ [versionAnnotation]: wanted.version, [digestAnnotation]: wanted.digest })],
    options,
  );
}

function isWorkload({ kind }: KubernetesObject): boolean {
  return workloadKinds.some((one) => one === kind);
}

function describePending(workloads: readonly KubernetesObject[]): string | undefined {
  const waiting = workloads.filter((workload) => describeWorkload(workload) !== undefined);
  const [first] = waiting;
  if (first === undefined) return undefined;
  const name = first.metadata.name.replace(/^argocd-/, "");
  return `${workloads.length - waiting.length} of ${workloads.length} ready, waiting for ${name}: ${describeWorkload(first) ?? ""}`;
}

/** Reports the workload that describePending names, or another pod that it may depend on. */
async function explainPending(api: KubernetesApi, workloads: readonly KubernetesObject[]): Promise<string | undefined> {
  const first = workloads.find((workload) => describeWorkload(workload) !== undefined);
  const pods = await listPods(api);
  return (first === undefined ? undefined : describeWorkloadTrouble(first, pods)) ?? describePodTrouble(pods);
}

function namespaceWith(annotations: Readonly<Record<string, string>>): KubernetesObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name: argocdNamespace, labels: managedBy, annotations } };
}

/** By name and label rather than by manifest, to include objects of older versions. */
async function uninstall(world: World, api: KubernetesApi): Promise<void> {
  const remove = async (reference: ObjectReference): Promise<void> => {
    await removeObject(api, reference, { ...world, timeoutMs: removeTimeoutMs });
  };
  world.progress("deleting Argo CD");
  await remove(namespaceReference);
  const rbac = "rbac.authorization.k8s.io/v1";
  const clusterWide = [
    { apiVersion: rbac, kind: "ClusterRoleBinding" },
    { apiVersion: rbac, kind: "ClusterRole" },
    { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
  ];
  for (const list of clusterWide) {
    const found = await listObjects(api, { ...list, labelSelector: "app.kubernetes.io/part-of=argocd" });
    await Promise.all(found.map((object) => remove(referenceOf(object))));
  }
}
