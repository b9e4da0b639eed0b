import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { EksCluster } from "#lib/aws/fleet/types.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { type AwsStory, eks, fleetOf, inAws } from "#tests/support/aws-story.ts";
import type { Run } from "#tests/support/cloud-sandbox.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const k01 = "aws/aws-01/k01.k8s.aws.mylabs.dev";
const kubeconfig = "aws/aws-01/kubeconfig/k01.k8s.aws.mylabs.dev";
const roleStack = "aws/aws-01/stack/role";

/** What is not as it should be, with what is said of it. */
function ills({ results }: Run): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.values(results).flatMap(({ id, outcome, health }) => {
      if (outcome === "absent") return [[id, "absent"]];
      return health?.kind === "degraded" ? [[id, health.summary]] : [];
    }),
  );
}

async function zoneIdOf(aws: AwsStory, account: "aws-mgmt" | "aws-01", name: string): Promise<string> {
  const { route53 } = await aws.as(account);
  const { HostedZones = [] } = await route53.listHostedZones({});
  return HostedZones.find((zone) => zone.Name === `${name}.`)?.Id?.replace("/hostedzone/", "") ?? "";
}

test.concurrent("what is changed by hand is told, and mended where create can mend it", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await well(aws.run("create-eks-all", [], { fleet }));
    const [management, one] = await Promise.all([aws.as("aws-mgmt"), aws.as("aws-01")]);
    const HostedZoneId = await zoneIdOf(aws, "aws-mgmt", "k8s.aws.mylabs.dev");
    const { ResourceRecordSets = [] } = await management.route53.listResourceRecordSets({ HostedZoneId });
    const set = ResourceRecordSets.find(({ Name }) => Name === "k01.k8s.aws.mylabs.dev.");
    const ChangeBatch = { Changes: [{ Action: "DELETE" as const, ResourceRecordSet: set }] };
    await management.route53.changeResourceRecordSets({ HostedZoneId, ChangeBatch });

    const missing = await aws.run("status", [], { fleet });
    expect(ills(missing)).toEqual({ [`${k01}/delegation`]: "absent" });
    expect(missing.exitCode).toBe(1);

    await one.route53.changeTagsForResource({
      ResourceType: "hostedzone",
      ResourceId: await zoneIdOf(aws, "aws-01", "k01.k8s.aws.mylabs.dev"),
      RemoveTagKeys: ["cluster"],
    });
    const path = join(aws.state, ".kubeconfigs", "kubeconfig_k01.k8s.aws.mylabs.dev.yml");
    await Bun.write(path, (await Bun.file(path).text()).replace("https://127.0.0.1", "https://127.0.0.2"));
    await one.iam.putRolePolicy({
      RoleName: "aws-01-iam-role",
      PolicyName: "aws-01-iam-role-policy",
      PolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Action: "*", Resource: "*" },
      }),
    });
    const drifted = await aws.run("status", ["--drift"], { fleet });
    expect(drifted.exitCode).toBe(1);
    expect(ills(drifted)).toEqual({
      [`${k01}/delegation`]: "absent",
      [`${k01}/zone`]: "drifted from the fleet (tags.cluster: none → k01.k8s.aws.mylabs.dev)",
      [kubeconfig]: `${path} is not of this cluster`,
      [roleStack]: expect.stringContaining("changed behind CloudFormation's back: TenantIamRole/Policies/0"),
    });

    const mended = await well(aws.run("create-eks-all", [], { fleet }));
    expect(endedAs(mended, "made")).toEqual([`${k01}/delegation`]);
    expect(endedAs(mended, "updated")).toEqual([`${k01}/zone`, kubeconfig]);
    // CloudFormation compares templates, not things: what it isn't told of it doesn't mend.
    expect(Object.keys(ills(await aws.run("status", ["--drift"], { fleet })))).toEqual([roleStack]);
  });
});

