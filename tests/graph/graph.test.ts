import { describe, expect, test } from "bun:test";
import { buildGraph } from "#lib/graph/graph.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import type { AnyResource } from "#lib/graph/resource.ts";
import { select } from "#lib/graph/select.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { fakeResource } from "#tests/support/fake-resource.ts";
import { emulated, graphOf, readFleet } from "#tests/support/fleet.ts";

describe("a graph", () => {
  test("orders resources so that each comes after its needs, and holds each once", () => {
    const a = fakeResource("a");
    const b = fakeResource("b", { needs: [a.resource] });
    const c = fakeResource("c", { needs: [a.resource, b.resource] });
    const graph = buildGraph([c.resource, b.resource, a.resource]);
    expect(graph.resources.map((resource) => resource.id)).toEqual(["a", "b", "c"]);
  });

  test("refuses two resources of one id", () => {
    expect(() => buildGraph([fakeResource("a").resource, fakeResource("a").resource])).toThrow(
      "two resources have the id a",
    );
  });

  test("refuses a cycle and names both ends", () => {
    const needs: AnyResource[] = [];
    const a = fakeResource("a", { needs });
    const b = fakeResource("b", { needs: [a.resource] });
    needs.push(b.resource);
    expect(() => buildGraph([b.resource])).toThrow(/need each other/);
  });

  test("takes a chain of ten thousand needs", () => {
    let last = fakeResource("0").resource;
    for (let index = 1; index < 10_000; index++) last = fakeResource(String(index), { needs: [last] }).resource;
    expect(buildGraph([last]).resources.length).toBe(10_000);
  });
});

describe("outputs", () => {
  test("give the state of a need, and say what is known only later", () => {
    const { resource } = fakeResource("zone");
    const outputs = createOutputs();
    expect(outputs.find(resource)).toBeUndefined();
    expect(() => outputs.of(resource)).toThrow("known after zone");
    outputs.set(resource, { value: 1 });
    expect(outputs.of(resource)).toEqual({ value: 1 });
    outputs.clear(resource);
    expect(outputs.find(resource)).toBeUndefined();
  });
});

describe("the default fleet's graph", () => {
  test("has cluster and kubeconfig of each local cluster, and one of each shared thing", async () => {
    const graph = await graphOf(fleet);
    const local = graph.resources.filter(({ row: owner }) => owner.kind === "cluster" && owner.group === "local");
    const own = local.map((resource) => resource.id);
    expect(own.sort()).toEqual(
      ["k3d01", "k3d02", "kind01", "kind02"].flatMap((name) => [
        `local/${name}.internal/cluster`,
        `local/${name}.internal/kubeconfig`,
      ]),
    );
    const shared = graph.resources.filter((resource) => resource.row.kind === "shared");
    expect(shared.map((resource) => resource.label).sort()).toEqual([
      "image kindest/node:v1.36.1",
      "image rancher/k3s:v1.36.1-k3s1",
      "network kind",
    ]);
  });

  test("says of every cluster of Azure and GCP that it is left out", async () => {
    const graph = await graphOf(fleet);
    const clusters = graph.leftOut.map(({ cluster }) => cluster);
    expect(clusters.filter((name) => /\.(az|gcp)\./.test(name)).length).toBe(8);
    expect(clusters.length).toBe(8);
  });

  test("pulls the image that the environment names instead of the pinned one", async () => {
    const graph = await graphOf(fleet, {}, { ...emulated, KIND_NODE_IMAGE: "example/node:v1" });
    expect(graph.byId.has("local/docker/image/example/node:v1")).toBe(true);
  });

  test("is as large as a fleet of a hundred clusters needs", async () => {
    const clusters = Array.from({ length: 100 }, (_, index) => ({
      provider: "kind" as const,
      name: `c${index}.internal`,
      apiPort: 7_000 + index,
    }));
    const reading = await readFleet({ domain: "example.dev", zones: [], accounts: [], clusters });
    if (reading.kind !== "fleet") throw new Error("the fleet is valid");
    expect((await graphOf(reading.fleet)).resources.length).toBe(202);
  });
});

describe("a selection", () => {
  const ids = (set: ReadonlySet<AnyResource>): readonly string[] => [...set].map((resource) => resource.id).sort();

  test("of nothing is the whole fleet", async () => {
    const graph = await graphOf(fleet);
    const selected = select(graph, fleet, {});
    expect(selected.clusters.length).toBe(16);
    expect(selected.withNeeds.size).toBe(graph.resources.length);
  });

  test("of a cluster brings what it needs along", async () => {
    const graph = await graphOf(fleet, {}, { ...emulated, KIND_NODE_IMAGE: "node:1", K3S_NODE_IMAGE: "k3s:1" });
    const selected = select(graph, fleet, { clusters: ["kind02.internal"] });
    expect(ids(selected.chosen)).toEqual(["local/kind02.internal/cluster", "local/kind02.internal/kubeconfig"]);
    expect(ids(selected.withNeeds)).toEqual([
      "local/docker/image/node:1",
      "local/docker/network/kind",
      "local/kind02.internal/cluster",
      "local/kind02.internal/kubeconfig",
    ]);
  });

  test("by provider, account and target is joined", async () => {
    const graph = await graphOf(fleet);
    const selected = select(graph, fleet, {
      providers: ["k3d"],
      accounts: ["aws-01"],
      targets: ["local/kind01.internal/cluster"],
    });
    expect(selected.clusters.map((cluster): string => cluster.name)).toEqual([
      "k01.k8s.aws.mylabs.dev",
      "k02.k8s.aws.mylabs.dev",
      "k3d01.internal",
      "k3d02.internal",
    ]);
    expect(ids(selected.chosen)).toContain("local/kind01.internal/cluster");
    expect(ids(selected.chosen)).not.toContain("local/kind01.internal/kubeconfig");
  });

  test.each([
    [{ clusters: ["kind1.internal"] }, 'unknown cluster "kind1.internal"', "kind01.internal"],
    [{ accounts: ["aws-1"] }, 'unknown account "aws-1"', "aws-01"],
    [{ providers: ["kin"] }, 'unknown provider "kin"', "kind"],
    [{ targets: ["local/kind01.internal/clustr"] }, "unknown target", "local/kind01.internal/cluster"],
  ] as const)("of %j is refused with the nearest name", async (selection, message, near) => {
    try {
      select(await graphOf(fleet), fleet, selection);
      throw new Error("it was not refused");
    } catch (error) {
      expect(String(error)).toContain(message);
      expect((error as { hint?: string }).hint).toContain(`did you mean "${near}"`);
    }
  });

  test("within a provider knows no cluster of another", async () => {
    const graph = await graphOf(fleet);
    expect(() => select(graph, fleet, { within: ["kind"], clusters: ["k3d01.internal"] })).toThrow("unknown cluster");
  });
});
