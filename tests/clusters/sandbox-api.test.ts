import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { systemClock } from "#lib/clock.ts";
import { createKubernetesApi, type KubernetesApi } from "#lib/kubernetes/api.ts";
import { applyObjects } from "#lib/kubernetes/apply.ts";
import { type Endpoint, endpointOf, parseKubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { findObject, parseManifest } from "#lib/kubernetes/objects.ts";
import { definitions } from "#sandbox/kubernetes/schema/definitions.ts";
import { type Harness, openHarness, whyNot } from "#tests/support/harness.ts";
import { openSandboxApi, type SandboxApi } from "#tests/support/sandbox-api.ts";
import { readDefinitions } from "../../scripts/kubernetes-schema.ts";

setDefaultTimeout(15 * 60_000);

const reason = await whyNot();
const cluster = "test-kind.internal";
const manifest = Bun.env.ARGOCD_MANIFEST;

/** One request, to be answered alike. */
interface Step {
  readonly method: "POST" | "PUT" | "PATCH" | "DELETE" | "GET";
  readonly path: string;
  readonly body?: unknown;
  /** @default "apply-patch+yaml" for PATCH */
  readonly type?: string;
  readonly agent?: string;
}

const deployments = "/apis/apps/v1/namespaces/default/deployments";
const configMaps = "/api/v1/namespaces/default/configmaps";

function deployment(spec: object, labels: Readonly<Record<string, string>> = {}, name = "one"): object {
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name, namespace: "default", labels }, spec };
}

function template(containers: unknown, replicas = 0): object {
  return {
    replicas,
    selector: { matchLabels: { app: "one" } },
    template: { metadata: { labels: { app: "one" } }, spec: { containers } },
  };
}

function configMap(data: object, metadata: object = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "default", ...metadata }, data };
}

const web = { name: "web", image: "web:1", ports: [{ containerPort: 80 }] };
const sidecar = { name: "sidecar", image: "sidecar:1" };
const apply = (body: unknown, manager: string, more = "", name = "one", path = deployments): Step => ({
  method: "PATCH",
  path: `${path}/${name}?fieldManager=${manager}${more}`,
  body,
});

const stories: Readonly<Record<string, readonly Step[]>> = {
  "owners share, fight, win by force, and lose what they leave out": [
    apply(deployment(template([web]), { a: "1", b: "2" }), "alice"),
    apply(deployment(template([web]), { a: "1", b: "2" }), "alice"),
    apply(deployment({ replicas: 0 }, { a: "1", c: "3" }), "bob"),
    apply(deployment({ replicas: 2 }), "bob"),
    apply(deployment({ replicas: 2, paused: true }, { a: "9" }), "bob"),
    apply(deployment({ replicas: 2 }, { a: "9" }), "bob", "&force=true"),
    apply(deployment(template([web, sidecar], 2), { a: "9" }), "alice"),
    apply(
      deployment(template([{ ...web, ports: [{ containerPort: 81 }, { containerPort: 80, protocol: "UDP" }] }], 2)),
      "alice",
    ),
    apply(deployment({ template: { spec: { containers: [sidecar] } } }), "carol"),
    apply(deployment(template([{ ...web, env: [{ name: "A", value: "1" }] }], 2)), "alice"),
    apply(deployment({}), "bob"),
    apply(deployment({}), "carol"),
  ],
  "other writes own what they change": [
    {
      method: "POST",
      path: `${configMaps}?fieldManager=maker`,
      body: configMap({ a: "1", b: "1" }, { labels: { l: "1" } }),
    },
    {
      method: "PATCH",
      path: `${configMaps}/c`,
      type: "merge-patch+json",
      body: { data: { a: "2", c: "1" } },
      agent: "tool/v1 (x)",
    },
    {
      method: "PATCH",
      path: `${configMaps}/c?fieldManager=tool`,
      type: "merge-patch+json",
      body: { data: { c: null } },
    },
    apply(configMap({ a: "3" }), "alice", "", "c", configMaps),
    apply(configMap({ b: "1", d: "1" }), "alice", "", "c", configMaps),
    { method: "PUT", path: `${configMaps}/c?fieldManager=replacer`, body: configMap({ d: "2" }) },
    apply(configMap({ d: "1" }), "alice", "", "c", configMaps),
    apply(
      configMap({ d: "1" }, { finalizers: ["example.org/a"], annotations: {} }),
      "alice",
      "&force=true",
      "c",
      configMaps,
    ),
    apply(configMap({ d: "1" }, { finalizers: ["example.org/b"] }), "bob", "", "c", configMaps),
    apply(configMap({ d: "1" }, {}), "alice", "", "c", configMaps),
    apply(configMap({}, { finalizers: [] }), "bob", "", "c", configMaps),
  ],
  "what is wrong is refused in the same words": [
    apply(deployment({ foo: 1 }), "alice"),
    apply(deployment({ replicas: "x" }), "alice"),
    apply(deployment(template({})), "alice"),
    apply(deployment(template(["x"])), "alice"),
    apply(deployment(template([{ name: "c", tty: 3 }])), "alice"),
    apply(deployment(template([web]), {}, "two"), "alice"),
    apply({ ...deployment(template([web])), apiVersion: "v1" }, "alice"),
    apply({ metadata: { name: "one" } }, "alice"),
    { method: "PATCH", path: `${deployments}/one`, body: deployment({}) },
    { method: "PATCH", path: `${deployments}/one?force=true`, body: {}, type: "merge-patch+json" },
    apply(configMap({}, { managedFields: [] }), "alice", "", "c", configMaps),
    apply(configMap({}, { namespace: "other" }), "alice", "", "c", configMaps),
    apply(configMap({}, { namespace: "nowhere" }), "alice", "", "c", configMaps.replace("default", "nowhere")),
    {
      method: "POST",
      path: `${deployments}?fieldValidation=Strict`,
      body: deployment({ ...template([web]), foo: 1, bar: 2 }),
    },
    apply(configMap({}), "alice", "&dryRun=All", "c", configMaps),
    { method: "GET", path: `${configMaps}/c` },
  ],
};

