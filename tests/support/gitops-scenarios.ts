import { expect } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "#lib/clock.ts";
import { createKubernetesApi, type KubernetesApi } from "#lib/kubernetes/api.ts";
import { applyObjects } from "#lib/kubernetes/apply.ts";
import { endpointOf, parseKubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import type { KubernetesObject, ObjectReference } from "#lib/kubernetes/object.ts";
import { findObject, listObjects } from "#lib/kubernetes/objects.ts";
import { removeObject } from "#lib/kubernetes/remove.ts";
import type { TestCheckout } from "./checkout.ts";
import { type Ended, type Harness, names } from "./harness.ts";

export interface GitOpsStage {
  readonly harness: Harness;
  readonly checkout: TestCheckout;
  /** What clusters need before Argo CD can start in them, e.g. its images. */
  prepare(): Promise<void>;
}

const [k3d, kind] = names;
const { signal } = new AbortController();
const call = { clock: systemClock, signal, timeoutMs: 180_000, progress: () => undefined };
const argocd = { apiVersion: "argoproj.io/v1alpha1", namespace: "argocd" } as const;
const configMap: ObjectReference = {
  apiVersion: "v1",
  kind: "ConfigMap",
  name: "cluster-info",
  namespace: "cluster-info",
};

/** The life of Argo CD on a kind and a k3d cluster; the same in the sandbox and on real ones. */
export async function liveWithArgocd({ harness, checkout, prepare }: GitOpsStage): Promise<void> {
  const fleet = join(checkout.root, "tests/fixtures/fleets/valid/two-local-gitops.ts");
  const start = (task: string, ...args: readonly string[]) => harness.run(task, args, { fleet });
  const run = async (task: string, ...args: readonly string[]) => {
    const ended = await start(task, ...args);
    expect({ exitCode: ended.exitCode, errors: errorsOf(ended), stderr: ended.stderr }).toEqual({
      exitCode: 0,
      errors: [],
      stderr: "",
    });
    return ended;
  };
  await run("create-all", "--no-gitops");
  await prepare();

  // One cluster has somebody else's Argo CD: it is left alone, and holds up nobody.
  const k3dApi = await apiOf(harness, k3d);
  await applyObjects(k3dApi, foreignArgocd, { ...call, manager: "somebody" });
  const half = await start("create-all");
  expect([half.exitCode, half.results[`local/${k3d}/argocd`]?.error?.code]).toEqual([1, "ForeignResource"]);
  expect(half.results[`local/${kind}/applications`]?.health?.summary).toBe("3 healthy");
  await removeObject(k3dApi, { apiVersion: "v1", kind: "Namespace", name: "argocd" }, call);

  const made = await run("create-all");
  expect(made.results[`local/${k3d}/argocd`]?.outcome).toBe("made");
  expect(made.results[`local/${kind}/argocd`]?.outcome).toBe("unchanged");
  expect(made.results[`local/${k3d}/applications`]?.health?.summary).toBe("2 healthy");
  for (const name of names) {
    const facts = await findObject(await apiOf(harness, name), configMap);
    expect(facts?.data).toMatchObject({ cluster_name: name, environment: "dev" });
  }
  const expected: unknown = await Bun.file(join(import.meta.dir, "../fixtures/gitops-objects.json")).json();
  expect(
    Object.fromEntries(await Promise.all(names.map(async (name) => [name, await inventory(harness, name)]))),
  ).toEqual(expected);

  const again = await run("create-all");
  expect([...new Set(Object.values(again.results).map(({ outcome }) => outcome))]).toEqual(["unchanged"]);
  expect((await start("status")).exitCode).toBe(0);

  // What somebody deletes comes back by itself.
  const api = await apiOf(harness, kind);
  const before = (await findObject(api, configMap))?.metadata.uid;
  await removeObject(api, configMap, call);
  await until("the ConfigMap is back", async () => {
    const { uid } = (await findObject(api, configMap))?.metadata ?? {};
    return uid !== undefined && uid !== before;
  });

  // An edit arrives with the next commit: something new, something else, something less.
  const demo = join(checkout.root, "argocd/demo");
  await replaceIn(join(demo, "namespace.yaml"), "  labels:\n", "  labels:\n    edited: yes-indeed\n");
  await replaceIn(join(demo, "kustomization.yaml"), "  - service.yaml\n", "  - more.yaml\n");
  await Bun.write(
    join(demo, "more.yaml"),
    "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: more }\ndata: { a: b }\n",
  );
  await checkout.commit();
  const edited = await run("create-all");
  expect(edited.results[`local/${kind}/applications`]?.outcome).toBe("updated");
  expect(await findObject(api, { apiVersion: "v1", kind: "Namespace", name: "demo" })).toMatchObject({
    metadata: { labels: { edited: "yes-indeed" } },
  });
  const inDemo = { apiVersion: "v1", namespace: "demo" } as const;
  expect(await findObject(api, { ...inDemo, kind: "ConfigMap", name: "more" })).toMatchObject({ data: { a: "b" } });
  expect(await findObject(api, { ...inDemo, kind: "Service", name: "demo" })).toBeUndefined();

  // What can't be rendered is named, and what was there goes on.
  await replaceIn(join(demo, "kustomization.yaml"), "  - more.yaml\n", "  - missing.yaml\n");
  await checkout.commit();
  const waiting = harness.start("create-all", [kind], { fleet });
  await until("status names what fails", async () => {
    const { exitCode, results } = await start("status", kind);
    const health = results[`local/${kind}/applications`]?.health;
    return (
      exitCode === 1 && health?.kind === "degraded" && /demo: ComparisonError: .*missing\.yaml/s.test(health.summary)
    );
  });
  waiting.kill("SIGINT");
  expect((await waiting.ended).exitCode).toBe(130);
  expect(await findObject(api, { ...inDemo, kind: "ConfigMap", name: "more" })).toBeDefined();
  await replaceIn(join(demo, "kustomization.yaml"), "  - missing.yaml\n", "  - more.yaml\n");
  await checkout.commit();

  // A run that was killed before it told what it had applied is gone on with.
  await api.patch("/api/v1/namespaces/argocd", {
    metadata: { annotations: { "k8s-multicluster-gitops/argocd-digest": null } },
  });
  await removeObject(api, { ...argocd, kind: "Application", name: "root" }, call);
  const mended = await run("create-all");
  expect(mended.results[`local/${kind}/argocd`]?.changes).toMatchObject([{ field: "install", from: "unfinished" }]);
  expect(mended.results[`local/${kind}/applications`]?.outcome).toBe("updated");

  const removed = await run("delete-all", "--yes");
  expect(removed.results[`local/${kind}/applications`]?.note).toBe(`with ${kind}: kind cluster`);
  expect(await harness.leftovers()).toEqual([]);
}

const foreignArgocd: readonly KubernetesObject[] = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } },
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "argocd-server", namespace: "argocd" },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: "theirs" } },
      template: {
        metadata: { labels: { app: "theirs" } },
        spec: { containers: [{ name: "theirs", image: "theirs:1" }] },
      },
    },
  },
];

