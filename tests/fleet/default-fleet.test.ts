import { describe, expect, test } from "bun:test";
import { k3sNode, kindNode } from "#clusters/images.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import { placeholders } from "#lib/fleet/provider.ts";
import type { CloudProvider } from "#lib/fleet/types.ts";
import { isCloud, isLocal } from "#lib/fleet/types.ts";
import { builtInProviders } from "#lib/providers.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { checkFleet, readFleet } from "#tests/support/fleet.ts";

const cloudTable: readonly (readonly [string, CloudProvider, string, "US" | "EU"])[] = [
  ["k01.k8s.aws.mylabs.dev", "aws", "aws-01", "US"],
  ["k02.k8s.aws.mylabs.dev", "aws", "aws-01", "EU"],
  ["k03.k8s.aws.mylabs.dev", "aws", "aws-02", "US"],
  ["k04.k8s.aws.mylabs.dev", "aws", "aws-02", "EU"],
  ["k01.k8s.az.mylabs.dev", "azure", "azure-01", "US"],
  ["k02.k8s.az.mylabs.dev", "azure", "azure-01", "EU"],
  ["k03.k8s.az.mylabs.dev", "azure", "azure-02", "US"],
  ["k04.k8s.az.mylabs.dev", "azure", "azure-02", "EU"],
  ["k01.k8s.gcp.mylabs.dev", "gcp", "gcp-01", "US"],
  ["k02.k8s.gcp.mylabs.dev", "gcp", "gcp-01", "EU"],
  ["k03.k8s.gcp.mylabs.dev", "gcp", "gcp-02", "US"],
  ["k04.k8s.gcp.mylabs.dev", "gcp", "gcp-02", "EU"],
];

const continents: Readonly<Record<string, "US" | "EU">> = {
  "us-east-1": "US",
  "eu-central-1": "EU",
  eastus2: "US",
  westeurope: "EU",
  "us-east1": "US",
  "europe-west1": "EU",
};

describe("the default fleet", () => {
  test("has no fault and fits the schema", async () => {
    expect(checkFleet(fleet)).toEqual([]);
    expect(await readFleet(fleet)).toEqual({ kind: "fleet", fleet });
  });

  test("has the twelve cloud clusters, odd ones in the US and even ones in the EU", () => {
    const rows = fleet.clusters
      .filter(isCloud)
      .map(({ name, provider, account, region }) => [name, provider, account, continents[region]]);
    expect(rows).toEqual(cloudTable.map((row) => [...row]));
  });

  test("has the four local clusters on their ports", () => {
    expect(fleet.clusters.filter(isLocal).map(({ name, provider, apiPort }) => [name, provider, apiPort])).toEqual([
      ["kind01.internal", "kind", 6551],
      ["kind02.internal", "kind", 6552],
      ["k3d01.internal", "k3d", 6561],
      ["k3d02.internal", "k3d", 6562],
    ]);
    expect(fleet.clusters).toHaveLength(16);
  });

  test("has a management account and two tenants per cloud", () => {
    expect(fleet.accounts.map(({ name, role }) => [name, role])).toEqual(
      ["aws", "azure", "gcp"].flatMap((cloud) => [
        [`${cloud}-mgmt`, "management"],
        [`${cloud}-01`, "tenant"],
        [`${cloud}-02`, "tenant"],
      ]),
    );
  });

  test("has the zones of the specification", () => {
    expect(fleet.domain).toBe("mylabs.dev");
    expect(fleet.zones.map(({ primary, clusters }) => [primary, clusters])).toEqual(
      ["aws", "az", "gcp"].map((label) => [`${label}.mylabs.dev`, `k8s.${label}.mylabs.dev`]),
    );
  });

  test("has placeholders for ids, all of them", () => {
    expect(placeholders(fleet, builtInProviders)).toEqual(fleet.accounts);
  });

  test("gives each cluster the task suffix of the specification", () => {
    const suffixes = fleet.clusters.map(taskSuffix);
    expect(suffixes).toContain("kind01-internal");
    expect(suffixes).toContain("k01-k8s-aws-mylabs-dev");
    expect(new Set(suffixes).size).toBe(16);
  });
});

describe("node images", () => {
  /** The pattern of renovate.json5, so that a pin which Renovate can't see fails here. */
  const pattern =
    /(?:#|\/\/) renovate: datasource=(?<datasource>\S+) depName=(?<depName>\S+)(?: packageName=\S+)?(?: versioning=\S+)?\s+(?:export\s+)?(?:(?:const|let)\s+)?[^\s:=]+\s*(?::\s*\w+\s*)?[:=]\s*["'`]?(?:[^"'`\s@]*:)?(?<currentValue>v?[^"'`\s@]+)(?:@(?<currentDigest>sha256:[a-f0-9]+))?/g;

  test("are pinned by tag and digest", () => {
    for (const image of [kindNode, k3sNode])
      expect(image).toMatch(/^[a-z0-9/]+:v\d+\.\d+\.\d+(?:-k3s\d+)?@sha256:[0-9a-f]{64}$/);
  });

  test("are found by Renovate", async () => {
    const text = await Bun.file(new URL("../../clusters/images.ts", import.meta.url)).text();
    const found = [...text.matchAll(pattern)].map(
      ({ groups }) => `${groups?.depName}:${groups?.currentValue}@${groups?.currentDigest}`,
    );
    expect(found).toEqual([kindNode, k3sNode]);
  });
});
