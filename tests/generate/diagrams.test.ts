import { describe, expect, test } from "bun:test";
import { awsDiagram } from "#lib/aws/diagram.ts";
import { diagrams } from "#lib/generate/diagrams.ts";
import { dnsDiagram } from "#lib/generate/dns-diagram.ts";
import type { Flowchart, MermaidGroup, MermaidNode } from "#lib/render/mermaid.ts";
import { renderFlowchart } from "#lib/render/mermaid.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { fleet as localOnly } from "#tests/fixtures/fleets/valid/local-only.ts";
import { fleet as threeAccounts } from "#tests/fixtures/fleets/valid/three-accounts.ts";
import { described } from "#tests/support/fleet.ts";

function nodesOf(groups: readonly MermaidGroup[] = []): readonly MermaidNode[] {
  return groups.flatMap(({ nodes = [], groups: inner }) => [...nodes, ...nodesOf(inner)]);
}

function layout(group: MermaidGroup): readonly (readonly [string, readonly string[]])[] {
  return (group.groups ?? []).map(({ title, nodes = [] }) => [title, nodes.map(({ id }) => id)]);
}

function requireDiagram(chart: Flowchart | undefined): Flowchart {
  if (chart === undefined) throw new Error("no diagram");
  return chart;
}

const clouds = [
  { title: "AWS", label: "aws", icon: "aws-route53" },
  { title: "Azure", label: "az", icon: "azure-icon" },
  { title: "GCP", label: "gcp", icon: "google-cloud" },
] as const;

const leaves = ["k01", "k02", "k03", "k04"] as const;

describe("DNS diagram of the default fleet", () => {
  const chart = dnsDiagram(described(fleet));

  test("has the 18 delegations of the specification in its order", () => {
    expect(chart.edges).toEqual(
      clouds.flatMap(({ label }) => [
        { from: "mylabs.dev", to: `${label}.mylabs.dev` },
        { from: `${label}.mylabs.dev`, to: `k8s.${label}.mylabs.dev` },
        ...leaves.map((leaf) => ({ from: `k8s.${label}.mylabs.dev`, to: `${leaf}.k8s.${label}.mylabs.dev` })),
      ]),
    );
    expect(chart.edges).toHaveLength(18);
  });

  test("has 19 zones, each with its icon and form", () => {
    const nodes = nodesOf(chart.groups);
    expect(nodes).toHaveLength(19);
    expect(nodes[0]).toEqual({ id: "mylabs.dev", icon: "cloudflare-icon", form: "square" });
    for (const { label, icon } of clouds) {
      const own = nodes.filter(({ id }) => id.endsWith(`${label}.mylabs.dev`));
      expect(own.map((node) => [node.id, node.icon, node.form]).sort()).toEqual([
        [`${label}.mylabs.dev`, icon, "circle"],
        ...leaves.map((leaf) => [`${leaf}.k8s.${label}.mylabs.dev`, icon, "square"]),
        [`k8s.${label}.mylabs.dev`, icon, "square"],
      ]);
    }
  });

  test("groups them by cloud and account, management first and tenants from the last", () => {
    expect(chart.groups.map(({ title }) => title)).toEqual(["Cloudflare", "AWS", "Azure", "GCP"]);
    chart.groups.slice(1).forEach((group, index) => {
      const { title, label } = clouds[index] ?? clouds[0];
      expect(layout(group)).toEqual([
        [`${title} Management Account`, [`${label}.mylabs.dev`, `k8s.${label}.mylabs.dev`]],
        [`${title} Account 02`, [`k03.k8s.${label}.mylabs.dev`, `k04.k8s.${label}.mylabs.dev`]],
        [`${title} Account 01`, [`k01.k8s.${label}.mylabs.dev`, `k02.k8s.${label}.mylabs.dev`]],
      ]);
    });
  });

  test("is written as the specification writes it", () => {
    const lines = renderFlowchart(chart)
      .split("\n")
      .map((line) => line.trim());
    expect(lines[0]).toBe("flowchart TB");
    expect(lines).toContain(
      'aws.mylabs.dev@{ icon: "logos:aws-route53", form: "circle", label: "aws.mylabs.dev", pos: "b", h: 60 }',
    );
    expect(lines.filter((line) => line.includes(" --> "))).toHaveLength(18);
    expect(lines.filter((line) => line === "end")).toHaveLength(
      lines.filter((line) => line.startsWith("subgraph ")).length,
    );
  });
});

describe("AWS diagram of three accounts", () => {
  const chart = requireDiagram(awsDiagram(described(threeAccounts))?.chart);
  const assume = "Assume Role (STS)";
  const cluster = (number: number) => `k0${number}.k8s.aws.mylabs.dev`;

  test("has the ten edges of the specification in its order", () => {
    expect(chart.edges).toEqual([
      { from: "aws-cli", to: "aws-mgmt-iam-role", label: assume },
      ...[1, 2, 3].flatMap((number) => [
        { from: "aws-mgmt-iam-role", to: `aws-0${number}-iam-role`, label: assume },
        { from: `aws-0${number}-iam-role`, to: cluster(2 * number - 1) },
        { from: `aws-0${number}-iam-role`, to: cluster(2 * number) },
      ]),
    ]);
  });

  test("has the eleven nodes in their accounts", () => {
    const [aws] = chart.groups;
    expect(aws?.title).toBe("AWS");
    expect(aws === undefined ? [] : layout(aws)).toEqual([
      ["AWS Management Account", ["aws-cli", "aws-mgmt-iam-role", "aws-01-iam-role", cluster(1), cluster(2)]],
      ["AWS Account 01", ["aws-02-iam-role", cluster(3), cluster(4)]],
      ["AWS Account 02", ["aws-03-iam-role", cluster(5), cluster(6)]],
    ]);
  });

  test("has the icons and forms of the specification", () => {
    const looks = new Map(nodesOf(chart.groups).map(({ id, icon, form }) => [id, `${icon} ${form}`]));
    expect(looks.size).toBe(11);
    expect(looks.get("aws-cli")).toBe("panda rounded");
    for (const role of ["mgmt", "01", "02", "03"]) expect(looks.get(`aws-${role}-iam-role`)).toBe("aws-iam square");
    for (const number of [1, 2, 3, 4, 5, 6]) expect(looks.get(cluster(number))).toBe("aws-eks square");
  });

  test("writes the label on the arrow", () => {
    expect(renderFlowchart(chart)).toContain('  aws-cli -- "Assume Role (STS)" --> aws-mgmt-iam-role\n');
  });
});

test("in the default fleet the management role leads to the two tenants only", () => {
  const { edges } = requireDiagram(awsDiagram(described(fleet))?.chart);
  expect(edges.filter(({ from }) => from === "aws-mgmt-iam-role").map(({ to }) => to)).toEqual([
    "aws-01-iam-role",
    "aws-02-iam-role",
  ]);
});

test("a fleet without clouds has no diagram, and the page says so", async () => {
  expect(awsDiagram(described(localOnly))).toBeUndefined();
  const [page] = await diagrams.files(described(localOnly), "/nowhere");
  expect(page?.content).not.toContain("mermaid");
  expect(page?.content).toContain("no cluster in a cloud");
});
