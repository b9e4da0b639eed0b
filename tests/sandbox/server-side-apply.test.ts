import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createKubernetesApi, type KubernetesApi, KubernetesStatusError } from "#lib/kubernetes/api.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { openSandboxApi, type SandboxApi } from "#tests/support/sandbox-api.ts";

// tests/clusters/sandbox-api.test.ts holds the same server to a real one; this is what of it can be seen without one.

let sandbox: SandboxApi;
let api: KubernetesApi;
beforeAll(async () => {
  sandbox = await openSandboxApi();
  api = createKubernetesApi(sandbox.endpoint);
});
afterAll(async () => await sandbox.close());

const deployments = "/apis/apps/v1/namespaces/default/deployments";
const path = `${deployments}/web`;
const container = { name: "web", image: "web:1" };

function deployment(spec: object, labels?: Readonly<Record<string, string>>): object {
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", ...(labels && { labels }) }, spec };
}

function whole(containers: readonly object[] = [container], labels?: Readonly<Record<string, string>>): object {
  const app = { app: "web" };
  const template = { metadata: { labels: app }, spec: { containers } };
  return deployment({ replicas: 0, selector: { matchLabels: app }, template }, labels);
}

async function apply(body: object, manager: string, more = ""): Promise<KubernetesObject> {
  return (await api.apply(`${path}?fieldManager=${manager}${more}`, body)) as KubernetesObject;
}

async function refusalOf(call: Promise<unknown>): Promise<readonly [number, string]> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof KubernetesStatusError)) throw error;
  return [error.status, error.message.replace(/^.*?: \d+ /, "")];
}

function fieldsOf(object: KubernetesObject, manager: string): unknown {
  const entries = (object.metadata.managedFields ?? []) as readonly { manager: string; fieldsV1: unknown }[];
  return entries.find((entry) => entry.manager === manager)?.fieldsV1;
}

describe("server-side apply", () => {
  beforeEach(async () => {
    await api.remove(path, {});
    await apply(whole([container], { a: "1", b: "2" }), "alice");
  });

  test("records who owns what, down to items of lists by their keys", async () => {
    const found = (await api.get(path)) as KubernetesObject;
    expect(fieldsOf(found, "alice")).toEqual({
      "f:metadata": { "f:labels": { "f:a": {}, "f:b": {} } },
      "f:spec": {
        "f:replicas": {},
        "f:selector": {},
        "f:template": {
          "f:metadata": { "f:labels": { "f:app": {} } },
          "f:spec": { "f:containers": { 'k:{"name":"web"}': { ".": {}, "f:image": {}, "f:name": {} } } },
        },
      },
    });
  });

  test("that changes nothing leaves the version as it is", async () => {
    const [first, second] = [await apply(whole(), "alice"), await apply(whole(), "alice")];
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion ?? "");
  });

  test("takes out what its manager leaves out, unless another one owns it", async () => {
    await apply(deployment({}, { b: "2", c: "3" }), "bob");
    const left = await apply(whole(), "alice");
    expect(left.metadata.labels).toEqual({ b: "2", c: "3" });
  });

  test("fails where others own a field and want it otherwise, and wins by force", async () => {
    const replicas = deployment({ replicas: 2 });
    expect(await refusalOf(apply(replicas, "bob"))).toEqual([
      409,
      'Apply failed with 1 conflict: conflict with "alice": .spec.replicas',
    ]);
    const won = await apply(replicas, "bob", "&force=true");
    expect(won.spec).toMatchObject({ replicas: 2 });
    expect(fieldsOf(won, "alice")).not.toMatchObject({ "f:spec": { "f:replicas": {} } });
  });

  test("merges lists by their keys, and keeps items of others", async () => {
    const sidecar = { name: "sidecar", image: "sidecar:1" };
    await apply(deployment({ template: { spec: { containers: [sidecar] } } }), "bob");
    const both = await apply(whole([{ ...container, image: "web:2" }]), "alice");
    expect(both.spec).toMatchObject({ template: { spec: { containers: [{ image: "web:2" }, sidecar] } } });
  });

  test("shares a field with a patch that changed it, until it is applied by force", async () => {
    const patched = (await api.patch(`${path}?fieldManager=tool`, { spec: { replicas: 3 } })) as KubernetesObject;
    expect(fieldsOf(patched, "tool")).toEqual({ "f:spec": { "f:replicas": {} } });
    expect(await refusalOf(apply(whole(), "alice"))).toEqual([
      409,
      'Apply failed with 1 conflict: conflict with "tool" using apps/v1: .spec.replicas',
    ]);
  });

  test.each([
    ["a field that isn't there", deployment({ foo: 1 }), 500, ".spec.foo: field not declared in schema"],
    [
      "a value of another type",
      deployment({ replicas: "x" }),
      500,
      ".spec.replicas: expected numeric (int or float), got string",
    ],
    [
      "owners in the body",
      { ...whole(), metadata: { name: "web", managedFields: [] } },
      400,
      "metadata.managedFields must be nil",
    ],
    [
      "another name",
      { ...whole(), metadata: { name: "x" } },
      400,
      "the name of the object (x) does not match the name on the URL (web)",
    ],
    ["another kind", { ...whole(), kind: "Pod" }, 400, "invalid object type: apps/v1, Kind=Pod"],
    [
      "an old version",
      { ...whole(), metadata: { name: "web", resourceVersion: "1" } },
      409,
      "the object has been modified",
    ],
  ])("refuses %s", async (_what, body, status, message) => {
    const [found, said] = await refusalOf(apply(body, "alice"));
    expect([found, said]).toEqual([status, expect.stringContaining(message)]);
  });

  test("refuses to go without a field manager, and force without apply", async () => {
    expect(await refusalOf(api.apply(path, whole()))).toEqual([
      422,
      expect.stringContaining("is required for apply patch"),
    ]);
    const forced = api.patch(`${path}?force=true`, {});
    expect(await refusalOf(forced)).toEqual([422, expect.stringContaining("may not be specified for non-apply patch")]);
  });

  test("as a dry run stores nothing", async () => {
    await apply(deployment({ replicas: 7 }), "bob", "&force=true&dryRun=All");
    expect(((await api.get(path)) as KubernetesObject).spec).toMatchObject({ replicas: 0 });
  });
});

test("strict writes refuse unknown fields, others leave them out", async () => {
  const post = (query: string) =>
    fetch(new URL(`${deployments}?${query}`, sandbox.endpoint.server), {
      method: "POST",
      body: JSON.stringify({
        ...deployment({ ...(whole() as { spec: object }).spec, foo: 1 }),
        metadata: { name: "other" },
      }),
      headers: { authorization: `Bearer ${sandbox.endpoint.token}`, "content-type": "application/json" },
      tls: { ca: sandbox.endpoint.ca ?? "" },
    });
  const strict = await post("fieldValidation=Strict");
  expect([strict.status, await strict.text()]).toEqual([400, expect.stringContaining('unknown field \\"spec.foo\\"')]);
  const lenient = await post("fieldValidation=Warn");
  expect([lenient.status, ((await lenient.json()) as { spec: object }).spec]).not.toEqual([
    201,
    expect.objectContaining({ foo: 1 }),
  ]);
});
