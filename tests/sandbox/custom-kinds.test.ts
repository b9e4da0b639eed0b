import { afterEach, beforeEach, expect, test } from "bun:test";
import { systemClock } from "#lib/clock.ts";
import { createKubernetesApi, type KubernetesApi } from "#lib/kubernetes/api.ts";
import { applyObjects } from "#lib/kubernetes/apply.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { findObject, listObjects } from "#lib/kubernetes/objects.ts";
import { removeObject } from "#lib/kubernetes/remove.ts";
import { failureOf } from "#tests/support/failure.ts";
import { openSandboxApi, type SandboxApi } from "#tests/support/sandbox-api.ts";

let sandbox: SandboxApi;
let api: KubernetesApi;
beforeEach(async () => {
  sandbox = await openSandboxApi();
  api = createKubernetesApi(sandbox.endpoint);
});
afterEach(async () => await sandbox.close());

const name = "things.example.org";
const { signal } = new AbortController();
const apply = (...objects: readonly KubernetesObject[]) =>
  applyObjects(api, objects, { manager: "test", clock: systemClock, signal });
const remove = (object: KubernetesObject) =>
  removeObject(
    api,
    { apiVersion: object.apiVersion, kind: object.kind, ...object.metadata },
    {
      timeoutMs: 5_000,
      clock: systemClock,
      signal,
      progress: () => undefined,
    },
  );

function definition(version: object = {}, spec: object = {}): KubernetesObject {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: {
      group: "example.org",
      scope: "Namespaced",
      names: { kind: "Thing", plural: "things", singular: "thing", shortNames: ["th"] },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          additionalPrinterColumns: [
            { name: "Size", type: "integer", jsonPath: ".spec.size" },
            { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
          ],
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: {
                spec: {
                  type: "object",
                  required: ["size"],
                  properties: {
                    size: { type: "integer", minimum: 1 },
                    color: { type: "string", enum: ["red", "blue"], default: "red" },
                    parts: {
                      type: "array",
                      "x-kubernetes-list-type": "map",
                      "x-kubernetes-list-map-keys": ["name"],
                      items: { type: "object", properties: { name: { type: "string" }, weight: { type: "integer" } } },
                    },
                  },
                },
                status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
              },
            },
          },
          subresources: { status: {} },
          ...version,
        },
      ],
      ...spec,
    },
  };
}

function thing(spec: object, metadata: object = {}): KubernetesObject {
  return {
    apiVersion: "example.org/v1",
    kind: "Thing",
    metadata: { name: "one", namespace: "default", ...metadata },
    spec,
  };
}

test("are served once their definition is established, with defaults, by discovery and as kubectl prints them", async () => {
  const [, made] = await apply(definition(), thing({ size: 3, parts: [{ name: "a", weight: 1 }] }));
  expect(made?.object.spec).toEqual({ size: 3, color: "red", parts: [{ name: "a", weight: 1 }] });
  await api.patch("/apis/example.org/v1/namespaces/default/things/one/status", {
    status: { conditions: [{ type: "Ready", status: "True" }] },
  });
  const table = await fetch(new URL("/apis/example.org/v1/things", sandbox.endpoint.server), {
    headers: {
      authorization: `Bearer ${sandbox.endpoint.token}`,
      accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
    },
    tls: { ca: sandbox.endpoint.ca ?? "" },
  });
  expect(await table.json()).toMatchObject({
    columnDefinitions: [{ name: "Name" }, { name: "Size" }, { name: "Ready" }],
    rows: [{ cells: ["one", 3, "True"] }],
  });
});

test("have lists whose items are told apart by keys", async () => {
  await apply(definition(), thing({ size: 1, parts: [{ name: "a", weight: 1 }] }));
  const other = { manager: "other", clock: systemClock, signal };
  await applyObjects(api, [thing({ parts: [{ name: "b" }] })], other);
  const found = await findObject(api, {
    apiVersion: "example.org/v1",
    kind: "Thing",
    name: "one",
    namespace: "default",
  });
  expect(found?.spec).toMatchObject({ parts: [{ name: "a", weight: 1 }, { name: "b" }] });
});

test.each([
  [{ color: "red" }, "spec.size: Required value"],
  [{ size: 0 }, "spec.size in body should be greater than or equal to 1"],
  [{ size: 1, color: "green" }, 'Unsupported value: "green": supported values: "red", "blue"'],
  [{ size: 1.5 }, "spec.size in body must be of type integer"],
  [{ size: 1, more: true }, ".spec.more: field not declared in schema"],
])("are refused where the schema says no: %j", async (spec, message) => {
  await apply(definition());
  expect((await failureOf(apply(thing(spec)))).message).toContain(message);
});

test.each([
  [
    "a name that doesn't fit",
    { ...definition(), metadata: { name: "other.example.org" } },
    "must be spec.names.plural",
  ],
  ["conversion", definition({}, { conversion: { strategy: "Webhook" } }), "the sandbox converts nothing"],
  ["no schema", definition({ schema: {} }), "schemas are required"],
  ["a version that isn't stored", definition({ storage: false }), "one version, which is the stored one"],
])("of a definition with %s are refused", async (_what, object, message) => {
  expect((await failureOf(apply(object))).message).toContain(message);
});

test("go with their definition, which waits for those with finalizers", async () => {
  await apply(definition(), thing({ size: 1 }), thing({ size: 1 }, { name: "held", finalizers: ["example.org/a"] }));
  const removed = remove(definition());
  await Bun.sleep(50);
  const left = await listObjects(api, { apiVersion: "example.org/v1", kind: "Thing" });
  expect(left.map(({ metadata }) => [metadata.name, metadata.deletionTimestamp !== undefined])).toEqual([
    ["held", true],
  ]);
  await api.patch("/apis/example.org/v1/namespaces/default/things/held", { metadata: { finalizers: null } });
  await removed;
  expect(await api.find("/apis/example.org/v1")).toBeUndefined();
});

test("go with their namespace, which waits for them too", async () => {
  const namespace: KubernetesObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } };
  await apply(namespace, definition(), thing({ size: 1 }, { namespace: "team", finalizers: ["example.org/a"] }));
  const removed = remove(namespace);
  await Bun.sleep(50);
  expect(await findObject(api, { apiVersion: "v1", kind: "Namespace", name: "team" })).toMatchObject({
    status: { phase: "Terminating" },
  });
  await api.patch("/apis/example.org/v1/namespaces/team/things/one", { metadata: { finalizers: null } });
  await removed;
});
