import { describe, expect, test } from "bun:test";
import { argocdInstall } from "#lib/argocd/install.ts";
import type { ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import type { ManifestState } from "#lib/argocd/manifest.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { failureOf } from "#tests/support/failure.ts";
import { fakeResource } from "#tests/support/fake-resource.ts";
import { kubernetesInMemory } from "#tests/support/kubernetes-memory.ts";
import { emptyMachine, localWorld } from "#tests/support/local-world.ts";

const available = { observedGeneration: 0, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 };
const server: KubernetesObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "argocd-server" },
  spec: { replicas: 1, selector: { matchLabels: { app: "server" } } },
  status: available,
};
const running = fakeResource("local/kind01.internal/cluster").resource;
const managed: ManagedCluster = {
  cluster: { provider: "kind", name: "kind01.internal", apiPort: 6551 },
  accountId: "",
  kubernetes: "1.36",
  row: { kind: "cluster", name: "kind01.internal", group: "local" },
  prefix: "local/kind01.internal",
  running,
  goesWith: running,
  access: () => ({
    kind: "reachable",
    endpoint: {
      server: "https://127.0.0.1:6551",
      ca: undefined,
      certificate: undefined,
      key: undefined,
      token: undefined,
    },
  }),
};
const never = () => Promise.reject(new Error("not asked"));
const manifest: Resource<ManifestState> = {
  ...fakeResource("argocd/manifest/standard").resource,
  observe: never,
  ensure: never,
  remove: never,
  refuse: never,
  diff: () => [],
  health: () => ({ kind: "healthy", summary: "" }),
};

/** A cluster whose Argo CD should be of a version, whatever is in it now. */
function clusterFor(version: string, access: ManagedCluster["access"] = managed.access) {
  const memory = kubernetesInMemory();
  memory.kinds.set("/apis/apps/v1", [
    { kind: "Deployment", name: "deployments", namespaced: true },
    { kind: "StatefulSet", name: "statefulsets", namespaced: true },
  ]);
  memory.kinds.set("/api/v1", [
    { kind: "Namespace", name: "namespaces", namespaced: false },
    { kind: "Pod", name: "pods", namespaced: true },
  ]);
  const world = { ...localWorld(emptyMachine()).world, kubernetes: () => memory.api };
  const outputs = createOutputs();
  const wanted = { version, digest: `digest of ${version}`, objects: () => Promise.resolve([server]) };
  outputs.set(manifest, wanted);
  const resource = argocdInstall({ ...managed, access }, manifest);
  const observe = () => resource.observe(world, outputs);
  return {
    ...memory,
    observe,
    ensure: async () => await resource.ensure(world, await observe(), outputs),
    async changes() {
      const observed = await observe();
      return observed.kind === "present" ? resource.diff(observed.state, outputs) : observed;
    },
    async refuse() {
      const observed = await observe();
      if (observed.kind === "present") await resource.refuse?.(world, observed.state, outputs);
    },
    want: (next: string) => outputs.set(manifest, { ...wanted, version: next, digest: `digest of ${next}` }),
  };
}

