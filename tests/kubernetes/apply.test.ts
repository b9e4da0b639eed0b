import { describe, expect, test } from "bun:test";
import { FleetError } from "#lib/errors.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { applyObjects } from "#lib/kubernetes/apply.ts";
import { describeHold } from "#lib/kubernetes/hold.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { findObject, listObjects, parseManifest } from "#lib/kubernetes/objects.ts";
import { removeObject } from "#lib/kubernetes/remove.ts";
import { waitFor } from "#lib/kubernetes/wait.ts";
import { describeWorkload } from "#lib/kubernetes/workloads.ts";
import { failureOf } from "#tests/support/failure.ts";
import { kubernetesInMemory, refusal } from "#tests/support/kubernetes-memory.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

const { signal } = new AbortController();
const progress = (): void => undefined;
const options = () => ({ manager: "test", clock: virtualClock(), signal });
const configMap = (name: string, data: object = {}): KubernetesObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data,
});
const reference = { apiVersion: "v1", kind: "ConfigMap", name: "a", namespace: "default" };

describe("applying", () => {
  test("makes, changes and leaves alone, in the order that was given", async () => {
    const { api } = kubernetesInMemory();
    await applyObjects(api, [configMap("a", { x: "1" }), configMap("b")], options());
    const applied = await applyObjects(api, [configMap("c"), configMap("a", { x: "2" }), configMap("b")], options());
    expect(applied.map(({ reference: { name }, outcome }) => `${name} ${outcome}`)).toEqual([
      "c made",
      "a changed",
      "b unchanged",
    ]);
  });

  test("puts what needs a namespace into one, and nothing else", async () => {
    const { api, calls } = kubernetesInMemory();
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "n", namespace: "wrong" } };
    await applyObjects(api, [configMap("a"), namespace], { ...options(), namespace: "n", force: true });
    expect(calls).toEqual([
      "apply /api/v1/namespaces/n?fieldManager=test&force=true",
      "apply /api/v1/namespaces/n/configmaps/a?fieldManager=test&force=true",
    ]);
  });

  test("waits for a definition before the objects of its kind", async () => {
    const { api, kinds, objects, calls } = kubernetesInMemory();
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.org";
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "things.example.org" },
    };
    const thing = { apiVersion: "example.org/v1", kind: "Thing", metadata: { name: "t" } };
    const clock = virtualClock();
    const work = applyObjects(api, [thing, definition], { manager: "test", clock, signal });
    void clock.sleep(3_000).then(() => {
      const found = objects.get(path);
      if (found !== undefined)
        objects.set(path, { ...found, status: { conditions: [{ type: "Established", status: "True" }] } });
      kinds.set("/apis/example.org/v1", [{ kind: "Thing", name: "things", namespaced: true }]);
    });
    await work;
    expect(calls.map((call) => call.replace(/\?.*/, ""))).toEqual([
      `apply ${path}`,
      "apply /apis/example.org/v1/namespaces/default/things/t",
    ]);
  });

  test("of an unknown kind is refused", async () => {
    const thing = { apiVersion: "example.org/v1", kind: "Thing", metadata: { name: "t" } };
    const error = await failureOf(applyObjects(kubernetesInMemory().api, [thing], options()));
    expect([error.code, error.message]).toEqual(["KindUnknown", "Thing t: the server has no Thing in example.org/v1"]);
  });

  test("names each field that others own, and who", async () => {
    const { api, refusals } = kubernetesInMemory();
    const cause = { reason: "FieldManagerConflict", field: ".data.x", message: 'conflict with "kubectl"' };
    refusals.push(refusal(409, [cause]));
    const error = await failureOf(applyObjects(api, [configMap("a")], options()));
    expect([error.code, error.details]).toEqual(["ApplyConflict", ['.data.x: conflict with "kubectl"']]);
    expect(error.message).toContain("ConfigMap default/a");
  });

  test("tries again what an overloaded server refused, when it asks to", async () => {
    const { api, refusals, calls } = kubernetesInMemory();
    const given = options();
    refusals.push(refusal(429, [], 4_000), refusal(503));
    const [applied] = await applyObjects(api, [configMap("a")], given);
    expect([applied?.outcome, calls.length]).toEqual(["made", 3]);
    expect(given.clock.elapsed()).toBeGreaterThanOrEqual(4_000);
  });

  test("gives up at once on what will not change, naming the object", async () => {
    const { api, refusals, calls } = kubernetesInMemory();
    refusals.push(refusal(422));
    const error = await failureOf(applyObjects(api, [configMap("a")], options()));
    expect([error.message, calls.length]).toEqual(["ConfigMap default/a: refused with 422", 1]);
  });
});

