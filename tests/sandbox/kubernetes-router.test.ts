import { afterEach, beforeEach, expect, test } from "bun:test";
import { KindRegistry } from "#sandbox/kubernetes/custom-kinds.ts";
import { namespaces, nodes } from "#sandbox/kubernetes/kinds.ts";
import { create } from "#sandbox/kubernetes/operations.ts";
import { type Api, route } from "#sandbox/kubernetes/router.ts";
import { ObjectStore } from "#sandbox/kubernetes/store.ts";
import { formatAge } from "#sandbox/kubernetes/table.ts";

let api: Api;
let stopping: AbortController;

beforeEach(() => {
  stopping = new AbortController();
  const kinds = new KindRegistry();
  api = {
    store: new ObjectStore(":memory:", kinds),
    kinds,
    authority: "PEM",
    token: "secret",
    version: "v1.36.1",
    address: "127.0.0.1:6551",
    stopping: stopping.signal,
  };
  create(api, namespaces, "", { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } });
});

afterEach(() => {
  stopping.abort();
  api.store.close();
});

function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return route(
    api,
    new Request(`https://127.0.0.1:6551${path}`, {
      method,
      headers: { authorization: "Bearer secret", "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  );
}

/** The parts of answers that these tests look at. */
interface Answer {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly items: readonly Answer[];
  readonly kind: string;
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
  readonly groups: readonly { readonly name: string }[];
  readonly resources: readonly { readonly name: string }[];
}

async function json(response: Promise<Response>): Promise<Answer> {
  return (await (await response).json()) as Answer;
}

const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
const configMap = (name: string, data: Record<string, string> = { a: "1" }) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data,
});

test("answers 401 without the token and with a wrong one", async () => {
  for (const authorization of ["", "Bearer wrong"]) {
    const response = await call("GET", "/api/v1/nodes", undefined, { authorization });
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: "Unauthorized",
      reason: "Unauthorized",
      code: 401,
    });
  }
});

test("creates, refuses to create twice, reads, and deletes", async () => {
  expect((await call("POST", CONFIG_MAPS, configMap("x"))).status).toBe(201);
  const twice = await call("POST", CONFIG_MAPS, configMap("x"));
  expect(twice.status).toBe(409);
  expect(await twice.json()).toMatchObject({
    reason: "AlreadyExists",
    message: 'configmaps "x" already exists',
    details: { name: "x", kind: "configmaps" },
  });
  expect((await call("DELETE", `${CONFIG_MAPS}/x`)).status).toBe(200);
  const gone = await call("GET", `${CONFIG_MAPS}/x`);
  expect(gone.status).toBe(404);
  expect(await gone.json()).toMatchObject({ reason: "NotFound", message: 'configmaps "x" not found' });
});

test("refuses a write that does not know the latest version", async () => {
  const created = await json(call("POST", CONFIG_MAPS, configMap("x")));
  expect((await call("PUT", `${CONFIG_MAPS}/x`, { ...created, data: { a: "2" } })).status).toBe(200);
  const late = await call("PUT", `${CONFIG_MAPS}/x`, { ...created, data: { a: "3" } });
  expect(late.status).toBe(409);
  expect(await late.json()).toMatchObject({ reason: "Conflict" });
});

test("merges a merge patch and removes by null", async () => {
  await call("POST", CONFIG_MAPS, configMap("x", { a: "1", b: "2" }));
  const patch = { "content-type": "application/merge-patch+json" };
  const patched = await call("PATCH", `${CONFIG_MAPS}/x`, { data: { a: null, c: "3" } }, patch);
  expect(await patched.json()).toMatchObject({ data: { b: "2", c: "3" } });
});

test("takes a strategic merge patch only where it means the same", async () => {
  await call("POST", CONFIG_MAPS, configMap("x"));
  const strategic = { "content-type": "application/strategic-merge-patch+json" };
  expect((await call("PATCH", `${CONFIG_MAPS}/x`, { data: { b: "2" } }, strategic)).status).toBe(200);
  const withList = { metadata: { finalizers: ["a/b"] } };
  expect((await call("PATCH", `${CONFIG_MAPS}/x`, withList, strategic)).status).toBe(415);
});

test("refuses a JSON patch", async () => {
  await call("POST", CONFIG_MAPS, configMap("x"));
  const response = await call("PATCH", `${CONFIG_MAPS}/x`, {}, { "content-type": "application/json-patch+json" });
  expect(response.status).toBe(415);
});

test.each(["?continue=abc", "?frob=1", "?labelSelector=a%20in%20(b)", "?fieldSelector=spec.x%3D1"])(
  "refuses to list with %s",
  async (query) => {
    expect((await call("GET", `${CONFIG_MAPS}${query}`)).status).toBe(400);
  },
);

test("lists by label", async () => {
  for (const [name, team] of [
    ["x", "red"],
    ["y", "blue"],
  ] as const) {
    const object = configMap(name);
    await call("POST", CONFIG_MAPS, { ...object, metadata: { name, labels: { team } } });
  }
  const names = async (selector: string) => {
    const list = await json(call("GET", `${CONFIG_MAPS}?labelSelector=${encodeURIComponent(selector)}`));
    return list.items.map((item) => item.metadata.name);
  };
  expect(await names("team=red")).toEqual(["x"]);
  expect(await names("team!=red,team")).toEqual(["y"]);
});

test("refuses objects in a namespace that is not there, and bad names", async () => {
  expect((await call("POST", "/api/v1/namespaces/none/configmaps", configMap("x"))).status).toBe(404);
  expect((await call("POST", CONFIG_MAPS, configMap("Bad_Name"))).status).toBe(422);
});

