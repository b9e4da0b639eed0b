import type { ArmResource } from "#lib/azure/clients.ts";
import { delegatedSubscriptions } from "#lib/azure/delegated-accounts.ts";
import { federatedCredentials, githubCredentials } from "#lib/azure/federated-credentials.ts";
import { type IdentityState, identity } from "#lib/azure/identity.ts";
import { refuseWhileClusters } from "#lib/azure/inventory.ts";
import { grant, identityMember, type Member, operatorsOf } from "#lib/azure/members.ts";
import { groupId, homeRegionOf, identityNames, managementGroup, managementIds, type Parts } from "#lib/azure/names.ts";
import { builtInRoles, delegationsRole } from "#lib/azure/permissions.ts";
import { resourceGroup } from "#lib/azure/resource-group.ts";
import { roleDefinition, roleIdOf } from "#lib/azure/role.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import { delegation } from "#lib/azure/zones/delegation.ts";
import { type ZoneState, zone } from "#lib/azure/zones/zone.ts";
import type { ParentZone } from "#lib/cloud/delegation.ts";
import { keptUnlessTargeted, rowOf, tagsOf } from "#lib/cloud/parts.ts";
import { registrarDelegation } from "#lib/cloud/registrar-delegation.ts";
import { readSubjectsOf, subjectsOf } from "#lib/fleet/github.ts";
import type { GitHubTrust } from "#lib/fleet/types.ts";
import type { AnyResource, Health, Resource } from "#lib/graph/resource.ts";
import { taskCommand } from "#lib/printed-command.ts";

export interface ManagementAccount {
  /** The zone that clusters are delegated in. */
  readonly clustersZone: Resource<ZoneState>;
  /** Those who create clusters, in whatever account: GitHub's jobs. Empty without `github`. */
  readonly jobs: readonly Member[];
  /** Read-only jobs. */
  readonly readers: readonly Member[];
  /** What lets jobs and operators delegate clusters. */
  readonly delegationAccess: readonly AnyResource[];
  readonly resources: readonly AnyResource[];
}

const deleteTask = "delete:azure-mgmt";
/** A day: this zone stays while clusters come and go. */
const zoneTtlSeconds = 86_400;

/** The cloud's zones, what GitHub's jobs act as, and who may delegate clusters. */
export function managementAccount(parts: Parts): ManagementAccount {
  const { fleet, settings, management: account, zones, withClients } = parts;
  const { github } = fleet;
  const ids = managementIds(account.name, zones);
  const row = rowOf(account);
  const tags = tagsOf(fleet, { account: account.name });
  const why = `${taskCommand(deleteTask)} removes zones, identities and roles`;
  const shared = { account, row, tags };
  const kept = (id: string) => keptUnlessTargeted(settings, id, why);
  // Nothing is taken away while a cluster depends on any of it.
  const guarded = <State>(resource: Resource<State, AzureWorld>): Resource<State> =>
    refuseWhileClusters(parts, withClients(resource));
  const group = guarded(
    resourceGroup({
      ...shared,
      id: ids.group,
      title: `${account.name}: resource group`,
      needs: [],
      name: managementGroup,
      region: homeRegionOf(account),
      contents: [zones.primary, zones.clusters, ...Object.values(identityNames)],
      ...kept(ids.group),
    }),
  );
  const zoneOf = (id: string, name: string): Resource<ZoneState> =>
    guarded(
      zone({
        ...shared,
        id,
        title: `${account.name}: zone ${name}`,
        label: `zone ${name}`,
        needs: [group],
        group: managementGroup,
        name,
        ...kept(id),
      }),
    );
  const primary = zoneOf(ids.primary, zones.primary);
  const clustersZone = zoneOf(ids.clusters, zones.clusters);
  const place = { account, group: managementGroup };
  const led = guarded(
    delegation({
      id: ids.delegation,
      title: `${account.name}: delegation of ${zones.clusters}`,
      row,
      place: { ...place, name: zones.clusters },
      parentPlace: place,
      zone: clustersZone,
      parent: primary,
      parentOf: parentZone,
      ttlSeconds: zoneTtlSeconds,
    }),
  );
  const registrar = registrarDelegation({
    id: ids.registrar,
    title: `${zones.primary}: delegation from ${fleet.domain}`,
    row,
    domain: fleet.domain,
    primary,
    primaryOf: parentZone,
  });
  const entries = github === undefined ? [] : jobIdentities(parts, github, group);
  const jobs = entries.flatMap(({ member, reads }) => (reads ? [] : [member]));
  const readers = entries.flatMap(({ member, reads }) => (reads ? [member] : []));
  const access = zoneAccess(parts, group, clustersZone, [...jobs, ...operatorsOf(account)], readers);
  return {
    clustersZone,
    jobs,
    readers,
    delegationAccess: access,
    resources: [
      group,
      primary,
      clustersZone,
      { ...led, ...kept(ids.delegation) },
      registrar,
      delegatedSubscriptions(parts, clustersZone),
      ...entries.flatMap(({ resources }) => resources),
      ...access,
    ],
  };
}

