import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { k3sNode, kindNode } from "#clusters/images.ts";
import { awsAccountRoles, iamRoleOf, serviceRoleOf } from "#lib/aws/fleet/roles.ts";
import { environmentOf } from "#lib/fleet/defaults.ts";
import * as facts from "#lib/fleet/provider.ts";
import type { Account, Cluster } from "#lib/fleet/types.ts";
import { imageOf, tryImageKubernetes, workersOf } from "#lib/local/fleet/defaults.ts";
import { builtInProviders } from "#lib/providers.ts";
import { eks, gke, k3d, kind } from "#tests/fixtures/fleets/base.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { fleet as threeAccounts } from "#tests/fixtures/fleets/valid/three-accounts.ts";

const kubernetesOf = (cluster: Cluster) => facts.kubernetesOf(cluster, builtInProviders);
const podCidrOf = (cluster: Cluster) => facts.podCidrOf(cluster, builtInProviders);
const serviceCidrOf = (cluster: Cluster) => facts.serviceCidrOf(cluster, builtInProviders);
const isPlaceholder = (account: Account) => facts.placeholders({ accounts: [account] }, builtInProviders).length > 0;

describe("defaults", () => {
  test("of a kind cluster", () => {
    expect([
      workersOf(kind),
      imageOf(kind),
      kubernetesOf(kind),
      environmentOf(kind),
      podCidrOf(kind),
      serviceCidrOf(kind),
    ]).toEqual([1, kindNode, "1.36", "dev", "10.244.0.0/16", "10.96.0.0/16"]);
  });

  test("of a k3d cluster", () => {
    expect([imageOf(k3d), kubernetesOf(k3d), podCidrOf(k3d), serviceCidrOf(k3d)]).toEqual([
      k3sNode,
      "1.36",
      "10.42.0.0/16",
      "10.43.0.0/16",
    ]);
  });

  test("of a cloud cluster whose ranges only the cloud knows", () => {
    expect([kubernetesOf(gke), podCidrOf(gke), serviceCidrOf(gke)]).toEqual(["1.36", undefined, undefined]);
  });

  test("of an EKS cluster, whose pods have addresses of its VPC", () => {
    expect([kubernetesOf(eks), podCidrOf(eks), serviceCidrOf(eks)]).toEqual(["1.36", "10.0.0.0/16", "172.20.0.0/16"]);
  });

  test("give way to what the entry says", () => {
    const own = { ...kind, workers: 0, image: "x/y:v1.35.1", environment: "prod", podCidr: "10.1.0.0/16" };
    expect([workersOf(own), imageOf(own), kubernetesOf(own), environmentOf(own), podCidrOf(own)]).toEqual([
      0,
      "x/y:v1.35.1",
      "1.35",
      "prod",
      "10.1.0.0/16",
    ]);
  });

  test("the version isn't read out of a registry's port", () => {
    expect(tryImageKubernetes("localhost:5000/node:mine")).toBeUndefined();
    expect(tryImageKubernetes("localhost:5000/node:v1.36.1-k3s1")).toBe("1.36");
  });
});

describe("placeholders", () => {
  test.each([
    ["111111111111", true],
    ["000000000000", true],
    ["123456789012", false],
  ])("AWS account %s: %p", (accountId, expected) => {
    expect(isPlaceholder({ provider: "aws", name: "a", role: "tenant", accountId })).toBe(expected);
  });

  test("one real UUID of two isn't enough", () => {
    const real = "0a1b2c3d-0000-4000-8000-00000000000f";
    const repeated = "11111111-1111-1111-1111-111111111111";
    const account = { provider: "azure", name: "a", role: "tenant" } as const;
    expect(isPlaceholder({ ...account, subscriptionId: real, tenantId: repeated })).toBe(true);
    expect(isPlaceholder({ ...account, subscriptionId: repeated, tenantId: real })).toBe(true);
    expect(isPlaceholder({ ...account, subscriptionId: real, tenantId: real })).toBe(false);
  });

  test("a real project id isn't enough", () => {
    const account = { provider: "gcp", name: "a", role: "tenant" } as const;
    const real = { projectId: "mylabs-01", projectNumber: "123456789012" };
    expect(isPlaceholder({ ...account, ...real })).toBe(false);
    expect(isPlaceholder({ ...account, ...real, projectId: "example-01" })).toBe(true);
    expect(isPlaceholder({ ...account, ...real, projectNumber: "222222222222" })).toBe(true);
  });
});

describe("roles", () => {
  test("keep their names whatever the order of accounts and clusters, and whatever else is in the fleet", () => {
    const { accounts, clusters } = threeAccounts;
    const all = <Item>(items: readonly Item[]) => fc.shuffledSubarray([...items], { minLength: items.length });
    fc.assert(
      fc.property(all(accounts), fc.shuffledSubarray([...clusters]), (someAccounts, someClusters) => {
        for (const { account, role } of awsAccountRoles({ accounts: someAccounts, clusters: someClusters })) {
          expect(role).toBe(account.iamRole ?? "");
        }
      }),
    );
  });

  test("have names of their own where the fleet gives none", () => {
    const account = { provider: "aws", accountId: "222222222222" } as const;
    expect(iamRoleOf({ ...account, name: "blue", role: "tenant" })).toBe("blue-iam-role");
    expect(iamRoleOf({ ...account, name: "aws-mgmt", role: "management" })).toBe("aws-mgmt-clusters-iam-role");
    expect(serviceRoleOf({ ...account, name: "blue", role: "tenant" })).toBe("blue-cloudformation-role");
    expect(serviceRoleOf({ ...account, name: "blue", role: "tenant", iamRole: "Ops" })).toBe("Ops-cloudformation-role");
  });

  test("are named by their accounts", () => {
    expect(awsAccountRoles(fleet).map(({ account, role }) => [account.name, role])).toEqual([
      ["aws-01", "aws-01-iam-role"],
      ["aws-02", "aws-02-iam-role"],
    ]);
  });

  test("include one of the management account if it has clusters", () => {
    expect(awsAccountRoles(threeAccounts).map(({ account, role }) => [account.name, role])).toEqual([
      ["aws-mgmt", "aws-01-iam-role"],
      ["aws-01", "aws-02-iam-role"],
      ["aws-02", "aws-03-iam-role"],
    ]);
  });
});

test("regions are written once each, in the form of their cloud", () => {
  const regionsOf = (name: string) => builtInProviders.get(name)?.regions ?? [];
  for (const { regions = [] } of builtInProviders.values()) expect(new Set(regions).size).toBe(regions.length);
  for (const region of regionsOf("aws")) expect(region).toMatch(/^[a-z]{2}-[a-z]+-\d$/);
  for (const region of regionsOf("azure")) expect(region).toMatch(/^[a-z]+\d?$/);
  for (const region of regionsOf("gcp")) expect(region).toMatch(/^[a-z]+-[a-z]+\d{1,2}$/);
  for (const cloud of ["aws", "azure", "gcp"]) expect(regionsOf(cloud).length).toBeGreaterThan(30);
});
