import { expect, setDefaultTimeout, test } from "bun:test";
import type { EksCluster } from "#lib/aws/fleet/types.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { fleet as whole } from "#tests/fixtures/fleets/default/fleet.ts";
import { type CloudSandbox, isChanging, openCloudSandbox, type Run } from "#tests/support/cloud-sandbox.ts";
import { fleet as threeAccounts } from "../fixtures/fleets/valid/three-accounts.ts";

setDefaultTimeout(240_000);

const clusters = whole.clusters.filter((cluster): cluster is EksCluster => cluster.provider === "aws");
const fleet: Fleet = { ...whole, clusters };
/** The same without zones of other clouds, which nothing makes yet. */
const onlyAws: Fleet = { ...fleet, zones: fleet.zones.slice(0, 1) };
const k01 = "aws/aws-01/k01.k8s.aws.mylabs.dev";

/** Each outcome with how many resources it was of. */
function outcomes({ results }: Run): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { outcome } of Object.values(results)) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/** Why a run failed, for the test's own message. */
function failures({ results, stderr }: Run): readonly string[] {
  const all = Object.values(results);
  return [
    ...all.flatMap(({ id, error }) =>
      error === undefined ? [] : [`${id}: ${error.message} ${error.details?.join(" ")}`],
    ),
    ...all.flatMap(({ id, health, outcome }) => (outcome === "degraded" ? [`${id}: ${health?.summary}`] : [])),
    ...(stderr === "" ? [] : [stderr]),
  ];
}

interface AwsStatus {
  readonly clusters: readonly unknown[];
  readonly stacks: readonly { readonly name: string; readonly status: string }[];
}

/** What the sandbox's AWS has, deleted stacks left out. */
async function leftIn(aws: CloudSandbox): Promise<AwsStatus> {
  const { clusters: all, stacks } = (JSON.parse(await aws.sandbox("status")) as { readonly aws: AwsStatus }).aws;
  return { clusters: all, stacks: stacks.filter(({ status }) => status !== "DELETE_COMPLETE") };
}

function changesIn({ results }: Run): readonly string[] {
  return Object.values(results)
    .filter(({ outcome }) => outcome !== "unchanged")
    .map(({ id, outcome, changes }) => `${id} ${outcome} ${JSON.stringify(changes)}`);
}

async function expectWell(run: Promise<Run>): Promise<Run> {
  const ended = await run;
  expect(failures(ended)).toEqual([]);
  expect(ended.exitCode).toBe(0);
  return ended;
}

