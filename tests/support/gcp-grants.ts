import { roleNames } from "#lib/gcp/names.ts";
import { accountReading, delegating, managementReading, managingClusters } from "#lib/gcp/permissions.ts";
import type { AskedPermission } from "#sandbox/gcp/authorization/asked.ts";
import { predefinedRoles } from "#sandbox/gcp/authorization/roles.ts";
import { type AccountName, type GcpStory, projects } from "#tests/support/gcp-story.ts";

/** One role for one member, in the policy of a resource. */
export interface Grant {
  readonly role: string;
  readonly member: string;
  /** `projects/PROJECT_ID` or below it. */
  readonly resource: string;
}

/** Grants in all policies that a fleet writes. */
export async function grantsIn(gcp: GcpStory, ...accounts: readonly AccountName[]): Promise<readonly Grant[]> {
  const neighbour = await gcp.neighbour();
  const read = async (path: string, resource: string): Promise<readonly Grant[]> => {
    const { bindings = [] } = await neighbour("POST", `${path}:getIamPolicy`, {});
    return bindings.flatMap(({ role, members }: { role: string; members: readonly string[] }) =>
      // Of version 1: conditions are in the name of the role.
      members.map((member) => ({ role: role.replace(/_withcond_.*$/, ""), member, resource })),
    );
  };
  const all = accounts.map(async (account) => {
    const project = `projects/${projects[account].projectId}`;
    const found = await neighbour("GET", `iam/v1/${project}/serviceAccounts`);
    const serviceAccounts: readonly { readonly name: string }[] = found.accounts;
    const { managedZones } = await neighbour("GET", `dns/dns/v1/${project}/managedZones`);
    const zones = managedZones.map(({ name }: { name: string }) => `${project}/managedZones/${name}`);
    return await Promise.all([
      read(`cloudresourcemanager/v3/${project}`, project),
      ...serviceAccounts.map(({ name }) => read(`iam/v1/${name}`, name)),
      ...zones.map((zone: string) => read(`dns/dns/v1/${zone}`, zone)),
    ]);
  });
  return (await Promise.all(all)).flat(2);
}

/** Permissions of custom roles that nobody who has the role was asked for, with the role. */
export function unusedPermissions(grants: readonly Grant[], asked: readonly AskedPermission[]): readonly string[] {
  const roles = [...new Set(grants.map(({ role }) => role))].filter((role) => role.startsWith("projects/"));
  return roles.flatMap((role) => {
    const used = asked.filter((one) => grants.some((grant) => grant.role === role && isFor(grant, one)));
    const unused = permissionsOf(role).difference(new Set(used.map(({ permission }) => permission)));
    return [...unused].map((permission) => `${role}: ${permission}`);
  });
}

/** Grants without which everything would still have been allowed. */
export function needlessGrants(grants: readonly Grant[], asked: readonly AskedPermission[]): readonly Grant[] {
  const isNeeded = (grant: Grant, one: AskedPermission): boolean =>
    isFor(grant, one) && !grants.some((other) => other !== grant && isFor(other, one));
  return grants.filter((grant) => !asked.some((one) => isNeeded(grant, one)));
}

/** Whether a grant allows this. The policy of a project counts for all that is in it. */
function isFor({ role, member, resource }: Grant, asked: AskedPermission): boolean {
  const isIn = asked.resource === resource || asked.resource.startsWith(`${resource}/`);
  return isIn && asked.members.includes(member) && permissionsOf(role).has(asked.permission);
}

const customRoles = {
  [roleNames.clusters]: managingClusters,
  [roleNames.readOnly]: accountReading,
  [roleNames.delegations]: delegating,
  [roleNames.management]: managementReading,
};

/** Of the fleet's roles as the code has them, of Google's as the sandbox has them. */
function permissionsOf(role: string): ReadonlySet<string> {
  const [, name] = /^projects\/.*\/roles\/(.*)$/.exec(role) ?? [];
  const [, custom] = Object.entries(customRoles).find(([known]) => known === name) ?? [];
  return new Set(custom?.permissions ?? predefinedRoles.find((known) => known.name === role)?.permissions);
}