describe("waiting", () => {
  const wait = {
    what: "the map",
    collection: { apiVersion: "v1", kind: "ConfigMap" },
    timeoutMs: 10_000,
    signal,
    progress,
  };

  test("ends with the objects as they are then", async () => {
    const { api } = kubernetesInMemory();
    await applyObjects(api, [configMap("a")], options());
    let looks = 0;
    const pending = () => (++looks < 4 ? "not yet" : undefined);
    const found = await waitFor(api, { ...wait, clock: virtualClock(), pending });
    expect(found.map(({ metadata }) => metadata.name)).toEqual(["a"]);
  });

  test("ends in time, with what was missing", async () => {
    const clock = virtualClock();
    const error = await failureOf(waitFor(kubernetesInMemory().api, { ...wait, clock, pending: () => "a" }));
    expect([error.code, error.message]).toEqual(["WaitTimedOut", "the map: timed out after 10 s: a"]);
  });

  test("says why, where that can be seen", async () => {
    const said: string[] = [];
    const given = { ...wait, clock: virtualClock(), progress: (message: string) => void said.push(message) };
    const explain = () => Promise.resolve("ImagePullBackOff: no x:1");
    const error = await failureOf(waitFor(kubernetesInMemory().api, { ...given, pending: () => "a", explain }));
    expect(said[0]).toBe("a: ImagePullBackOff: no x:1");
    expect(error.message).toBe("the map: timed out after 10 s: a: ImagePullBackOff: no x:1");
  });
});

describe("removing", () => {
  const removal = () => ({ timeoutMs: 10_000, clock: virtualClock(), signal, progress });

  test("is done when it is gone, or was", async () => {
    const { api, calls } = kubernetesInMemory();
    await applyObjects(api, [configMap("a")], options());
    expect(await removeObject(api, reference, { ...removal(), propagation: "Orphan" })).toBe("removed");
    expect(calls.at(-1)).toBe('remove /api/v1/namespaces/default/configmaps/a "Orphan"');
    expect(await removeObject(api, reference, removal())).toBe("absent");
  });

  test("names the finalizers that hold it", async () => {
    const { api } = kubernetesInMemory();
    const held = { ...configMap("a"), metadata: { name: "a", finalizers: ["example.org/hold"] } };
    await applyObjects(api, [held], options());
    const error = await failureOf(removeObject(api, reference, removal()));
    expect(error.message).toBe("ConfigMap default/a still exists after 10 s, held by example.org/hold");
  });

  test("repeats what a namespace reports of its content and of finalizers in it", async () => {
    const { api } = kubernetesInMemory();
    const content = "Some resources are remaining: widgets.example.org has 1 resource instances";
    const held = "Some content in the namespace has finalizers remaining: example.org/hold in 1 resource instances";
    const namespace = {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "a", finalizers: ["kubernetes"] },
      status: {
        conditions: [
          {
            type: "NamespaceDeletionDiscoveryFailure",
            status: "False",
            message: "All resources successfully discovered",
          },
          { type: "NamespaceContentRemaining", status: "True", message: content },
          { type: "NamespaceFinalizersRemaining", status: "True", message: held },
        ],
      },
    };
    await applyObjects(api, [namespace], options());
    const error = await failureOf(removeObject(api, { apiVersion: "v1", kind: "Namespace", name: "a" }, removal()));
    expect(error.message).toEndWith(`held by kubernetes, ${content}, ${held}`);
  });
});