/** Each step goes on from the one before: tests of their own would run in any order. */
test("the AWS part of the default fleet lives: made, unchanged, proved, changed, drifted, deleted", async () => {
  const aws = await openCloudSandbox();
  try {
    const nothing = await expectWell(aws.run("plan", [], { fleet: onlyAws }));
    expect(nothing.results[`${k01}/stack`]?.outcome).toBe("to make");
    expect((await aws.run("status", [], { fleet: onlyAws })).exitCode).toBe(1);
    const empty = await expectWell(aws.run("status", ["--allow-absent"], { fleet: onlyAws }));
    expect(empty.results[`${k01}/stack`]?.outcome).toBe("absent");
    const gone = await expectWell(aws.run("delete-eks-all", ["--yes"], { fleet }));
    expect(gone.results[`${k01}/stack`]?.note).toBe("already gone");
    expect((await aws.calls()).filter(isChanging)).toEqual([]);

    const made = await expectWell(aws.run("create-eks-all", [], { fleet }));
    for (const { name, account } of clusters) {
      const prefix = `aws/${account}/${name}`;
      expect(made.results[`${prefix}/applications`]?.health?.summary).toBe("6 healthy");
      expect(made.results[`${prefix}/delegation`]?.outcome).toBe("made");
    }

    await expectWell(aws.run("status", [], { fleet: onlyAws }));
    await aws.calls();
    const again = await expectWell(aws.run("create-eks-all", [], { fleet }));
    expect(changesIn(again)).toEqual([]);
    expect((await aws.calls()).filter(isChanging)).toEqual([]);

    const proved = await aws.run("dns/verify", [], { fleet: onlyAws });
    const edges = proved.stdout.split("\n").filter((line) => line !== "");
    expect(edges.map((line) => (JSON.parse(line) as { readonly state: string }).state)).toEqual(
      Array.from({ length: 6 }, () => "ok"),
    );

    const changed: Fleet = {
      ...fleet,
      clusters: clusters.map((cluster) =>
        cluster.name.startsWith("k01") ? { ...cluster, publicAccessCidrs: ["198.51.100.0/24"] } : cluster,
      ),
    };
    await aws.calls();
    const planned = await aws.run("plan", [], { fleet: changed });
    expect(planned.results[`${k01}/stack`]?.changes).toEqual([
      { field: "parameters.PublicAccessCidrs", from: ["203.0.113.0/24"], to: ["198.51.100.0/24"], effect: "in-place" },
    ]);
    expect((await aws.calls()).filter(isChanging)).toEqual([]);
    const updated = await expectWell(aws.run("create-eks-all", [], { fleet: changed }));
    expect(updated.results[`${k01}/stack`]?.outcome).toBe("updated");
    expect(outcomes(updated).updated).toBe(1);

    // What clusters live by isn't taken away before them.
    const role = await aws.run("delete/aws-tenant/cf-iam-role", ["aws-01", "--yes"], { fleet });
    expect(role.results["aws/aws-01/stack/role"]?.error?.code).toBe("StillNeeded");
    const zones = await aws.run("delete/aws-mgmt/cf-route53-gh-action-iam-role-oidc", ["--yes"], { fleet });
    expect(zones.results["aws/aws-mgmt/stack/management"]?.error?.code).toBe("StillNeeded");
    await expectWell(aws.run("status", [], { fleet: { ...changed, zones: onlyAws.zones } }));

    await expectWell(aws.run("delete-eks-all", ["--yes"], { fleet }));
    const left = await leftIn(aws);
    expect(left.clusters).toEqual([]);
    expect(left.stacks.length).toBe(3);

    await expectWell(aws.run("delete/aws-tenant/cf-iam-role", ["--yes"], { fleet }));
    await expectWell(aws.run("delete/aws-mgmt/cf-route53-gh-action-iam-role-oidc", ["--yes"], { fleet }));
    expect((await leftIn(aws)).stacks).toEqual([]);
  } finally {
    await aws.close();
  }
});

test("a fleet with clusters in the management account too is made by its accounts' own tasks, and deleted", async () => {
  const aws = await openCloudSandbox();
  const of = { fleet: threeAccounts };
  try {
    await expectWell(aws.run("create/aws-mgmt/cf-route53-gh-action-iam-role-oidc", [], of));
    const tenant = await expectWell(aws.run("create/aws-tenant/cf-iam-role", ["aws-02"], of));
    expect(Object.keys(tenant.results)).toEqual(["aws/aws-02/stack/role"]);
    const made = await expectWell(aws.run("create-eks-all", [], of));
    for (const [account, cluster] of [
      ["aws-mgmt", "k01"],
      ["aws-01", "k04"],
      ["aws-02", "k06"],
    ]) {
      expect(made.results[`aws/${account}/kubeconfig/${cluster}.k8s.aws.mylabs.dev`]?.outcome).toBe("made");
    }
    expect(made.results["aws/aws-02/stack/role"]?.outcome).toBe("unchanged");
    const again = await expectWell(aws.run("create-eks-all", [], of));
    expect(changesIn(again)).toEqual([]);
    await expectWell(aws.run("delete-eks-all", ["--yes"], of));
    expect((await leftIn(aws)).clusters).toEqual([]);
  } finally {
    await aws.close();
  }
});