/** Everything that comes of Git, with its labels: what must be the same wherever Argo CD runs. */
async function inventory(harness: Harness, cluster: string): Promise<readonly string[]> {
  const api = await apiOf(harness, cluster);
  const own = ["Application", "ApplicationSet", "AppProject"].map((one) => listObjects(api, { ...argocd, kind: one }));
  const facts = listObjects(api, {
    apiVersion: "v1",
    kind: "Secret",
    namespace: "argocd",
    labelSelector: "argocd.argoproj.io/secret-type=cluster",
  });
  const others = [
    ["v1", "Namespace"],
    ["v1", "ConfigMap"],
    ["v1", "Service"],
    ["v1", "ServiceAccount"],
    ["apps/v1", "Deployment"],
    ["apps/v1", "StatefulSet"],
  ].map(([apiVersion = "", one = ""]) => listObjects(api, { apiVersion, kind: one }));
  const tracked = (await Promise.all(others)).flat().filter(({ metadata: { annotations = {} } }) => {
    return "argocd.argoproj.io/tracking-id" in annotations;
  });
  const all = [...(await Promise.all([...own, facts])).flat(), ...tracked];
  return all
    .map(({ kind: of, metadata: { name, namespace, labels = {} } }) => {
      const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
      return `${of ?? ""} ${namespace ?? "-"}/${name} ${pairs.sort().join(",")}`.trimEnd();
    })
    .sort();
}

async function apiOf(harness: Harness, cluster: string): Promise<KubernetesApi> {
  const path = harness.kubeconfig(cluster);
  return createKubernetesApi(endpointOf(parseKubeconfig(await readFile(path, "utf8"), path), path));
}

function errorsOf(ended: Ended): readonly unknown[] {
  return Object.values(ended.results).flatMap(({ id, error }) => (error === undefined ? [] : [{ id, error }]));
}

async function replaceIn(path: string, from: string, to: string): Promise<void> {
  const text = await Bun.file(path).text();
  expect(text).toContain(from);
  await Bun.write(path, text.replace(from, to));
}

/** Somebody else acts in their own time: a noisy machine takes minutes. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5 * 60_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within five minutes: ${what}`);
    await Bun.sleep(100);
  }
}
