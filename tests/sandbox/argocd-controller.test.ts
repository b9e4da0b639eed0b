import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { systemClock } from "#lib/clock.ts";
import { createKubernetesApi, type KubernetesApi } from "#lib/kubernetes/api.ts";
import { applyObjects } from "#lib/kubernetes/apply.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { findObject, parseManifest } from "#lib/kubernetes/objects.ts";
import { removeObject } from "#lib/kubernetes/remove.ts";
import { waitFor } from "#lib/kubernetes/wait.ts";
import { projectRoot } from "#lib/paths.ts";
import { ArgocdBehaviour } from "#sandbox/argocd/controller.ts";
import type { FetchOptions } from "#sandbox/argocd/repository.ts";
import { Failed } from "#sandbox/argocd/verdict.ts";
import { openSandboxApi, type SandboxApi } from "#tests/support/sandbox-api.ts";

const url = "http://127.0.0.1:6580/checkout.git";
const call = { clock: systemClock, signal: new AbortController().signal, timeoutMs: 4_000, progress: () => undefined };
const apiVersion = "argoproj.io/v1alpha1";
const argoproj = { apiVersion, namespace: "argocd" } as const;

let sandbox: SandboxApi;
let api: KubernetesApi;
let files: Map<string, string>;
/** Whether somebody serves the repository, and how often it was asked for. */
let served: boolean;
let fetched: readonly boolean[];

beforeEach(async () => {
  files = new Map([["app/config.yaml", manifestOf("one", "app")]]);
  [served, fetched] = [true, []];
  const repository = {
    fetch(_url: string, revision: string, { known }: FetchOptions) {
      fetched = [...fetched, known];
      return known || served ? Promise.resolve({ revision, files }) : Promise.reject(new Failed("connection refused"));
    },
  };
  sandbox = await openSandboxApi([(cluster, pace) => new ArgocdBehaviour(cluster, pace, repository)]);
  api = createKubernetesApi(sandbox.endpoint);
  const folder = join(projectRoot, "sandbox/argocd/manifests");
  const texts = await Promise.all(["common", "standard"].map((name) => Bun.file(join(folder, `${name}.yaml`)).text()));
  const argocd: KubernetesObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } };
  const app: KubernetesObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: "app" } };
  await apply(argocd, app, ...texts.flatMap((text) => parseManifest(text, "manifests")));
});
afterEach(async () => await sandbox.close());

const apply = (...objects: readonly KubernetesObject[]) =>
  applyObjects(api, objects, { ...call, manager: "test", force: true, namespace: "argocd" });

