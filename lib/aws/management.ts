import type { AwsActor } from "#lib/aws/clients.ts";
import { type LeavingZone, refuseWhileClusters, refuseWhileRecords } from "#lib/aws/cloudformation/dependents.ts";
import { keep, type StackState } from "#lib/aws/cloudformation/model.ts";
import { stack } from "#lib/aws/cloudformation/stack.ts";
import {
  awsAccountRoles,
  awsManagementRole,
  awsReadOnlyManagementRole,
  iamRoleOf,
  readOnlyRoleOf,
  roleArn,
} from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { type CallerState, callerIdentity } from "#lib/aws/iam/caller.ts";
import { oidcProvider } from "#lib/aws/iam/oidc-provider.ts";
import { refuseDeparture } from "#lib/aws/inventory.ts";
import {
  dependentsOf,
  homeRegion,
  managementStackId,
  managementStackName,
  oidcProviderId,
  type Parts,
  registrarId,
  rolesTimeoutMs,
} from "#lib/aws/names.ts";
import { type ExistingZonesState, existingZones } from "#lib/aws/route53/existing-zones.ts";
import { type ManagementZonesState, managementZones } from "#lib/aws/route53/management-zones.ts";
import { keptUnlessTargeted, rowOf, tagsOf } from "#lib/cloud/parts.ts";
import { registrarDelegation } from "#lib/cloud/registrar-delegation.ts";
import { readSubjectsOf, subjectsOf } from "#lib/fleet/github.ts";
import type { CloudZones } from "#lib/fleet/types.ts";
import type { AnyResource, Outputs, Resource } from "#lib/graph/resource.ts";
import { taskCommand } from "#lib/printed-command.ts";

export interface ManagementAccount {
  readonly stack: Resource<StackState>;
  readonly zones: Resource<ManagementZonesState>;
  readonly resources: readonly AnyResource[];
}

/** Zones of the cloud, the role that leads everywhere, and whom it trusts. */
export function managementAccount(parts: Parts): ManagementAccount {
  const { fleet, settings, management, zones, withClients } = parts;
  const { github } = fleet;
  const row = rowOf(management);
  const actor: AwsActor = { account: management, as: "administrator", otherwise: "management" };
  const tags = tagsOf(fleet, { account: management.name });
  const caller = withClients(callerIdentity({ account: management, row, userArn: settings.userArn }));
  const existing = withClients(
    existingZones({
      id: `aws/${management.name}/existing-zones`,
      title: `${management.name}: existing zones`,
      row,
      actor,
      names: [zones.primary, zones.clusters],
      stack: { name: managementStackName, region: homeRegion },
      tags,
    }),
  );
  const provider =
    github === undefined
      ? undefined
      : withClients(
          oidcProvider({
            id: oidcProviderId(management.name),
            title: `${management.name}: OIDC provider of GitHub`,
            row,
            account: management,
            needs: [],
            tags,
            roles: [awsManagementRole, awsReadOnlyManagementRole],
            ...keptUnlessTargeted(settings, oidcProviderId(management.name), managementDelete),
          }),
        );
  const made = withClients(
    stack({
      id: managementStackId(management.name),
      title: `${management.name}: zones and management role`,
      label: "zones and role",
      row,
      needs: [caller, existing, ...(provider === undefined ? [] : [provider])],
      actor,
      region: homeRegion,
      name: managementStackName,
      template: "cloudformation/route53-gh-action-iam-role-oidc.yml",
      parameters: (outputs) => managementParameters(parts, outputs, caller, existing),
      tags,
      capabilities: ["CAPABILITY_NAMED_IAM"],
      entryRoles: [awsManagementRole, awsReadOnlyManagementRole],
      isProtected: true,
      async beforeDelete(world, state) {
        const accounts = fleet.accounts.filter((account) => account.provider === "aws");
        const all = accounts.map((account) =>
          dependentsOf(fleet, { account, as: "administrator", otherwise: "clusters" }),
        );
        const needed = all.filter(({ clusters }) => clusters.length > 0);
        await refuseWhileClusters(world, `${management.name}: ${awsManagementRole}`, needed);
        await refuseWhileRecords(world, actor, leavingZones(zones, state));
      },
      refuse: async (world, changes) => {
        const roles = changes.find(({ field }) => field === "parameters.TenantIamRoleArns");
        if (roles !== undefined) await refuseDeparture(world, fleet, roles);
      },
      timeoutMs: rolesTimeoutMs,
      ...keptUnlessTargeted(settings, managementStackId(management.name), managementDelete),
    }),
  );
  const known = withClients(
    managementZones({
      id: `aws/${management.name}/zones`,
      title: `${management.name}: zones`,
      row,
      actor,
      zones,
      stack: made,
    }),
  );
  const registrar = registrarDelegation({
    id: registrarId(management.name, zones.primary),
    title: `${zones.primary}: delegation from ${fleet.domain}`,
    row,
    domain: fleet.domain,
    primary: known,
    primaryOf: ({ primary }) => primary,
  });
  return { stack: made, zones: known, resources: [...(provider === undefined ? [] : [provider]), made, registrar] };
}

const managementDelete = `${taskCommand("delete:aws-mgmt:cf-route53-gh-action-iam-role-oidc")} removes zones and roles`;

/** Zones created by the stack; others are kept. */
function leavingZones({ primary, clusters }: CloudZones, { outputs, parameters }: StackState): readonly LeavingZone[] {
  const made = (name: string, id: string | undefined, existing: string | undefined, own: readonly string[]) =>
    id === undefined || (existing ?? "") !== "" ? [] : [{ id, name, own }];
  return [
    ...made(clusters, outputs.K8sZoneId, parameters.ExistingK8sZoneId, []),
    ...made(primary, outputs.PrimaryZoneId, parameters.ExistingPrimaryZoneId, [clusters]),
  ];
}

function managementParameters(
  { fleet, settings, management, zones }: Parts,
  outputs: Outputs,
  caller: Resource<CallerState>,
  existing: Resource<ExistingZonesState>,
) {
  const { github } = fleet;
  const { ids } = outputs.of(existing);
  const { principal } = outputs.of(caller);
  const provider = `arn:aws:iam::${management.accountId}:oidc-provider/token.actions.githubusercontent.com`;
  const accounts = awsAccountRoles(fleet).map(({ account }) => account);
  const rolesBy = (nameOf: (account: AwsAccount) => string): string =>
    accounts
      .map((account) => roleArn(account, nameOf(account)))
      .toSorted()
      .join(",");
  return {
    PrimaryDomain: zones.primary,
    K8sDomain: zones.clusters,
    // If the zones are known, the stack's own outputs are used: its zones exist by then.
    ExistingPrimaryZoneId: keep(ids[zones.primary] ?? ""),
    ExistingK8sZoneId: keep(ids[zones.clusters] ?? ""),
    ManagementIamRoleName: awsManagementRole,
    ReadOnlyIamRoleName: awsReadOnlyManagementRole,
    // A later run may have another caller: only AWS_USER_ARN changes the trusted identity.
    UserArn: settings.userArn ?? keep(principal),
    OidcProviderArn: github === undefined ? "" : provider,
    SubjectClaimFilters: github === undefined ? "" : subjectsOf(github).toSorted().join(","),
    ReadSubjectClaimFilters: github === undefined ? "" : readSubjectsOf(github).toSorted().join(","),
    RepositoryId: github?.repositoryId ?? "",
    TenantIamRoleArns: rolesBy(iamRoleOf),
    TenantReadOnlyIamRoleArns: rolesBy(readOnlyRoleOf),
  };
}
