import { expect, test } from "bun:test";
import { join } from "node:path";
import { KindRegistry } from "#sandbox/kubernetes/custom-kinds.ts";
import { configMaps } from "#sandbox/kubernetes/kinds.ts";
import { ObjectStore } from "#sandbox/kubernetes/store.ts";
import { temporaryFolder } from "#tests/sandbox/harness.ts";

const configMap = (name: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
  data: { a: "1" },
});

test("each change gets the next resourceVersion and reaches subscribers in order", () => {
  const store = new ObjectStore(":memory:", new KindRegistry());
  const seen: string[] = [];
  store.subscribe(({ type, resourceVersion }) => seen.push(`${type} ${resourceVersion}`));
  const created = store.create(configMaps, configMap("x"));
  const updated = store.update(configMaps, { ...created, data: { a: "2" } });
  store.remove(configMaps, updated);
  expect(seen).toEqual(["ADDED 2", "MODIFIED 3", "DELETED 4"]);
  store.close();
});

test("an update that changes nothing is no change", () => {
  const store = new ObjectStore(":memory:", new KindRegistry());
  const created = store.create(configMaps, configMap("x"));
  expect(store.update(configMaps, { ...created })).toBe(created);
  expect(store.resourceVersion).toBe(2);
  store.close();
});

test("objects and the counter survive, the history does not", () => {
  const folder = temporaryFolder();
  const path = join(folder.path, "objects.db");
  const first = new ObjectStore(path, new KindRegistry());
  const created = first.create(configMaps, configMap("x"));
  expect(first.eventsAfter(1)).toHaveLength(1);
  first.close();
  const second = new ObjectStore(path, new KindRegistry());
  expect(second.get(configMaps, "default", "x")).toEqual(created);
  expect(second.resourceVersion).toBe(2);
  expect(second.eventsAfter(1)).toBeUndefined();
  expect(second.eventsAfter(2)).toEqual([]);
  second.close();
  folder.remove();
});

test("lists one namespace or all, sorted", () => {
  const store = new ObjectStore(":memory:", new KindRegistry());
  for (const namespace of ["b", "a"]) {
    store.create(configMaps, { ...configMap("x"), metadata: { name: "x", namespace } });
  }
  expect(store.list(configMaps).map(({ metadata }) => metadata.namespace)).toEqual(["a", "b"]);
  expect(store.list(configMaps, "b")).toHaveLength(1);
  store.close();
});
