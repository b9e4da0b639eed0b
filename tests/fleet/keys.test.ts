import { expect, test } from "bun:test";
import { hasUnknownKeys, knownKeys } from "#lib/fleet/keys.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { builtInProviders } from "#lib/providers.ts";
import { base, eks, kind } from "#tests/fixtures/fleets/base.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";

const nodes = { instanceType: "m7g.large", count: 2 };

test("fleets have known keys only", () => {
  expect(
    [fleet, base, { ...base, clusters: [{ ...eks, nodes }] }].filter((one) => hasUnknownKeys(one, builtInProviders)),
  ).toEqual([]);
});

test.each<[string, object]>([
  ["the fleet", { ...fleet, cluster: [] }],
  ["a pair of zones", { ...fleet, zones: [{ ...fleet.zones[0], parent: "x" }] }],
  ["an account", { ...fleet, accounts: [{ ...fleet.accounts[0], id: "1" }] }],
  ["a cluster, which another provider's has", { ...fleet, clusters: [{ ...kind, nodes }] }],
  ["nodes", { ...fleet, clusters: [{ ...eks, nodes: { ...nodes, max: 3 } }] }],
  ["gitops", { ...fleet, gitops: { ...fleet.gitops, branch: "main" } }],
  ["a switch", { ...fleet, gitops: { ...fleet.gitops, applications: [{ name: "demo", on: [{}], of: [] }] } }],
  ["a condition", { ...fleet, gitops: { ...fleet.gitops, applications: [{ name: "demo", on: [{ provider: [] }] }] } }],
  ["github", { ...fleet, github: { ...fleet.github, claim: [] } }],
])("an unknown key of %s is found", (_, odd) => {
  expect(hasUnknownKeys(odd as Fleet, builtInProviders)).toBe(true);
});

test("keys of nodes are known for hints", () => {
  expect(knownKeys(["clusters", 0, "nodes"], nodes, builtInProviders)).toEqual(["instanceType", "count"]);
});