test.concurrent("a cluster is raised by one version, and nothing else of what is settled is changed unasked", async () => {
  await inAws(async (aws) => {
    const at = (others: Partial<EksCluster>): Fleet => fleetOf(eks(1, "aws-01", { kubernetes: "1.34", ...others }));
    await well(aws.run("create-eks-all", [], { fleet: at({}) }));
    const { cloudFormation } = await aws.as("aws-01");
    const before = await cloudFormation.describeStacks({ StackName: "k01-k8s-aws-mylabs-dev-eks" });

    for (const task of ["plan", "create-eks-all"]) {
      const leap = await aws.run(task, [], { fleet: at({ kubernetes: "1.36" }) });
      expect(leap.exitCode).toBe(1);
      expect(errorsOf(leap)).toEqual({
        [`${k01}/stack`]: [
          "k01.k8s.aws.mylabs.dev: EKS raises Kubernetes by one minor version at a time (UpgradeRefused)",
          'hint: write kubernetes: "1.35" and run create, then the next one, up to "1.36"',
          "it has 1.34, the fleet says 1.36",
        ].join("\n"),
      });
    }
    for (const [others, changed] of [
      [{ serviceCidr: "172.21.0.0/16" }, "ServiceCidr: 172.20.0.0/16 → 172.21.0.0/16"],
      [{ podCidr: "10.64.0.0/16" }, "VpcCidr: 10.0.0.0/16 → 10.64.0.0/16"],
      [{ nodes: { instanceType: "m7g.large", count: 2 } }, "NodeMode: auto → managed"],
    ] as const) {
      const refused = await aws.run("create-eks-all", [], { fleet: at(others) });
      expect(refused.exitCode).toBe(1);
      expect(errorsOf(refused)[`${k01}/stack`]).toContain("(ReplacementRequired)\nhint: run again with --allow-");
      expect(errorsOf(refused)[`${k01}/stack`]).toContain(changed);
    }
    expect(await cloudFormation.describeStacks({ StackName: "k01-k8s-aws-mylabs-dev-eks" })).toEqual({
      ...before,
      $metadata: expect.anything(),
    });

    const planned = await well(aws.run("plan", [], { fleet: at({ kubernetes: "1.35" }) }));
    const change = { field: "parameters.KubernetesVersion", from: "1.34", to: "1.35", effect: "in-place" } as const;
    expect(planned.results[`${k01}/stack`]?.changes).toEqual([change]);
    const raised = await well(aws.run("create-eks-all", [], { fleet: at({ kubernetes: "1.35" }) }));
    expect(endedAs(raised, "updated")).toEqual([`${k01}/stack`]);
    const lowered = await aws.run("create-eks-all", [], { fleet: at({}) });
    expect(errorsOf(lowered)[`${k01}/stack`]).toContain("KubernetesVersion: 1.35 → 1.34");
    expect(JSON.parse(await aws.sandbox("status")).aws.clusters[0].version).toBe("1.35");
  });
});

test.concurrent("a cluster gets nodes of its own by being made anew, is changed, and deleted", async () => {
  await inAws(async (aws) => {
    const at = (others: Partial<EksCluster>): Fleet => fleetOf(eks(1, "aws-01", { kubernetes: "1.35", ...others }));
    const nodes = { instanceType: "m7g.large", count: 2 };
    await well(aws.run("create-eks-all", [], { fleet: at({}) }));
    const anew = await well(aws.run("create-eks-all", ["--allow-replacement"], { fleet: at({ nodes }) }));
    expect(endedAs(anew, "replaced")).toEqual([`${k01}/stack`]);
    expect(endedAs(anew, "updated")).toEqual([kubeconfig]);
    const more = { nodes: { ...nodes, count: 3 }, kubernetes: "1.36" } as const;
    const changed = await well(aws.run("create-eks-all", [], { fleet: at(more) }));
    expect(changed.results[`${k01}/stack`]?.changes.map(({ field }) => field)).toEqual([
      "parameters.KubernetesVersion",
      "parameters.NodeCount",
      "parameters.NodeKubernetesVersion",
      "parameters.VpcCniVersion",
      "parameters.KubeProxyVersion",
      "parameters.CoreDnsVersion",
    ]);
    await well(aws.run("status", [], { fleet: at(more) }));
    await well(aws.run("delete-eks-all", ["--yes"], { fleet: at(more) }));
    const { clusters, stacks } = JSON.parse(await aws.sandbox("status")).aws;
    expect([clusters.length, stacks.length]).toEqual([0, 2]);
  });
});
