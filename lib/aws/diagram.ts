import type { AwsAccountRole } from "#lib/aws/fleet/roles.ts";
import { awsAccountRoles, awsManagementRole } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { accountTitle, clustersIn } from "#lib/fleet/accounts.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { DiagramSection } from "#lib/provider.ts";
import type { Described } from "#lib/render/generator.ts";
import type { MermaidEdge, MermaidNode } from "#lib/render/mermaid.ts";

const user = "aws-cli";
const assume = "Assume Role (STS)";

/** Who assumes which role in which AWS account, and the clusters that are created with it. */
export function awsDiagram({ fleet, providers }: Described): DiagramSection | undefined {
  const accounts = fleet.accounts.filter((account) => account.provider === "aws");
  const management = accounts.find(({ role }) => role === "management");
  if (management === undefined) return undefined;
  const tenants = accounts.filter(({ role }) => role === "tenant");
  const roles = awsAccountRoles(fleet);
  const groups = [management, ...tenants].map((account) => ({
    title: accountTitle(account, providers),
    nodes: nodesOf(account, roles, fleet),
  }));
  return {
    text: "Each account's clusters are created with the account's own role, which the management role assumes.",
    chart: {
      groups: [{ title: "AWS", groups }],
      edges: [{ from: user, to: awsManagementRole, label: assume }, ...roles.flatMap((role) => roleEdges(role, fleet))],
    },
  };
}

function nodesOf(account: AwsAccount, roles: readonly AwsAccountRole[], fleet: Fleet): readonly MermaidNode[] {
  const entry: readonly MermaidNode[] =
    account.role === "management" ? [{ id: user, icon: "panda", form: "rounded" }, roleNode(awsManagementRole)] : [];
  const own = roles.filter((role) => role.account.name === account.name).map(({ role }) => roleNode(role));
  const clusters = clustersIn(account, fleet).map((id): MermaidNode => ({ id, icon: "aws-eks", form: "square" }));
  return [...entry, ...own, ...clusters];
}

function roleNode(id: string): MermaidNode {
  return { id, icon: "aws-iam", form: "square" };
}

function roleEdges({ account, role }: AwsAccountRole, fleet: Fleet): readonly MermaidEdge[] {
  return [
    { from: awsManagementRole, to: role, label: assume },
    ...clustersIn(account, fleet).map((to) => ({ from: role, to })),
  ];
}
