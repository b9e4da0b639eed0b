import type { ParentZone } from "#lib/cloud/delegation.ts";
import { keptUnlessTargeted, rowOf } from "#lib/cloud/parts.ts";
import { registrarDelegation } from "#lib/cloud/registrar-delegation.ts";
import { readSubjectsOf, subjectsOf } from "#lib/fleet/github.ts";
import type { GitHubTrust } from "#lib/fleet/types.ts";
import { access } from "#lib/gcp/access.ts";
import { callerIdentity } from "#lib/gcp/caller.ts";
import type { Caller, Json } from "#lib/gcp/clients.ts";
import { delegatedProjects } from "#lib/gcp/delegated-accounts.ts";
import { githubProvider, jobMembers, workloadIdentityPool } from "#lib/gcp/federation.ts";
import {
  emailOf,
  labelsOf,
  managementActor,
  managementIds,
  markOf,
  type Parts,
  roleNames,
  serviceAccountNames,
  zoneNameOf,
} from "#lib/gcp/names.ts";
import { delegating, managementReading, predefinedRoles } from "#lib/gcp/permissions.ts";
import { type Grant, type Policy, zonePolicy } from "#lib/gcp/policy.ts";
import { memberOf, type ProjectAccess, projectAccess, roleOf } from "#lib/gcp/project-access.ts";
import { services } from "#lib/gcp/services.ts";
import { delegation } from "#lib/gcp/zones/delegation.ts";
import { type ZoneState, zone } from "#lib/gcp/zones/zone.ts";
import type { AnyResource, Outputs, Resource } from "#lib/graph/resource.ts";
import { taskCommand } from "#lib/printed-command.ts";

export interface ManagementAccount {
  /** The zone that clusters are delegated in. */
  readonly clustersZone: Resource<ZoneState>;
  /** Everybody who creates clusters acts as it, and goes on from it into the projects of clusters. */
  readonly serviceAccount: Resource<Json>;
  /** For read-only jobs; undefined without them. */
  readonly readOnlyServiceAccount: Resource<Json> | undefined;
  /** What lets jobs and people act as the service account, and what it may do with delegations. */
  readonly access: readonly AnyResource[];
  readonly resources: readonly AnyResource[];
}

/** A day: this zone stays while clusters come and go. */
const zoneTtlSeconds = 86_400;
/** Of the calls in the management project. Service Usage and Resource Manager must be on before. */
const apis = ["cloudresourcemanager", "dns", "iam", "iamcredentials", "serviceusage", "sts"];

