import type { AwsAccountRole } from "#lib/aws/fleet/roles.ts";
import { awsAccountRoles, awsManagementRole } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount, Fleet } from "#lib/fleet/types.ts";
import { accountTitle, clustersIn } from "#lib/generate/accounts.ts";
import type { Flowchart, MermaidEdge, MermaidGroup, MermaidNode } from "#lib/generate/mermaid.ts";

const user = "aws-cli";
const assume = "Assume Role (STS)";

/** Who assumes which role in which AWS account, and the clusters that are made with it. Undefined without an AWS account. */
export function tryAwsDiagram(fleet: Fleet): Flowchart | undefined {
  const accounts = fleet.accounts.filter((account) => account.provider === "aws");
  const management = accounts.find(({ role }) => role === "management");
  if (management === undefined) return undefined;
  const tenants = accounts.filter(({ role }) => role === "tenant");
  const roles = awsAccountRoles(fleet);
  return {
    groups: [{ title: "AWS", groups: [management, ...tenants].map((account) => accountGroup(account, roles, fleet)) }],
    edges: [{ from: user, to: awsManagementRole, label: assume }, ...roles.flatMap((role) => roleEdges(role, fleet))],
  };
}

function accountGroup(account: AwsAccount, roles: readonly AwsAccountRole[], fleet: Fleet): MermaidGroup {
  const entry: readonly MermaidNode[] =
    account.role === "management" ? [{ id: user, icon: "panda", form: "rounded" }, roleNode(awsManagementRole)] : [];
  const own = roles.filter((role) => role.account.name === account.name).map(({ role }) => roleNode(role));
  const clusters = clustersIn(account, fleet).map((id): MermaidNode => ({ id, icon: "aws-eks", form: "square" }));
  return { title: accountTitle(account), nodes: [...entry, ...own, ...clusters] };
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
