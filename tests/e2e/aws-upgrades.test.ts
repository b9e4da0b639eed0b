import { expect, setDefaultTimeout, test } from "bun:test";
import { listObjects } from "#lib/kubernetes/objects.ts";
import { eks, fleetOf, inAws } from "#tests/support/aws-story.ts";
import { endedAs, openCluster, well } from "#tests/support/story.ts";

setDefaultTimeout(240_000);

const k01 = "aws/aws-01/k01.k8s.aws.mylabs.dev";
const StackName = "k01-k8s-aws-mylabs-dev-eks";

test("nodes and add-ons follow the control plane, version after version, and new machines replace the old ones", async () => {
  await inAws(async (aws) => {
    const nodes = { instanceType: "m7g.large", count: 2 };
    const at = (kubernetes: `${number}.${number}`) => fleetOf(eks(1, "aws-01", { kubernetes, nodes }));
    const machines = async () => {
      const all = await listObjects(await openCluster(aws, "k01.k8s.aws.mylabs.dev"), {
        apiVersion: "v1",
        kind: "Node",
      });
      return all.map(({ spec, status }) => ({
        id: String(Reflect.get(Object(spec), "providerID")),
        kubelet: String(Reflect.get(Object(Reflect.get(Object(status), "nodeInfo")), "kubeletVersion")),
      }));
    };
    await well(aws.run("create-eks-all", [], { fleet: at("1.34") }));
    const { cloudFormation } = await aws.as("aws-01");
    const seen = new Set<string>();
    for (const [from, to] of [
      ["1.34", "1.35"],
      ["1.35", "1.36"],
    ] as const) {
      for (const { id } of await machines()) seen.add(id);
      const plan = await aws.run("plan", [], { fleet: at(to) });
      const changes = Object.fromEntries(
        (plan.results[`${k01}/stack`]?.changes ?? []).map((change) => [change.field, `${change.from} → ${change.to}`]),
      );
      expect(changes).toMatchObject({
        "parameters.KubernetesVersion": `${from} → ${to}`,
        "parameters.NodeKubernetesVersion": `${from} → ${to}`,
        "parameters.KubeProxyVersion": `v${from}.0-eksbuild.2 → v${to}.0-eksbuild.2`,
      });
      expect(endedAs(await well(aws.run("create-eks-all", [], { fleet: at(to) })), "updated")).toEqual([
        `${k01}/stack`,
      ]);
      const after = await machines();
      expect(after.map(({ kubelet }) => kubelet.slice(1, 5))).toEqual([to, to]);
      expect(after.filter(({ id }) => seen.has(id))).toEqual([]);
      const again = await well(aws.run("create-eks-all", [], { fleet: at(to) }));
      expect(endedAs(again, "updated")).toEqual([]);
    }
    const { StackEvents = [] } = await cloudFormation.describeStackEvents({ StackName });
    const order = StackEvents.toReversed()
      .filter(({ ResourceStatus }) => ResourceStatus === "UPDATE_COMPLETE")
      .map(({ LogicalResourceId = "" }) => LogicalResourceId)
      .filter((name) => ["Cluster", "KubeProxy", "NodeGroup", "CoreDns"].includes(name));
    expect(order).toEqual([
      "Cluster",
      "KubeProxy",
      "NodeGroup",
      "CoreDns",
      "Cluster",
      "KubeProxy",
      "NodeGroup",
      "CoreDns",
    ]);
  });
});
