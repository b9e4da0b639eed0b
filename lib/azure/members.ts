import type { ArmResource, Caller } from "#lib/azure/clients.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import type { IdentityState } from "#lib/azure/identity.ts";
import type { Parts } from "#lib/azure/names.ts";
import { type Principal, type RoleAssignmentOptions, roleAssignment } from "#lib/azure/role.ts";
import type { AnyResource, Outputs, Resource } from "#lib/graph/resource.ts";

/** Somebody who gets roles. */
export interface Member {
  /** Unique among the members of one scope; part of ids. */
  readonly key: string;
  /** As in `role Reader for the operators`. */
  readonly title: string;
  readonly needs: readonly AnyResource[];
  /** Undefined while there is no such principal. */
  readonly principal: (outputs: Outputs) => Principal | undefined;
}

/** What GitHub's jobs act as. */
export function identityMember(identity: Resource<IdentityState>, key: string, title: string): Member {
  return {
    key,
    title,
    needs: [identity],
    principal(outputs) {
      const found = outputs.find(identity);
      return found === undefined ? undefined : { objectId: found.principalId, type: "ServicePrincipal" };
    },
  };
}

/** The people of an account; none if it names no group. */
export function operatorsOf({ operators }: AzureAccount): readonly Member[] {
  if (operators === undefined) return [];
  const principal: Principal = { objectId: operators, type: "Group" };
  return [{ key: "operators", title: "the operators", needs: [], principal: () => principal }];
}

/** Whoever calls. Read-only jobs are let in nowhere: to them it is who creates clusters. */
export function callerMember(
  caller: Resource<Caller>,
  { jobs, readers }: { readonly jobs: readonly Member[]; readonly readers: readonly Member[] },
): Member {
  return {
    key: "caller",
    title: "the caller",
    needs: [caller, ...[...jobs, ...readers].flatMap(({ needs }) => needs)],
    principal(outputs) {
      const found = outputs.find(caller);
      if (found === undefined) return undefined;
      if (readers.some(({ principal }) => principal(outputs)?.objectId === found.objectId)) {
        return jobs.map(({ principal }) => principal(outputs))[0];
      }
      return { objectId: found.objectId, type: found.kind === "user" ? "User" : "ServicePrincipal" };
    },
  };
}

export interface GrantOptions extends Omit<RoleAssignmentOptions, "id" | "title" | "label" | "principal"> {
  /** Prefix of the ids: the member's key follows. */
  readonly id: string;
  /** Name of the role as Azure shows it. */
  readonly roleName: string;
  readonly members: readonly Member[];
}

/** One role for each of several members. */
export function grant(
  { withClients }: Parts,
  { id, roleName, members, needs, ...options }: GrantOptions,
): readonly Resource<ArmResource>[] {
  return members.map((member) =>
    withClients(
      roleAssignment({
        ...options,
        id: `${id}/${member.key}`,
        title: `${options.row.name}: role ${roleName} for ${member.title}`,
        label: `role ${roleName} for ${member.title}`,
        needs: [...needs, ...member.needs],
        principal: member.principal,
      }),
    ),
  );
}