test("a namespace brings its service account, and waits for its objects to go", async () => {
  await call("POST", "/api/v1/namespaces", { metadata: { name: "team" } });
  expect((await call("GET", "/api/v1/namespaces/team/serviceaccounts/default")).status).toBe(200);
  const deleted = await json(call("DELETE", "/api/v1/namespaces/team"));
  expect(deleted).toMatchObject({ kind: "Namespace", status: { phase: "Terminating" } });
  const body = { metadata: { name: "late" } };
  expect((await call("POST", "/api/v1/namespaces/team/configmaps", body)).status).toBe(403);
  expect((await call("DELETE", "/api/v1/namespaces/default")).status).toBe(403);
});

test("writes of the object leave the status alone, writes of the status all else", async () => {
  create(api, nodes, "", { metadata: { name: "n" }, status: { phase: "old" } });
  const merge = { "content-type": "application/merge-patch+json" };
  await call("PATCH", "/api/v1/nodes/n", { metadata: { labels: { a: "b" } }, status: { phase: "new" } }, merge);
  const status = { metadata: { labels: { a: "c" } }, status: { phase: "new" } };
  const patched = await json(call("PATCH", "/api/v1/nodes/n/status", status, merge));
  expect(patched).toMatchObject({ metadata: { labels: { a: "b" } }, status: { phase: "new" } });
});

test("a dry run stores nothing", async () => {
  expect((await call("POST", `${CONFIG_MAPS}?dryRun=All`, configMap("x"))).status).toBe(201);
  expect((await call("GET", `${CONFIG_MAPS}/x`)).status).toBe(404);
});

test("finalizers keep a deleted object until they are gone", async () => {
  await call("POST", CONFIG_MAPS, { ...configMap("x"), metadata: { name: "x", finalizers: ["a/b"] } });
  await call("DELETE", `${CONFIG_MAPS}/x`);
  const waiting = await json(call("GET", `${CONFIG_MAPS}/x`));
  expect(waiting.metadata.deletionTimestamp).toBeString();
  const merge = { "content-type": "application/merge-patch+json" };
  await call("PATCH", `${CONFIG_MAPS}/x`, { metadata: { finalizers: null } }, merge);
  expect((await call("GET", `${CONFIG_MAPS}/x`)).status).toBe(404);
});

test("a watch tells what happened since, and then what happens", async () => {
  const before = api.store.resourceVersion;
  await call("POST", CONFIG_MAPS, configMap("x"));
  const response = await call("GET", `${CONFIG_MAPS}?watch=true&resourceVersion=${before}`);
  await call("DELETE", `${CONFIG_MAPS}/x`);
  stopping.abort();
  const lines = (await response.text()).split("\n").filter((line) => line !== "");
  expect(lines.map((line) => JSON.parse(line).type)).toEqual(["ADDED", "DELETED"]);
});

test("a watch from a forgotten version is told to list again", async () => {
  const response = await call("GET", `${CONFIG_MAPS}?watch=true&resourceVersion=0000000`);
  const text = await Promise.race([
    response.text(),
    Bun.sleep(50)
      .then(() => stopping.abort())
      .then(() => ""),
  ]);
  expect(text).toContain('"code":410');
});

test("discovery names the kinds that are stored", async () => {
  const groups = await json(call("GET", "/apis"));
  expect(groups.groups.map(({ name }) => name)).toEqual([
    "apps",
    "storage.k8s.io",
    "rbac.authorization.k8s.io",
    "networking.k8s.io",
    "policy",
    "apiextensions.k8s.io",
  ]);
  const core = await json(call("GET", "/api/v1"));
  expect(core.resources.map(({ name }) => name)).toContain("nodes/status");
  expect((await call("GET", "/apis/argoproj.io/v1alpha1/applications")).status).toBe(404);
});

test("tells which parameters a patch of a kind takes, for clients that leave checks to the server", async () => {
  const index = (await (await call("GET", "/openapi/v3")).json()) as {
    readonly paths: Readonly<Record<string, object>>;
  };
  expect(index.paths["apis/apps/v1"]).toEqual({ serverRelativeURL: "/openapi/v3/apis/apps/v1" });
  const apps = await (await call("GET", "/openapi/v3/apis/apps/v1")).json();
  expect(apps).toMatchObject({
    openapi: "3.0.0",
    paths: {
      "/apis/apps/v1/namespaces/{namespace}/deployments/{name}": {
        patch: {
          "x-kubernetes-group-version-kind": { group: "apps", version: "v1", kind: "Deployment" },
          parameters: expect.arrayContaining([expect.objectContaining({ name: "fieldValidation", in: "query" })]),
        },
      },
    },
  });
  for (const path of ["/openapi/v3/apis/argoproj.io/v1alpha1", "/openapi/v2"]) {
    expect((await call("GET", path)).status).toBe(404);
  }
});

test("answers tables to kubectl", async () => {
  create(api, nodes, "", { metadata: { name: "n", labels: { "node-role.kubernetes.io/control-plane": "" } } });
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
  const table = await json(call("GET", "/api/v1/nodes", undefined, { accept }));
  expect(table.kind).toBe("Table");
  expect(table.rows[0]?.cells.slice(0, 3)).toEqual(["n", "Unknown", "control-plane"]);
});

test.each([
  [5000, "5s"],
  [190_000, "3m10s"],
  [720_000, "12m"],
  [18_180_000, "5h3m"],
  [72_000_000, "20h"],
])("shows an age of %d ms as kubectl does", (ms, text) => {
  expect(formatAge(ms)).toBe(text);
});
