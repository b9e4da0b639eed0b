import { expect, setDefaultTimeout, test } from "bun:test";
import { openCloudSandbox } from "#tests/support/cloud-sandbox.ts";
import { changesIn, liveDefaultFleet } from "#tests/support/default-fleet.ts";
import { well } from "#tests/support/story.ts";
import { fleet as threeAccounts } from "../fixtures/fleets/valid/three-accounts.ts";

setDefaultTimeout(240_000);

test("the AWS part of the default fleet lives: made, unchanged, proved, changed, deleted", async () => {
  await liveDefaultFleet({
    provider: "aws",
    product: "eks",
    changing: "aws/aws-01/k01.k8s.aws.mylabs.dev/stack",
    changed: { publicAccessCidrs: ["198.51.100.0/24"] },
    changes: [
      { field: "parameters.PublicAccessCidrs", from: ["203.0.113.0/24"], to: ["198.51.100.0/24"], effect: "in-place" },
    ],
    healthy: 6,
    refused: [
      { task: "delete/aws-tenant/cf-iam-role", args: ["aws-01"], resource: "aws/aws-01/stack/role" },
      { task: "delete/aws-mgmt/cf-route53-gh-action-iam-role-oidc", resource: "aws/aws-mgmt/stack/management" },
    ],
    accountTasks: ["delete/aws-tenant/cf-iam-role", "delete/aws-mgmt/cf-route53-gh-action-iam-role-oidc"],
    left: ({ stacks }: { readonly stacks: readonly { readonly status: string }[] }) =>
      stacks.filter(({ status }) => status !== "DELETE_COMPLETE"),
    leftOfAccounts: 3,
  });
});

test("a fleet with clusters in the management account too is made by its accounts' own tasks, and deleted", async () => {
  const aws = await openCloudSandbox();
  const of = { fleet: threeAccounts };
  try {
    await well(aws.run("create/aws-mgmt/cf-route53-gh-action-iam-role-oidc", [], of));
    const tenant = await well(aws.run("create/aws-tenant/cf-iam-role", ["aws-02"], of));
    expect(Object.keys(tenant.results)).toEqual(["aws/aws-02/stack/role"]);
    const made = await well(aws.run("create-eks-all", [], of));
    for (const [account, cluster] of [
      ["aws-mgmt", "k01"],
      ["aws-01", "k04"],
      ["aws-02", "k06"],
    ]) {
      expect(made.results[`aws/${account}/kubeconfig/${cluster}.k8s.aws.mylabs.dev`]?.outcome).toBe("made");
    }
    expect(made.results["aws/aws-02/stack/role"]?.outcome).toBe("unchanged");
    const again = await well(aws.run("create-eks-all", [], of));
    expect(changesIn(again)).toEqual([]);
    await well(aws.run("delete-eks-all", ["--yes"], of));
    expect(JSON.parse(await aws.sandbox("status")).aws.clusters).toEqual([]);
  } finally {
    await aws.close();
  }
});
