import { refuseWhileClusters } from "#lib/aws/cloudformation/dependents.ts";
import type { StackState } from "#lib/aws/cloudformation/model.ts";
import { stack } from "#lib/aws/cloudformation/stack.ts";
import { externalIdOf } from "#lib/aws/credentials/chain.ts";
import {
  awsManagementRole,
  awsReadOnlyManagementRole,
  readOnlyRoleOf,
  roleArn,
  serviceRoleOf,
} from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { dependentsOf, homeRegion, type Parts, roleStackId, roleStackName, rolesTimeoutMs } from "#lib/aws/names.ts";
import { keptUnlessTargeted, rowOf, tagsOf } from "#lib/cloud/parts.ts";
import type { Resource } from "#lib/graph/resource.ts";
import { taskCommand } from "#lib/printed-command.ts";

/** The account's role that creates its clusters, and CloudFormation's service role for them. */
export function roleStack(
  { fleet, settings, management, withClients }: Parts,
  account: AwsAccount,
  role: string,
  managementStack: Resource<StackState>,
): Resource<StackState> {
  return withClients(
    stack({
      id: roleStackId(account.name),
      title: `${account.name}: role ${role}`,
      label: "role",
      row: rowOf(account),
      // AWS rejects a trust policy with a role that does not exist yet.
      needs: [managementStack],
      actor: { account, as: "administrator", otherwise: "clusters" },
      region: homeRegion,
      name: roleStackName,
      template: "cloudformation/allow-mgmt-iam-role-to-assume-tenant-iam-role.yml",
      parameters: () => ({
        ManagementIamRoleArn: roleArn(management, awsManagementRole),
        ReadOnlyManagementIamRoleArn: roleArn(management, awsReadOnlyManagementRole),
        TenantIamRoleName: role,
        TenantIamRolePolicyName: `${role}-policy`,
        ReadOnlyIamRoleName: readOnlyRoleOf(account),
        ExternalId: externalIdOf(fleet),
        CloudFormationIamRoleName: serviceRoleOf(account),
        K8sDomain: fleet.zones.find(({ provider }) => provider === "aws")?.clusters ?? "",
      }),
      tags: tagsOf(fleet, { account: account.name }),
      capabilities: ["CAPABILITY_NAMED_IAM"],
      entryRoles: [role, readOnlyRoleOf(account)],
      isProtected: true,
      beforeDelete: (world) =>
        refuseWhileClusters(world, `${account.name}: ${role}`, [dependentsOf(fleet, { account, as: "administrator" })]),
      timeoutMs: rolesTimeoutMs,
      ...keptUnlessTargeted(
        settings,
        roleStackId(account.name),
        `${taskCommand("delete:aws-tenant:cf-iam-role", account.name)} removes its roles`,
      ),
    }),
  );
}
