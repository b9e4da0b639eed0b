import { describe, expect, test } from "bun:test";
import { managementStackId, roleStackId } from "#lib/aws/names.ts";
import { awsTargets } from "#lib/aws/targets.ts";
import type { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { awsGraphOf } from "#tests/support/aws-world.ts";
import { failureOf } from "#tests/support/failure.ts";
import { graphOf as graphWith } from "#tests/support/fleet.ts";
import { fleet as threeAccounts } from "../fixtures/fleets/valid/three-accounts.ts";

/** Nothing is emulated: values that stand for others are refused. */
const real: Readonly<Record<string, string>> = {};

function graphOf(of: Fleet, targets: readonly string[] = [], variables?: typeof real) {
  return graphWith(of, { targets, gitops: { wait: false } }, variables);
}

async function needsOf(of: Fleet, id: string): Promise<readonly string[]> {
  return ((await graphOf(of)).byId.get(id)?.needs ?? []).map((need) => need.id).sort();
}

const k01 = "aws/aws-01/k01.k8s.aws.mylabs.dev";

const realAccounts = fleet.accounts.map((account) =>
  account.provider === "aws" ? { ...account, accountId: account.accountId.replace(/.$/, "0") } : account,
);
/** With nothing in it that stands for something else. */
const ready: Fleet = {
  ...fleet,
  accounts: realAccounts,
  github: { repository: "example/fleet", repositoryId: "123456", ownerId: "7890", claims: ["ref:refs/heads/main"] },
  clusters: fleet.clusters.map((cluster) =>
    cluster.provider === "aws" ? { ...cluster, publicAccessCidrs: ["10.1.2.0/24"] } : cluster,
  ),
};

describe("the AWS part of a fleet", () => {
  test("has roles and zones per account, and per cluster a zone, its delegation, a stack, a kubeconfig and Argo CD", async () => {
    const ids = [...(await graphOf(fleet)).byId.keys()].filter((id) => id.startsWith("aws/"));
    expect(ids.filter((id) => !id.includes("k0"))).toEqual([
      "aws/aws-mgmt/oidc-provider",
      "aws/aws-mgmt/caller",
      "aws/aws-mgmt/existing-zones",
      "aws/aws-mgmt/stack/management",
      "aws/aws-mgmt/zones",
      "aws/aws-mgmt/registrar/aws.mylabs.dev",
      "aws/aws-01/stack/role",
      "aws/aws-02/stack/role",
    ]);
    expect(ids.filter((id) => id.includes("k01.k8s")).sort()).toEqual(
      [
        `${k01}/applications`,
        `${k01}/argocd`,
        `${k01}/delegation`,
        `${k01}/facts`,
        "aws/aws-01/kubeconfig/k01.k8s.aws.mylabs.dev",
        `${k01}/stack`,
        `${k01}/zone`,
      ].sort(),
    );
  });

  test("makes each thing after what it needs", async () => {
    expect(await needsOf(fleet, "aws/aws-01/stack/role")).toEqual(["aws/aws-mgmt/stack/management"]);
    expect(await needsOf(fleet, `${k01}/zone`)).toEqual(["aws/aws-01/stack/role"]);
    expect(await needsOf(fleet, `${k01}/delegation`)).toEqual([`${k01}/zone`, "aws/aws-mgmt/zones"].sort());
    expect(await needsOf(fleet, `${k01}/stack`)).toEqual([`${k01}/zone`, "aws/aws-01/stack/role"].sort());
    expect(await needsOf(fleet, "aws/aws-01/kubeconfig/k01.k8s.aws.mylabs.dev")).toEqual([`${k01}/stack`]);
  });

  test("has the role of clusters in the management account too, where it holds some", async () => {
    const graph = await graphOf(threeAccounts);
    const roles = graph.resources.filter(({ id }) => id.endsWith("/stack/role"));
    expect(roles.map(({ title }) => title)).toEqual([
      "aws-mgmt: role aws-01-iam-role",
      "aws-01: role aws-02-iam-role",
      "aws-02: role aws-03-iam-role",
    ]);
    expect(await needsOf(threeAccounts, "aws/aws-mgmt/k01.k8s.aws.mylabs.dev/zone")).toEqual([
      "aws/aws-mgmt/stack/role",
    ]);
  });

  test.each([
    ["the management account", fleet, "the account id of aws-mgmt is a placeholder: put your own into clusters/"],
    ["GitHub", { ...fleet, accounts: realAccounts }, "the ids of github are placeholders: put your own into clusters/"],
    [
      "who reaches a cluster",
      { ...ready, clusters: fleet.clusters },
      "publicAccessCidrs is a placeholder: put your own into clusters/",
    ],
  ])("is left out of a real run while something stands for %s", async (_what, of, why) => {
    const graph = await graphOf(of, [], real);
    expect(graph.leftOut.filter(({ cluster }) => cluster.includes(".aws.")).map((entry) => entry.why)).toEqual([
      why,
      why,
      why,
      why,
    ]);
    expect(graph.byId.has(`${k01}/stack`)).toBe(false);
  });

  test("is there in a real run once everything is put in", async () => {
    const graph = await graphOf(ready, [], real);
    expect(graph.leftOut.filter(({ cluster }) => cluster.includes(".aws."))).toEqual([]);
    expect(graph.byId.has(`${k01}/stack`)).toBe(true);
  });

  test("has no way in for GitHub in a fleet that lets none in", async () => {
    const { github: _github, ...without } = fleet;
    expect((await graphOf(without)).byId.has("aws/aws-mgmt/oidc-provider")).toBe(false);
  });

  test("keeps what accounts have in common in a delete, unless it is named", async () => {
    const kept = async (targets: readonly string[] = []) =>
      (await graphOf(fleet, targets)).resources
        .filter(({ id, keptOnDelete }) => id.startsWith("aws/") && keptOnDelete !== undefined)
        .map(({ id }) => id);
    expect(await kept()).toContain(managementStackId("aws-mgmt"));
    expect(await kept()).toContain(roleStackId("aws-01"));
    expect(await kept()).toContain("aws/aws-mgmt/oidc-provider");
    expect((await kept()).some((id) => id.includes("k01"))).toBe(false);
    const named = await kept([roleStackId("aws-01")]);
    expect(named).not.toContain(roleStackId("aws-01"));
    expect(named).toContain(roleStackId("aws-02"));
  });
});

describe("the targets of account tasks", () => {
  const owners = (...names: readonly string[]) => ({
    findAdministrator: (account: { readonly name: string; readonly accountId: string }) =>
      Promise.resolve(
        names.includes(account.name)
          ? {
              credentials: { accessKeyId: "A", secretAccessKey: "b" },
              identity: { account: account.accountId, arn: "arn:aws:iam::1:user/a" },
            }
          : undefined,
      ),
  });

  const targets = (what: "management" | "tenants", accounts: readonly string[], here: ReturnType<typeof owners>) =>
    awsTargets(what, awsGraphOf(fleet), fleet, accounts, here);

  test("are the stack, the way in of GitHub and the look at the registrar", async () => {
    expect(await targets("management", [], owners())).toEqual([
      "aws/aws-mgmt/oidc-provider",
      "aws/aws-mgmt/stack/management",
      "aws/aws-mgmt/registrar/aws.mylabs.dev",
    ]);
  });

  test("are the accounts that are named, else those whose owner is here", async () => {
    expect(await targets("tenants", ["aws-02"], owners())).toEqual([roleStackId("aws-02")]);
    expect(await targets("tenants", [], owners("aws-01"))).toEqual([roleStackId("aws-01")]);
  });

  test("refuse an unknown account, and say when nobody here owns any", async () => {
    const unknown = await failureOf(targets("tenants", ["aws-1"], owners()));
    expect([unknown.code, unknown.hint]).toEqual(["UnknownAccount", expect.stringContaining("aws-01")]);
    const none: FleetError = await failureOf(targets("tenants", [], owners()));
    expect(none.code).toBe("NothingSelected");
  });
});