describe.skipIf(reason !== undefined)("the sandbox's API server, beside a real one", () => {
  let harness: Harness;
  let sandbox: SandboxApi;
  let real: Endpoint;
  beforeAll(async () => {
    harness = await openHarness();
    expect((await harness.run("create-all", [cluster])).exitCode).toBe(0);
    const path = harness.kubeconfig(cluster);
    real = endpointOf(parseKubeconfig(await readFile(path, "utf8"), path), path);
    sandbox = await openSandboxApi();
  });
  afterAll(async () => {
    await sandbox?.close();
    await harness.close();
  });

  test.each(Object.entries(stories))("%s", async (_story, steps) => {
    for (const [index, step] of steps.entries()) {
      const [theirs, ours] = await Promise.all([real, sandbox.endpoint].map((endpoint) => take(endpoint, step)));
      expect([index, ours]).toEqual([index, theirs]);
    }
    for (const endpoint of [real, sandbox.endpoint]) {
      for (const path of [`${deployments}/one`, `${configMaps}/c`]) await take(endpoint, { method: "DELETE", path });
    }
  });

  test.skipIf(manifest === undefined)(
    "gives the objects of Argo CD's manifest the same administrators of the same fields",
    async () => {
      const objects = parseManifest(await Bun.file(manifest ?? "").text(), "manifest");
      const namespace: KubernetesObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: "owners" } };
      const owners = async (api: KubernetesApi) => {
        const options = {
          manager: "alice",
          namespace: "owners",
          signal: new AbortController().signal,
          clock: systemClock,
        };
        const applied = await applyObjects(api, [namespace, ...objects], options);
        const found = await Promise.all(applied.map(({ reference }) => findObject(api, reference)));
        return found.map((object) => [
          object?.kind,
          object?.metadata.name,
          managedFieldsOf(object).filter(({ manager }) => manager === "alice"),
        ]);
      };
      const [theirs, ours] = await Promise.all([real, sandbox.endpoint].map((one) => owners(createKubernetesApi(one))));
      expect(ours).toEqual(theirs ?? []);
    },
  );

  test("knows the fields of its kinds from what a real one says of itself", async () => {
    const found = await readDefinitions(harness.kubeconfig(cluster));
    expect(found).toEqual(definitions);
  });
});

/** Everything of an answer that doesn't depend on who gives it and when. */
async function take(endpoint: Endpoint, { method, path, body, type, agent }: Step): Promise<unknown> {
  const content = method === "PATCH" ? `application/${type ?? "apply-patch+yaml"}` : "application/json";
  const response = await fetch(new URL(path, endpoint.server), {
    method,
    headers: {
      "content-type": content,
      ...(agent === undefined ? {} : { "user-agent": agent }),
      ...(endpoint.token === undefined ? {} : { authorization: `Bearer ${endpoint.token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    tls: {
      ...(endpoint.ca === undefined ? {} : { ca: endpoint.ca }),
      ...(endpoint.certificate === undefined ? {} : { cert: endpoint.certificate }),
      ...(endpoint.key === undefined ? {} : { key: endpoint.key }),
    },
  });
  const answer = (await response.json()) as KubernetesObject & {
    readonly message?: string;
    readonly reason?: string;
    readonly details?: { readonly causes?: readonly object[] };
    readonly spec?: {
      readonly replicas?: number;
      readonly template?: { readonly spec: { readonly containers: readonly Record<string, unknown>[] } };
    };
  };
  if (response.status >= 300) {
    const { message, reason: why, details } = answer;
    return [response.status, message, why, details?.causes?.toSorted(inOrder)];
  }
  return [
    response.status,
    answer.metadata?.labels,
    answer.metadata?.finalizers,
    answer.metadata?.generation,
    answer.data,
    answer.spec?.replicas,
    // Defaults are not filled in by the sandbox.
    answer.spec?.template?.spec.containers.map(({ name, image, ports = [], env }) => [
      name,
      image,
      (ports as readonly object[]).map((port) => ({ protocol: "TCP", ...port })),
      env,
    ]),
    managedFieldsOf(answer),
  ];
}

function managedFieldsOf(object: KubernetesObject | undefined) {
  const entries = (object?.metadata?.managedFields ?? []) as readonly {
    readonly manager: string;
    readonly time?: string;
  }[];
  return entries
    .filter(({ manager }) => manager !== "kube-controller-manager")
    .map(({ time: _time, ...entry }) => entry)
    .toSorted(inOrder);
}

/** Any order that is the same each time. */
function inOrder(a: unknown, b: unknown): number {
  return JSON.stringify(a).localeCompare(JSON.stringify(b));
}
