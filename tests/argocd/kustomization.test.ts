import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readKustomization } from "#lib/argocd/kustomization.ts";
import { renderKustomization, withPatches } from "#lib/argocd/kustomize/render.ts";
import { FleetError } from "#lib/errors.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";

// Only against hanging: programs are started, which a loaded machine lets wait.
setDefaultTimeout(120_000);

type Files = Readonly<Record<string, string>>;

async function build(files: Files, folder = "app"): Promise<readonly KubernetesObject[]> {
  const kustomization = await readKustomization(folder, (path) => Promise.resolve(files[path]));
  return renderKustomization(kustomization, () => []);
}

async function fault(files: Files): Promise<string> {
  try {
    await build(files);
  } catch (error) {
    if (error instanceof FleetError && error.code === "KustomizationInvalid") return error.message;
    throw error;
  }
  throw new Error("it was taken");
}

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { tier: front } }
spec:
  replicas: 1
  template:
    spec:
      serviceAccountName: web
      containers:
        - name: one
          image: a:1
          args: [--x, --y]
          env: [{ name: A, value: "1" }, { name: B, value: "2" }]
        - { name: two, image: b:1 }
      volumes: [{ name: v, emptyDir: {} }]
`;
const account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: web }\n";
const bindings = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: web }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view }
subjects:
  - { kind: ServiceAccount, name: web, namespace: elsewhere }
  - { kind: ServiceAccount, name: stranger, namespace: elsewhere }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: web }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: web }
subjects:
  - { kind: ServiceAccount, name: web }
  - { kind: User, name: web, apiGroup: rbac.authorization.k8s.io }
`;
const custom =
  "apiVersion: example.org/v1\nkind: Thing\nmetadata: { name: t }\nspec: { list: [{ name: a }, { name: b }] }\n";

/** What is built here and by kustomize, which must agree. */
const cases: Readonly<Record<string, Files>> = {
  "a namespace and labels": {
    "app/kustomization.yaml":
      "namespace: ours\nresources: [d.yaml, a.yaml, b.yaml, ns.yaml]\nlabels: [{ pairs: { team: x, tier: back } }]\n",
    "app/d.yaml": deployment,
    "app/a.yaml": account,
    "app/b.yaml": bindings.replaceAll("namespace: elsewhere", "namespace: default"),
    "app/ns.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: { name: other }\n",
  },
  "a merge that adds, changes and removes": {
    "app/kustomization.yaml": "resources: [d.yaml]\npatches: [{ path: p.yaml }]\n",
    "app/d.yaml": deployment,
    "app/p.yaml": `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, annotations: { a: b } }
spec:
  replicas: null
  template:
    spec:
      containers:
        - name: two
          args: [--z]
        - name: one
          args: [--only]
          env: [{ name: B, value: "3" }, { name: C, value: "4" }]
        - { name: three, image: c:1 }
      volumes: [{ name: w, configMap: { name: w } }]
      tolerations: [{ key: k, operator: Exists }]
`,
  },
  "a merge by target, for all that fit": {
    "app/kustomization.yaml": `
resources: [d.yaml, a.yaml]
patches:
  - target: { kind: Deployment|Service, name: w.* }
    patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: { name: whatever, labels: { patched: "yes" } }
  - target: { kind: Nothing }
    patch: |-
      apiVersion: v1
      kind: Nothing
      metadata: { name: x }
`,
    "app/d.yaml": deployment,
    "app/a.yaml": account,
  },
  "a JSON patch by label": {
    "app/kustomization.yaml": `
resources: [d.yaml, a.yaml]
patches:
  - target: { labelSelector: "tier=front,!absent" }
    patch: |-
      - { op: test, path: /spec/replicas, value: 1 }
      - { op: replace, path: /spec/replicas, value: 3 }
      - { op: add, path: /metadata/labels/a~1b, value: c }
      - { op: remove, path: /spec/template/spec/containers/0/args/0 }
      - { op: add, path: /spec/template/spec/containers/-, value: { name: last, image: d } }
      - { op: add, path: /spec/template/spec/containers/0, value: { name: first, image: e } }
`,
    "app/d.yaml": deployment,
    "app/a.yaml": account,
  },
  "a folder below, a component beside, several patches in one file": {
    "app/kustomization.yaml": "namespace: ours\nresources: [../base]\ncomponents: [../part]\n",
    "base/kustomization.yaml": "resources: [d.yaml, a.yaml]\nlabels: [{ pairs: { base: x } }]\n",
    "base/d.yaml": deployment,
    "base/a.yaml": account,
    "part/kustomization.yaml":
      "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [t.yaml]\npatches: [{ path: p.yaml }]\n",
    "part/t.yaml": custom,
    "part/p.yaml": `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec: { replicas: 5 }
---
apiVersion: example.org/v1
kind: Thing
metadata: { name: t }
spec: { list: [{ name: b, more: 1 }] }
`,
  },
};