describe("what holds", () => {
  const terminating = (kind: string, rest: object) => ({
    apiVersion: "v1",
    kind,
    metadata: { name: "a", deletionTimestamp: "2026-11-26T16:13:28Z" },
    ...rest,
  });
  const held = (name: string, namespace?: string) => ({
    apiVersion: "v1",
    kind: "X",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), finalizers: ["example.org/hold"] },
  });
  const namespace = (...remaining: readonly string[]) =>
    terminating("Namespace", {
      status: {
        conditions: [
          {
            type: "NamespaceContentRemaining",
            status: "True",
            message: `Some resources are remaining: ${remaining.map((one) => `${one} has 1 resource instances`).join(", ")}`,
          },
          { type: "NamespaceFinalizersRemaining", status: "True", message: "Some content has finalizers" },
        ],
      },
    });

  test("a namespace is each object in it that has finalizers", async () => {
    const { api, objects } = kubernetesInMemory();
    objects.set("/api/v1/namespaces/a/configmaps/one", held("one"));
    objects.set("/api/v1/namespaces/a/configmaps/free", configMap("free"));
    objects.set("/apis/example.org/v2/namespaces/a/widgets/two", held("two"));
    const find: KubernetesApi["find"] = async (path) =>
      path === "/apis/example.org" ? { preferredVersion: { groupVersion: "example.org/v2" } } : await api.get(path);
    expect(
      await describeHold({ ...api, find, get: find }, namespace("configmaps.", "widgets.example.org"), signal),
    ).toBe(", held by configmaps one (example.org/hold), widgets two (example.org/hold)");
  });

  test("the definition of a kind is what there is of that kind, three by name", async () => {
    const { api, objects } = kubernetesInMemory();
    for (const name of ["a", "b", "c", "d", "e"])
      objects.set(`/apis/example.org/v2/namespaces/n/widgets/${name}`, held(name, "n"));
    const definition = terminating("CustomResourceDefinition", {
      spec: { group: "example.org", names: { plural: "widgets" }, versions: [{ name: "v2", served: true }] },
    });
    expect(await describeHold({ ...api, find: api.get }, definition, signal)).toBe(
      ", held by widgets n/a (example.org/hold), widgets n/b (example.org/hold), widgets n/c (example.org/hold), 2 more",
    );
  });

  test("an application is the error of its deletion", async () => {
    const { api } = kubernetesInMemory();
    const application = terminating("Application", {
      status: { conditions: [{ type: "DeletionError", message: "cluster is gone" }] },
    });
    expect(await describeHold(api, application, signal)).toBe(", cluster is gone");
  });

  test("is what the namespace itself reports, where the objects can't be listed", async () => {
    const { api } = kubernetesInMemory();
    const find = () => Promise.reject(new FleetError("KubernetesError", "403 forbidden"));
    expect(await describeHold({ ...api, find }, namespace("configmaps."), signal)).toBe(
      ", Some resources are remaining: configmaps. has 1 resource instances, Some content has finalizers",
    );
  });
});

describe("objects", () => {
  test("of an unknown kind are none", async () => {
    const { api } = kubernetesInMemory();
    expect(await findObject(api, { apiVersion: "x/v1", kind: "X", name: "x" })).toBeUndefined();
    expect(await listObjects(api, { apiVersion: "x/v1", kind: "X" })).toEqual([]);
  });

  test("are read of any number of documents, and lists", () => {
    const text =
      "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n---\n---\napiVersion: v1\nkind: List\nitems:\n  - { apiVersion: v1, kind: Secret, metadata: { name: b } }\n";
    expect(parseManifest(text, "f").map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      "ConfigMap a",
      "Secret b",
    ]);
    expect(parseManifest("", "f")).toEqual([]);
  });

  test.each(["a: [", "kind: ConfigMap", "- 1"])("are refused without their text: %p", (text) => {
    expect(() => parseManifest(text, "file.yaml")).toThrow("file.yaml");
  });
});

describe("a workload", () => {
  const deployment = (status: object, generation = 1): KubernetesObject => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "d", generation },
    spec: { replicas: 2 },
    status,
  });
  const full = { observedGeneration: 1, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };

  test.each([
    [{}, "not looked at yet"],
    [{ ...full, updatedReplicas: 1 }, "1 of 2 updated"],
    [{ ...full, availableReplicas: 1 }, "1 of 2 available"],
    [full, undefined],
  ])("with %p", (status, why) => {
    expect(describeWorkload(deployment(status))).toBe(why);
  });
});
