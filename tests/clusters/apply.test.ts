import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "#lib/clock.ts";
import { createKubernetesApi, type KubernetesApi } from "#lib/kubernetes/api.ts";
import { applyObjects } from "#lib/kubernetes/apply.ts";
import { endpointOf, parseKubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { findObject } from "#lib/kubernetes/objects.ts";
import { removeObject } from "#lib/kubernetes/remove.ts";
import { failureOf } from "#tests/support/failure.ts";
import { type Harness, openHarness, whyNot } from "#tests/support/harness.ts";

// Noisy machines have been seen to take ten times as long as quiet ones.
setDefaultTimeout(15 * 60_000);

const cluster = "test-kind.internal";
const reason = await whyNot();

function deployment(name: string, replicas: number, labels: Readonly<Record<string, string>> = {}): KubernetesObject {
  const pod = { labels: { app: name } };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default", ...(Object.keys(labels).length === 0 ? {} : { labels }) },
    spec: {
      replicas,
      selector: { matchLabels: pod.labels },
      template: {
        metadata: { labels: pod.labels },
        spec: { containers: [{ name: "one", image: "busybox:1.36", ports: [{ containerPort: 80 }] }] },
      },
    },
  };
}

/** Who owns what, less the times; the field manager is given to both. */
function ownersOf(object: KubernetesObject | undefined): unknown {
  const entries = (object?.metadata.managedFields ?? []) as readonly Readonly<Record<string, unknown>>[];
  return entries
    .filter(({ operation }) => operation === "Apply")
    .map(({ manager, apiVersion, fieldsV1 }) => ({ manager, apiVersion, fieldsV1 }));
}

describe.skipIf(reason !== undefined)("server-side apply, beside kubectl's", () => {
  let harness: Harness;
  let api: KubernetesApi;
  const { signal } = new AbortController();
  const apply = (objects: readonly KubernetesObject[], force = false) =>
    applyObjects(api, objects, { manager: "test", force, clock: systemClock, signal });
  const kubectl = async (object: KubernetesObject, manager = "test") => {
    const file = join(harness.state, "object.json");
    await Bun.write(file, JSON.stringify(object));
    const flags = ["apply", "--server-side", `--field-manager=${manager}`, "--filename", file];
    return await harness.program("kubectl", ["--kubeconfig", harness.kubeconfig(cluster), ...flags]);
  };
  const find = (name: string) =>
    findObject(api, { apiVersion: "apps/v1", kind: "Deployment", name, namespace: "default" });

  beforeAll(async () => {
    harness = await openHarness();
    expect((await harness.run("create-all", [cluster])).exitCode).toBe(0);
    const path = harness.kubeconfig(cluster);
    api = createKubernetesApi(endpointOf(parseKubeconfig(await readFile(path, "utf8"), path), path));
  });
  afterAll(async () => await harness.close());

  test("gives the same owners to the same fields, also when fields are left out later", async () => {
    for (const [replicas, labels] of [
      [0, { a: "1", b: "2" }],
      [0, { a: "1" }],
    ] as const) {
      await apply([deployment("same", replicas, labels)]);
      const ours = await find("same");
      const owners = ownersOf(ours);
      await removeObject(
        api,
        { apiVersion: "apps/v1", kind: "Deployment", name: "same", namespace: "default" },
        {
          timeoutMs: 60_000,
          clock: systemClock,
          signal,
          progress: () => undefined,
        },
      );
      expect((await kubectl(deployment("same", replicas, labels))).exitCode).toBe(0);
      const theirs = await find("same");
      expect(owners).toEqual(ownersOf(theirs));
      expect([ours?.metadata.labels, ours?.spec]).toEqual([theirs?.metadata.labels, theirs?.spec]);
    }
  });

  test("finds made, unchanged and changed what is", async () => {
    const outcome = async (...labels: readonly string[]) => {
      const [applied] = await apply([deployment("told", 0, Object.fromEntries(labels.map((label) => [label, "1"])))]);
      return applied?.outcome;
    };
    expect([await outcome("a"), await outcome("a"), await outcome("a", "b"), await outcome("b")]).toEqual([
      "made",
      "unchanged",
      "changed",
      "changed",
    ]);
    expect((await find("told"))?.metadata.labels).toEqual({ b: "1" });
  });

  test("meets the same conflict, and wins it only by force", async () => {
    expect((await kubectl(deployment("fought", 0), "somebody")).exitCode).toBe(0);
    const refused = await failureOf(apply([deployment("fought", 1)]));
    expect([refused.code, refused.details]).toEqual(["ApplyConflict", ['.spec.replicas: conflict with "somebody"']]);
    expect((await kubectl(deployment("fought", 1))).exitCode).not.toBe(0);
    await apply([deployment("fought", 1)], true);
    expect((await find("fought"))?.spec).toMatchObject({ replicas: 1 });
  });

  test("makes a kind and its objects in one go", async () => {
    const name = "things.example.org";
    const definition: KubernetesObject = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name },
      spec: {
        group: "example.org",
        scope: "Namespaced",
        names: { kind: "Thing", plural: "things", singular: "thing" },
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
          },
        ],
      },
    };
    const thing = { apiVersion: "example.org/v1", kind: "Thing", metadata: { name: "t" }, spec: { a: 1 } };
    const applied = await apply([thing, definition]);
    expect(applied.map(({ outcome }) => outcome)).toEqual(["made", "made"]);
  });
});