/** The cloud's zones, what jobs and people act as, and who may delegate clusters. */
export function managementAccount(parts: Parts): ManagementAccount {
  const { fleet, settings, management: account, zones, withClients } = parts;
  const { github } = fleet;
  const ids = managementIds(account.name, zones);
  const row = rowOf(account);
  const actor = managementActor(account);
  const why = `${taskCommand("delete:gcp-mgmt")} removes zones, service accounts and roles`;
  const enabled = withClients(
    services({
      id: ids.services,
      title: `${account.name}: APIs`,
      label: "APIs",
      row,
      needs: [],
      actor,
      services: apis,
    }),
  );
  const builder = projectAccess(parts, { actor, ids, needs: [enabled], why, ofAll: true });
  const zoneOf = (id: string, dnsName: string): Resource<ZoneState> =>
    builder.kept(
      zone({
        id,
        title: `${account.name}: zone ${dnsName}`,
        label: `zone ${dnsName}`,
        row,
        needs: [enabled],
        actor,
        dnsName,
        labels: labelsOf(fleet, { account: account.name }),
      }),
    );
  const primary = zoneOf(ids.primary, zones.primary);
  const clustersZone = zoneOf(ids.clusters, zones.clusters);
  const led = builder.kept(
    delegation({
      id: ids.delegation,
      title: `${account.name}: delegation of ${zones.clusters}`,
      row,
      place: { actor, dnsName: zones.clusters },
      parentActor: actor,
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
  const accounts = serviceAccounts(
    parts,
    builder,
    github === undefined ? [] : federation(parts, builder, github, enabled),
  );
  const role = builder.role("role", roleNames.delegations, delegating);
  const delegatingAccess = builder.kept(
    access({
      id: ids.delegationAccess,
      title: `${account.name}: access to ${zones.clusters}`,
      label: `access to ${zones.clusters}`,
      row,
      needs: [role, accounts.clusters],
      actor,
      target: (outputs) => zonePolicy(account, outputs.find(clustersZone)?.name ?? zoneNameOf(zones.clusters)),
      of: clustersZone,
      grants: () => [{ role: roleOf(account, roleNames.delegations), member: memberOf(account, "clusters") }],
    }),
  );
  return {
    clustersZone,
    serviceAccount: accounts.clusters,
    readOnlyServiceAccount: accounts.readOnly,
    access: [...accounts.entries, accounts.policy, delegatingAccess],
    resources: [
      enabled,
      primary,
      clustersZone,
      { ...led, ...keptUnlessTargeted(settings, ids.delegation, why) },
      registrar,
      delegatedProjects(parts, clustersZone),
      role,
      ...accounts.resources,
      delegatingAccess,
    ],
  };
}

export function parentZone({ name, dnsName, nameServers }: ZoneState): ParentZone {
  return { zoneId: name, name: dnsName, nameServers };
}

/** What lets GitHub's jobs in. */
function federation(
  { fleet, management: account, zones }: Parts,
  { kept }: ProjectAccess,
  github: GitHubTrust,
  enabled: AnyResource,
): readonly AnyResource[] {
  const ids = managementIds(account.name, zones);
  const shared = { row: rowOf(account), actor: managementActor(account), mark: markOf(fleet) };
  const pool = kept(
    workloadIdentityPool({
      ...shared,
      id: ids.pool,
      title: `${account.name}: workload identity pool`,
      label: "workload identity pool",
      needs: [enabled],
    }),
  );
  const provider = kept(
    githubProvider({
      ...shared,
      id: ids.provider,
      title: `${account.name}: provider of GitHub`,
      label: "provider of GitHub",
      needs: [pool],
      github,
    }),
  );
  return [pool, provider];
}

/** The service accounts that jobs and people act as, and what these may read. */
function serviceAccounts(parts: Parts, builder: ProjectAccess, federated: readonly AnyResource[]) {
  const { fleet, management: account, zones, withClients } = parts;
  const { github } = fleet;
  const ids = managementIds(account.name, zones);
  const actor = managementActor(account);
  const jobs = github === undefined ? [] : jobMembers(account, subjectsOf(github));
  const readers = github === undefined ? [] : jobMembers(account, readSubjectsOf(github));
  const caller = withClients(
    callerIdentity({ id: ids.caller, title: `${account.name}: caller`, row: rowOf(account), actor }),
  );
  const clusters = builder.serviceAccount("clusters", "k8s-multicluster-gitops");
  const entry = builder.entry("clusters", clusters, {
    needs: [...federated, ...(account.operators === undefined ? [caller] : [])],
    grants: (outputs, policy) => [...toJobs(jobs), ...toPeople(parts, outputs, caller, policy)],
  });
  const readOnly =
    readers.length === 0 ? undefined : builder.serviceAccount("readOnly", "k8s-multicluster-gitops, read-only");
  const readOnlyEntry =
    readOnly === undefined
      ? []
      : [builder.entry("readOnly", readOnly, { needs: federated, grants: () => toJobs(readers) })];
  const role = builder.role("read-only role", roleNames.management, managementReading);
  const all = [clusters, ...(readOnly === undefined ? [] : [readOnly])];
  const policy = builder.projectPolicy({
    roles: [role],
    serviceAccounts: all,
    grants: (["clusters", ...(readOnly === undefined ? [] : (["readOnly"] as const))] as const).map((which) => ({
      role: roleOf(account, roleNames.management),
      member: memberOf(account, which),
    })),
  });
  const entries = [entry, ...readOnlyEntry];
  return { clusters, readOnly, entries, policy, resources: [...federated, ...all, ...entries, role, policy] };
}

function toJobs(members: readonly string[]): readonly Grant[] {
  return members.map((member) => ({ role: predefinedRoles.workloadIdentityUser, member }));
}

/** The operators. Without them those who have it already, or else whoever calls: owning a project is not enough to act as its accounts. */
function toPeople(
  { management: { operators, ...account } }: Parts,
  outputs: Outputs,
  caller: Resource<Caller>,
  { bindings }: Policy,
): readonly Grant[] {
  const grant = (member: string): Grant => ({ role: predefinedRoles.tokenCreator, member });
  if (operators !== undefined) return [grant(operators)];
  const found = bindings
    .filter(({ role, condition }) => role === predefinedRoles.tokenCreator && condition === undefined)
    .flatMap(({ members }) => members.filter((member) => !member.startsWith("deleted:")));
  if (found.length > 0) return found.map(grant);
  const { kind, name } = outputs.find(caller) ?? { kind: "federated", name: "" };
  // The service account itself in a job, and nobody who could be named.
  if (kind === "federated" || name === emailOf(account, serviceAccountNames.clusters)) return [];
  return [grant(`${kind === "user" ? "user" : "serviceAccount"}:${name}`)];
}