export function parentZone({ id, name, nameServers }: ZoneState): ParentZone {
  return { zoneId: id, name, nameServers };
}

interface JobIdentity {
  readonly member: Member;
  readonly reads: boolean;
  readonly resources: readonly AnyResource[];
}

/** The identities that GitHub's jobs act as: one for those that create clusters, one for those that only look. */
function jobIdentities(parts: Parts, github: GitHubTrust, group: Resource<ArmResource>): readonly JobIdentity[] {
  const { fleet, settings, management: account, zones, withClients } = parts;
  const ids = managementIds(account.name, zones);
  const why = `${taskCommand(deleteTask)} removes it`;
  const readSubjects = readSubjectsOf(github);
  const one = (id: string, name: string, variable: string, reads: boolean): JobIdentity => {
    const title = reads ? "read-only jobs" : "jobs";
    const made = refuseWhileClusters(
      parts,
      withClients(
        identity({
          id,
          title: `${account.name}: identity of ${title}`,
          label: `identity of ${title}`,
          row: rowOf(account),
          needs: [group],
          account,
          group: managementGroup,
          name,
          region: homeRegionOf(account),
          tags: tagsOf(fleet, { account: account.name }),
          ...keptUnlessTargeted(settings, id, why),
        }),
      ),
    );
    const shown: Resource<IdentityState> = {
      ...made,
      showsHealth: true,
      health: (state) => handOver(state, variable, github),
    };
    const credentials = refuseWhileClusters(
      parts,
      withClients(
        federatedCredentials({
          id: `${id}/credentials`,
          title: `${account.name}: federated credentials of ${title}`,
          label: `credentials of ${title}`,
          account,
          identity: shown,
          credentials: () => githubCredentials(reads ? readSubjects : subjectsOf(github)),
        }),
      ),
    );
    return {
      member: identityMember(shown, reads ? "read-only-jobs" : "jobs", title),
      reads,
      resources: [shown, { ...credentials, ...keptUnlessTargeted(settings, id, why) }],
    };
  };
  return [
    one(ids.identity, identityNames.clusters, "AZURE_CLIENT_ID", false),
    ...(readSubjects.length === 0
      ? []
      : [one(ids.readOnlyIdentity, identityNames.readOnly, "AZURE_READ_ONLY_CLIENT_ID", true)]),
  ];
}

/** Azure chooses the client id, and a job needs it before its first call: so it is handed to the workflow. */
function handOver({ name, clientId }: IdentityState, variable: string, { repository }: GitHubTrust): Health {
  const next = `gh variable set ${variable} --repo ${repository} --body ${clientId}`;
  return { kind: "healthy", summary: `${name}, client id ${clientId}`, next };
}

/** What jobs and operators may do in the management account: read it, and delegate clusters. */
function zoneAccess(
  parts: Parts,
  group: Resource<ArmResource>,
  clustersZone: Resource<ZoneState>,
  writers: readonly Member[],
  readers: readonly Member[],
): readonly AnyResource[] {
  const { settings, management: account, zones, withClients } = parts;
  const ids = managementIds(account.name, zones);
  const row = rowOf(account);
  const kept = keptUnlessTargeted(settings, ids.role, `${taskCommand(deleteTask)} removes it`);
  if (writers.length === 0 && readers.length === 0) return [];
  const role = refuseWhileClusters(
    parts,
    withClients(
      roleDefinition({
        id: ids.role,
        title: `${account.name}: role for delegations`,
        label: "role for delegations",
        row,
        needs: [group],
        account,
        scope: groupId(account, managementGroup),
        permissions: delegationsRole,
        ...kept,
      }),
    ),
  );
  const delegating = grant(parts, {
    id: `${ids.access}/delegations`,
    roleName: "delegations",
    row,
    account,
    needs: [role, clustersZone],
    scope: (outputs) => outputs.find(clustersZone)?.id,
    role: roleIdOf(account, delegationsRole),
    members: writers,
    ...kept,
  });
  const reading = grant(parts, {
    id: `${ids.access}/reader`,
    roleName: "Reader",
    row,
    account,
    needs: [group],
    scope: () => groupId(account, managementGroup),
    role: builtInRoles.reader,
    members: [...writers, ...readers],
    ...kept,
  });
  return [role, ...[...delegating, ...reading].map((resource) => refuseWhileClusters(parts, resource))];
}