function manifestOf(name: string, namespace: string, more = ""): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: ${namespace}${more} }\ndata: { a: b }\n`;
}

function application(spec: object = {}, source: object = {}, metadata: object = {}): KubernetesObject {
  return {
    apiVersion,
    kind: "Application",
    metadata: { name: "one", namespace: "argocd", ...metadata },
    spec: {
      project: "default",
      source: { repoURL: url, targetRevision: "a".repeat(40), path: "app", ...source },
      destination: { server: "https://kubernetes.default.svc", namespace: "app" },
      syncPolicy: { automated: { prune: true, selfHeal: true } },
      ...spec,
    },
  };
}

interface Status {
  readonly sync?: { readonly status: string };
  readonly health?: { readonly status: string };
  readonly conditions?: readonly { readonly type: string; readonly message: string }[];
  readonly operationState?: { readonly phase: string; readonly message: string };
}

/** The Application's status once it is as wanted. */
async function statusWhen(holds: (status: Status) => boolean, name = "one"): Promise<Status> {
  let last: Status = {};
  await waitFor(api, {
    ...call,
    what: "the application",
    collection: { ...argoproj, kind: "Application" },
    pending(objects) {
      last = (objects.find(({ metadata }) => metadata.name === name)?.status ?? {}) as Status;
      return holds(last) ? undefined : JSON.stringify(last).slice(0, 500);
    },
  });
  return last;
}

const isSynced = ({ sync, health }: Status): boolean => sync?.status === "Synced" && health?.status === "Healthy";
/** For a reason of its own: at first it may be that Argo CD itself is still starting. */
const isUnknown = ({ sync, conditions }: Status): boolean =>
  sync?.status === "Unknown" && conditions?.[0]?.message.includes("the repo server isn't there") !== true;
const configMap = (name: string) => findObject(api, { apiVersion: "v1", kind: "ConfigMap", name, namespace: "app" });

describe("an Application", () => {
  test("is synced, marks what it made, and takes out what is gone", async () => {
    files.set("app/two.yaml", manifestOf("two", "app"));
    await apply(application());
    await statusWhen(isSynced);
    expect((await configMap("two"))?.metadata.annotations).toEqual({
      "argocd.argoproj.io/tracking-id": "one:/ConfigMap:app/two",
    });
    files.delete("app/two.yaml");
    await apply(application({}, {}, { annotations: { "argocd.argoproj.io/refresh": "normal" } }));
    await until(async () => (await configMap("two")) === undefined);
    // The request for a refresh is taken away once the refresh has ended.
    await until(async () => {
      const found = await findObject(api, { ...argoproj, kind: "Application", name: "one" });
      return found !== undefined && found.metadata.annotations === undefined;
    });
  });

  test("without automated syncs says what is missing, and makes nothing", async () => {
    await apply(application({ syncPolicy: {} }));
    const status = await statusWhen(({ sync }) => sync?.status === "OutOfSync");
    expect([status.health?.status, await configMap("one")]).toEqual(["Missing", undefined]);
  });

  test("without selfHeal leaves what somebody changed", async () => {
    await apply(application({ syncPolicy: { automated: { prune: true } } }));
    await statusWhen(isSynced);
    await api.patch("/api/v1/namespaces/app/configmaps/one", { data: { a: "changed" } });
    await statusWhen(({ sync }) => sync?.status === "OutOfSync");
    await Bun.sleep(300);
    expect((await configMap("one"))?.data).toEqual({ a: "changed" });
  });

  test("needs somebody to serve a commit once, and not again", async () => {
    served = false;
    await apply(application());
    expect((await statusWhen(isUnknown)).conditions).toMatchObject([
      { type: "ComparisonError", message: "connection refused" },
    ]);
    served = true;
    await statusWhen(isSynced);
    served = false;
    await api.patch("/api/v1/namespaces/app/configmaps/one", { data: { a: "changed" } });
    await until(async () => Bun.deepEquals((await configMap("one"))?.data, { a: "b" }));
    expect(fetched.at(-1)).toBe(true);
  });

  test("with the finalizer takes down what it made, and waits for it", async () => {
    files.set("app/config.yaml", manifestOf("one", "app", ", finalizers: [example.org/a]"));
    await apply(application({}, {}, { finalizers: ["resources-finalizer.argocd.argoproj.io"] }));
    await statusWhen(isSynced);
    const gone = removeObject(api, { ...argoproj, kind: "Application", name: "one" }, call);
    await until(async () => (await configMap("one"))?.metadata.deletionTimestamp !== undefined);
    expect(await findObject(api, { ...argoproj, kind: "Application", name: "one" })).toBeDefined();
    await api.patch("/api/v1/namespaces/app/configmaps/one", { metadata: { finalizers: null } });
    await gone;
    expect(await configMap("one")).toBeUndefined();
  });

  test("without it lets go of what it made", async () => {
    await apply(application());
    await statusWhen(isSynced);
    await removeObject(api, { ...argoproj, kind: "Application", name: "one" }, call);
    expect(await configMap("one")).toBeDefined();
  });

  test("fails to sync what the cluster doesn't know, and says so", async () => {
    files.set("app/thing.yaml", "apiVersion: example.org/v1\nkind: Thing\nmetadata: { name: x, namespace: app }\n");
    await apply(application());
    const { operationState } = await statusWhen((status) => status.operationState?.phase === "Failed");
    expect(operationState?.message).toContain("the server could not find the requested resource (Thing x)");
  });

  const metrics = {
    repoURL: "https://kubernetes-sigs.github.io/metrics-server/",
    chart: "metrics-server",
    targetRevision: "3.13.1",
  };
  test("of a chart has what stands for it, with values of another source and of its own", async () => {
    files.set(
      "values/aws.yaml",
      "provider: { name: aws }\nextraArgs: { aws-zone-type: public }\npolicy: upsert-only\n",
    );
    const chart = {
      repoURL: "https://kubernetes-sigs.github.io/external-dns/",
      chart: "external-dns",
      targetRevision: "1.22.0",
      helm: { valueFiles: ["$settings/values/aws.yaml"], valuesObject: { policy: "sync", sources: ["service"] } },
    };
    const settings = { repoURL: url, targetRevision: "a".repeat(40), ref: "settings" };
    const several = application({ sources: [chart, settings] });
    const { source: _none, ...spec } = several.spec as { readonly source: unknown };
    await apply({ ...several, spec });
    const { sync } = await statusWhen(isSynced);
    expect((sync as { readonly revisions?: unknown }).revisions).toEqual(["1.22.0", "a".repeat(40)]);
    const made = await findObject(api, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      namespace: "app",
      name: "external-dns",
    });
    const text = JSON.stringify(made?.spec);
    expect(text).toContain('["--source=service","--policy=sync","--provider=aws","--aws-zone-type=public"]');
    expect(text).toContain("external-dns:v1.22.0");
  });

  const away = { source: { repoURL: "https://charts.example.org", chart: "web", targetRevision: "1.2.3" } };
  test.each([
    ["an unknown Helm chart", application(away), "nothing that stands for the Helm chart web 1.2.3"],
    ["one among its sources", application({ source: undefined, sources: [away.source] }), "the Helm chart web 1.2.3"],
    [
      "a value that isn't known",
      application({ source: { ...metrics, helm: { valuesObject: { replicas: 2 } } } }),
      "the value replicas of the chart metrics-server",
    ],
    ["a plugin", application({}, { plugin: {} }), "spec.source.plugin is not in the part of Applications"],
    [
      "another sync option",
      application({ syncPolicy: { automated: {}, syncOptions: ["Replace=true"] } }),
      "Replace=true",
    ],
    ["fields to ignore", application({ ignoreDifferences: [] }), "spec.ignoreDifferences"],
    ["a folder that isn't there", application({}, { path: "nowhere" }), "nowhere: app path does not exist"],
    ["no project", application({ project: "none" }), "Application referencing project none which does not exist"],
    [
      "another cluster",
      application({ destination: { server: "https://x", namespace: "app" } }),
      "reaches its own cluster only",
    ],
  ])("with %s is Unknown, and names it", async (_what, object, message) => {
    await apply(JSON.parse(JSON.stringify(object)) as KubernetesObject);
    const { conditions } = await statusWhen(isUnknown);
    expect(conditions?.[0]?.message).toContain(message);
  });

  test("with a hook is Unknown", async () => {
    files.set("app/config.yaml", manifestOf("one", "app", ", annotations: { argocd.argoproj.io/hook: PreSync }"));
    await apply(application());
    expect((await statusWhen(isUnknown)).conditions?.[0]?.message).toContain("the sandbox knows no hooks");
  });

  test.each([
    ["its repository", { sourceRepos: ["https://other/*"] }, "is not permitted in project 'tight'"],
    [
      "its namespace",
      { destinations: [{ server: "*", namespace: "other-*" }] },
      "do not match any of the allowed destinations",
    ],
    [
      "what it makes",
      { namespaceResourceWhitelist: [{ group: "", kind: "Secret" }] },
      ":ConfigMap is not permitted in project tight",
    ],
  ])("is stopped by a project that forbids %s", async (_what, spec, message) => {
    const all = { sourceRepos: ["*"], destinations: [{ server: "*", namespace: "*" }] };
    await apply({ apiVersion, kind: "AppProject", metadata: { name: "tight" }, spec: { ...all, ...spec } });
    await apply(application({ project: "tight" }));
    expect((await statusWhen(isUnknown)).conditions?.[0]?.message).toContain(message);
  });

  test("is left alone while no controller runs", async () => {
    await api.patch("/apis/apps/v1/namespaces/argocd/statefulsets/argocd-application-controller", {
      spec: { replicas: 0 },
    });
    await apply(application());
    await Bun.sleep(200);
    expect((await findObject(api, { ...argoproj, kind: "Application", name: "one" }))?.status).toBeUndefined();
  });
});

describe("an ApplicationSet", () => {
  const secret = (labels: Readonly<Record<string, string>>): KubernetesObject => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "facts", labels: { "argocd.argoproj.io/secret-type": "cluster", ...labels } },
    data: { name: btoa("a.internal"), server: btoa("https://kubernetes.default.svc"), config: btoa("{}") },
  });
  const set = (
    policy: object = {},
    generators: readonly object[] = [{ clusters: { selector: { matchLabels: { on: "true" } } } }],
  ): KubernetesObject => ({
    apiVersion,
    kind: "ApplicationSet",
    metadata: { name: "set" },
    spec: {
      goTemplate: true,
      goTemplateOptions: ["missingkey=error"],
      generators,
      syncPolicy: policy,
      template: { metadata: { name: "one" }, spec: application().spec },
    },
  });
  const setHealth = async () => {
    const found = await findObject(api, { ...argoproj, kind: "ApplicationSet", name: "set" });
    const { conditions = [] } = (found?.status ?? {}) as {
      readonly conditions?: readonly { type: string; status: string; message: string }[];
    };
    return conditions.find(({ type }) => type === "ErrorOccurred");
  };

  test("makes applications for the clusters that fit, and takes them back with all that is theirs", async () => {
    await apply(secret({ on: "true" }), set());
    await statusWhen(isSynced);
    await apply(secret({}));
    await until(async () => (await configMap("one")) === undefined);
    expect(await findObject(api, { ...argoproj, kind: "Application", name: "one" })).toBeUndefined();
  });

  test("that preserves resources leaves what its applications made", async () => {
    await apply(secret({ on: "true" }), set({ preserveResourcesOnDeletion: true }));
    await statusWhen(isSynced);
    await apply(secret({}));
    await until(async () => (await findObject(api, { ...argoproj, kind: "Application", name: "one" })) === undefined);
    expect(await configMap("one")).toBeDefined();
  });

  test("gives its applications back what somebody changed in them", async () => {
    await apply(secret({ on: "true" }), set());
    await statusWhen(isSynced);
    await api.patch("/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/one", { spec: { project: "other" } });
    await until(async () => {
      const found = await findObject(api, { ...argoproj, kind: "Application", name: "one" });
      return (found?.spec as { readonly project?: string } | undefined)?.project === "default";
    });
  });

  test("with a generator that isn't known says so, and makes nothing", async () => {
    await apply(secret({ on: "true" }), set({}, [{ list: { elements: [] } }]));
    await until(async () => (await setHealth())?.status === "True");
    expect((await setHealth())?.message).toContain("spec.generators.0.list");
    expect(await findObject(api, { ...argoproj, kind: "Application", name: "one" })).toBeUndefined();
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 4_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error("not in time");
    await Bun.sleep(10);
  }
}