describe("kustomize", () => {
  test.skipIf(Bun.which("kustomize") === null).each(Object.entries(cases))("agrees about %s", async (_, files) => {
    const folder = await mkdtemp(join(tmpdir(), "kustomize-"));
    try {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await Bun.write(join(folder, path), text);
      }
      const { stdout, stderr } = Bun.spawnSync(["kustomize", "build", join(folder, "app")]);
      const real = Bun.YAML.parse(stdout.toString());
      expect(stderr.toString()).toBe("");
      expect(sort(await build(files))).toEqual(sort(Array.isArray(real) ? real : [real]));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  function sort(objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
    return [...objects].sort((a, b) => `${a.kind} ${a.metadata.name}`.localeCompare(`${b.kind} ${b.metadata.name}`));
  }
});

describe("a kustomization", () => {
  const one = { "app/kustomization.yaml": "resources: [d.yaml]\n", "app/d.yaml": deployment };

  test("takes the patches of an application last", async () => {
    const files = {
      ...one,
      "app/kustomization.yaml":
        "resources: [d.yaml]\npatches: [{ target: { kind: Deployment }, patch: '[{ op: replace, path: /spec/replicas, value: 2 }]' }]\n",
    };
    const read = await readKustomization("app", (path) =>
      Promise.resolve(Reflect.get(files, path) as string | undefined),
    );
    const patch = {
      text: "- { op: test, path: /spec/replicas, value: 2 }\n- { op: replace, path: /spec/replicas, value: 9 }\n",
      where: "the application",
      target: { kind: "Deployment" },
    };
    expect(renderKustomization(withPatches(read, [patch]), () => [])).toMatchObject([{ spec: { replicas: 9 } }]);
  });

  test("leaves what it read as it was", async () => {
    const files = { ...one, "app/kustomization.yaml": "namespace: ours\nresources: [d.yaml]\n" };
    const read = await readKustomization("app", (path) =>
      Promise.resolve(Reflect.get(files, path) as string | undefined),
    );
    const before = structuredClone(read);
    renderKustomization(read, () => []);
    expect(read).toEqual(before);
  });

  test.each([
    ["a field that isn't known", { "app/kustomization.yaml": "namePrefix: x\n" }, "namePrefix"],
    ["a generator", { "app/kustomization.yaml": "configMapGenerator: []\n" }, "configMapGenerator"],
    [
      "labels on selectors",
      { "app/kustomization.yaml": "labels: [{ pairs: {}, includeSelectors: true }]\n" },
      "labels",
    ],
    ["options of a patch", { "app/kustomization.yaml": "patches: [{ path: p, options: {} }]\n" }, "options"],
    [
      "a repository as a resource",
      { "app/kustomization.yaml": "resources: ['github.com/a/b?ref=v1']\n" },
      "single files",
    ],
    ["what is nowhere", { "app/kustomization.yaml": "resources: [x.yaml]\n" }, "there is no app/x.yaml"],
    ["no kustomization", { "app/d.yaml": deployment }, "there is no kustomization.yaml"],
    ["what isn't YAML", { "app/kustomization.yaml": "a: [\n" }, "not YAML"],
    ["a way out of the repository", { "app/kustomization.yaml": "resources: [../../x]\n" }, "leads out"],
    [
      "a file beside its folder",
      { "app/kustomization.yaml": "resources: [../d.yaml]\n", "d.yaml": deployment },
      "outside",
    ],
    ["itself", { "app/kustomization.yaml": "resources: [../app]\n" }, "leads back"],
    ["a component as a resource", { "app/kustomization.yaml": "kind: Component\n" }, "Kustomization is wanted"],
    ["one object twice", { ...one, "app/kustomization.yaml": "resources: [d.yaml, d.yaml]\n" }, "twice"],
  ] as const)("refuses %s", async (_, files, why) => {
    expect(await fault(files)).toContain(why);
  });

  test.each([
    [
      "a patch that fits nothing",
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: other }\n",
      "no resource matches",
    ],
    ["a directive", "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n$patch: delete\n", "$patch"],
    [
      "a list that kustomize may merge or replace",
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\nspec: { template: { spec: { containers: [{ image: x }] } } }\n",
      "containers without name",
    ],
    ["a patch without a name", "spec: {}\n", "names apiVersion"],
    ["a JSON patch without a target", "- { op: remove, path: /spec }\n", "needs a target"],
  ])("refuses %s", async (_, patch, why) => {
    const files = {
      ...one,
      "app/kustomization.yaml": "resources: [d.yaml]\npatches: [{ path: p.yaml }]\n",
      "app/p.yaml": patch,
    };
    expect(await fault(files)).toContain(why);
  });

  test.each([
    ["move", "{ op: move, from: /a, path: /b }", "add, replace, remove and test"],
    ["a place that isn't there", "{ op: replace, path: /spec/nothing, value: 1 }", 'there is no "nothing"'],
    ["a place in nothing", "{ op: add, path: /spec/a/b, value: 1 }", 'there is no "a"'],
    ["a place beyond the list", "{ op: remove, path: /spec/template/spec/containers/2 }", "no place in a list of 2"],
    ["a test that fails", "{ op: test, path: /spec/replicas, value: 2 }", "it is 1"],
    ["the loss of its name", "{ op: remove, path: /metadata/name }", "takes kind or name"],
  ])("refuses a JSON patch with %s", async (_, operation, why) => {
    const files = {
      ...one,
      "app/kustomization.yaml": `resources: [d.yaml]\npatches: [{ target: { kind: Deployment }, patch: '[${operation}]' }]\n`,
    };
    expect(await fault(files)).toContain(why);
  });
});