describe("Argo CD", () => {
  test("is installed once", async () => {
    const cluster = clusterFor("v3.5.7");
    expect(await cluster.observe()).toEqual({ kind: "absent" });
    expect(await cluster.ensure()).toMatchObject({ version: "v3.5.7", unavailable: [] });
    expect(await cluster.changes()).toEqual([]);
  });

  test("is absent where there is no cluster, and unknown where that is closed", async () => {
    expect(await clusterFor("v3.5.7", () => ({ kind: "absent" })).observe()).toEqual({ kind: "absent" });
    const closed = await failureOf(clusterFor("v3.5.7", () => ({ kind: "closed", why: "is stopped" })).observe());
    expect([closed.code, closed.message]).toEqual([
      "OutputMissing",
      "kind01.internal is stopped: its content can't be read",
    ]);
  });

  test("of another version is brought to the one that is pinned", async () => {
    const cluster = clusterFor("v3.5.7");
    await cluster.ensure();
    cluster.want("v3.10.0");
    expect(await cluster.changes()).toMatchObject([{ field: "version", from: "v3.5.7", to: "v3.10.0" }]);
    await cluster.ensure();
    expect(await cluster.changes()).toEqual([]);
  });

  test("is never brought back to an older version", async () => {
    const cluster = clusterFor("v3.10.0");
    await cluster.ensure();
    cluster.want("v3.9.9");
    const before = cluster.calls.length;
    const error = await failureOf(cluster.ensure());
    expect([error.code, cluster.calls.length - before]).toEqual(["DowngradeRefused", 0]);
    expect((await failureOf(cluster.refuse())).code).toBe("DowngradeRefused");
  });

  test("whose install was cut short is seen as unfinished", async () => {
    const cluster = clusterFor("v3.5.7");
    await cluster.ensure();
    const path = "/api/v1/namespaces/argocd";
    const namespace = cluster.objects.get(path);
    if (namespace === undefined) throw new Error("no namespace");
    cluster.objects.set(path, { ...namespace, metadata: { ...namespace.metadata, annotations: {} } });
    expect(await cluster.changes()).toMatchObject([{ field: "install", from: "unfinished", to: "v3.5.7" }]);
  });

  test("with a workload that is down is not as it should be", async () => {
    const cluster = clusterFor("v3.5.7");
    await cluster.ensure();
    const path = "/apis/apps/v1/namespaces/argocd/deployments/argocd-server";
    cluster.objects.set(path, { ...server, status: { ...available, availableReplicas: 0 } });
    expect(await cluster.changes()).toMatchObject([{ field: "workload", from: "argocd-server: 0 of 1 available" }]);
  });

  test("with a pod that can't run says why, in status as well", async () => {
    const cluster = clusterFor("v3.5.7");
    await cluster.ensure();
    cluster.objects.set("/apis/apps/v1/namespaces/argocd/deployments/argocd-server", {
      ...server,
      status: { ...available, availableReplicas: 0 },
    });
    cluster.objects.set("/api/v1/namespaces/argocd/pods/argocd-server-1", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "argocd-server-1", labels: { app: "server" } },
      status: { containerStatuses: [{ state: { waiting: { reason: "ImagePullBackOff", message: "no image" } } }] },
    });
    const why = "argocd-server: 0 of 1 available: pod argocd-server-1: ImagePullBackOff: no image";
    expect(await cluster.changes()).toMatchObject([{ field: "workload", from: why }]);
  });

  test("whose namespace is being deleted says what holds it, and is installed after it", async () => {
    const cluster = clusterFor("v3.5.7");
    await cluster.ensure();
    const path = "/api/v1/namespaces/argocd";
    const namespace = cluster.objects.get(path);
    if (namespace === undefined) throw new Error("no namespace");
    const metadata = {
      ...namespace.metadata,
      deletionTimestamp: "2026-11-26T16:13:28Z",
      finalizers: ["example.org/x"],
    };
    cluster.objects.set(path, { ...namespace, metadata });
    const calls = cluster.calls.length;
    expect(await cluster.changes()).toMatchObject([
      { field: "workload", from: "namespace argocd is being deleted, held by example.org/x" },
    ]);
    expect((await failureOf(cluster.ensure())).message).toBe(
      "Namespace argocd still exists after 300 s, held by example.org/x",
    );
    expect(cluster.calls.length).toBe(calls);
    cluster.objects.clear();
    await cluster.ensure();
    expect(await cluster.changes()).toEqual([]);
  });

  test("that somebody else installed is refused", async () => {
    const cluster = clusterFor("v3.5.7");
    const metadata = { name: "argocd" };
    cluster.objects.set("/api/v1/namespaces/argocd", { apiVersion: "v1", kind: "Namespace", metadata });
    expect(await cluster.observe()).toEqual({ kind: "absent" });
    cluster.objects.set("/apis/apps/v1/namespaces/argocd/deployments/argocd-server", server);
    expect((await cluster.observe()).kind).toBe("foreign");
  });
});
