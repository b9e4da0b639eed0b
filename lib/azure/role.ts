import { type ArmAccess, armResource } from "#lib/azure/arm-resource.ts";
import type { Arm, ArmResource } from "#lib/azure/clients.ts";
import { isAzureError } from "#lib/azure/explain.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { subscriptionId } from "#lib/azure/names.ts";
import type { Permissions } from "#lib/azure/permissions.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Outputs, Resource, RowRef } from "#lib/graph/resource.ts";

interface Described {
  readonly id: string;
  readonly title: string;
  readonly label: string;
  readonly row: RowRef;
  readonly needs: readonly AnyResource[];
  /** In whose subscription it is. */
  readonly account: AzureAccount;
  readonly keptOnDelete?: string;
}

export interface RoleDefinitionOptions extends Described {
  /** Where it can be assigned: whoever may read there can read the role. @default the subscription */
  readonly scope?: string;
  readonly permissions: Permissions;
}

export interface RoleAssignmentOptions extends Described {
  /** Azure's id of what it gives access to; undefined while that is absent. */
  readonly scope: (outputs: Outputs) => string | undefined;
  /** UUID of the role, of Azure or of the account. */
  readonly role: string;
  /** Who gets it; undefined while that is absent. */
  readonly principal: (outputs: Outputs) => Principal | undefined;
  /** Expression that limits it. @default none */
  readonly condition?: string;
}

export interface Principal {
  /** Object id in the tenant. */
  readonly objectId: string;
  readonly type: "ServicePrincipal" | "Group" | "User";
}

const definitions = "Microsoft.Authorization/roleDefinitions";
const assignments = "Microsoft.Authorization/roleAssignments";
const timeoutMs = 5 * 60_000;
/** Namespace of our ids (RFC 9562, version 5), so that every run finds what another one made. */
const namespace = "6d0b6a52-5c0e-4b62-9d7a-0f1f3c5b8e21";

/** UUID of an account's own role. */
export function roleIdOf({ subscriptionId: subscription }: AzureAccount, { name }: Permissions): string {
  return uuidOf(subscription, name);
}

/** An account's own role, with exactly the actions that are called. */
export function roleDefinition(options: RoleDefinitionOptions): Resource<ArmResource, AzureWorld> {
  const { account, permissions } = options;
  const { description, actions } = permissions;
  // Unique in the tenant, which other subscriptions share: https://learn.microsoft.com/azure/role-based-access-control/custom-roles
  const roleName = `${permissions.name} ${account.subscriptionId}`;
  const { scope = subscriptionId(account) } = options;
  return armResource({
    ...untagged(options),
    azureId: () => `${scope}/providers/${definitions}/${roleIdOf(account, permissions)}`,
    body: () => ({
      properties: {
        roleName,
        description,
        type: "CustomRole",
        permissions: [{ actions, notActions: [], dataActions: [], notDataActions: [] }],
        assignableScopes: [scope],
      },
    }),
    rules: {
      sets: ["properties.permissions", "properties.assignableScopes"],
      anyCase: ["properties.type", "properties.permissions", "properties.assignableScopes"],
    },
    open: async (world) => announced(world, account, world.azure.arm(account)),
    beforeDelete: (world) => removeLeftAssignments(world, account, roleIdOf(account, permissions)),
    timeoutMs,
    summary: () => roleName,
  });
}

/**
 * Deletes our assignments of a role to principals that are gone: Azure keeps them, and keeps the role because of them.
 *
 * @throws FleetError StillNeeded for assignments that others made
 */
async function removeLeftAssignments(world: AzureWorld, account: AzureAccount, role: string): Promise<void> {
  const arm = world.azure.arm(account);
  const all = await arm.list(world, `${subscriptionId(account)}/providers/${assignments}`);
  const ofRole = all.filter(({ properties }) => lastPart(properties?.roleDefinitionId) === role);
  const isOurs = ({ name, properties }: ArmResource): boolean =>
    lastPart(name) === uuidOf(String(properties?.scope), role, String(properties?.principalId));
  const others = ofRole.filter((assignment) => !isOurs(assignment));
  if (others.length > 0) {
    throw new FleetError("StillNeeded", `${account.name}: others have assigned the role ${role}`, {
      hint: "az role assignment delete --ids ID deletes an assignment; then run the same command again",
      details: others.map(({ id }) => id),
    });
  }
  for (const { id } of ofRole) await arm.remove(world, id);
}

/** Gives a role to somebody. Its id follows from scope, role and principal; an equal assignment with another id is as good. */
export function roleAssignment(options: RoleAssignmentOptions): Resource<ArmResource, AzureWorld> {
  const { account, role, condition } = options;
  const azureId = (outputs: Outputs): string | undefined => {
    const [scope, principal] = [options.scope(outputs), options.principal(outputs)];
    if (scope === undefined || principal === undefined) return undefined;
    return `${scope}/providers/${assignments}/${uuidOf(scope, role, principal.objectId)}`;
  };
  const made = armResource({
    ...untagged(options),
    azureId,
    body(outputs) {
      const principal = options.principal(outputs);
      return {
        properties: {
          roleDefinitionId: `${subscriptionId(account)}/providers/${definitions}/${role}`,
          principalId: principal?.objectId,
          // Without it Azure looks for the principal, and does not find a new one.
          principalType: principal?.type,
          ...(condition === undefined ? {} : { condition, conditionVersion: "2.0" }),
        },
      };
    },
    rules: {
      immutable: ["properties.roleDefinitionId", "properties.principalId"],
      anyCase: ["properties.principalId", "properties.principalType"],
      // Azure's own roles have an id below the subscription, and one without it.
      same: { "properties.roleDefinitionId": (wanted, found) => lastPart(wanted) === lastPart(found) },
    },
    open: async (world, outputs) => assignmentAccess(world, outputs, options),
    timeoutMs,
    summary: ({ properties }) => `to ${String(properties?.principalId)}`,
  });
  return {
    ...made,
    async remove(world, _observed, outputs) {
      const id = azureId(outputs);
      if (id === undefined) return { kind: "removed" };
      const arm = world.azure.arm(account);
      await arm.remove(world, id);
      const other = await findEqual(world, outputs, options);
      return other === undefined
        ? { kind: "removed" }
        : { kind: "kept", why: `this fleet did not make the assignment ${other.name}` };
    },
  };
}

/** Azure has no tags for these types, and refuses those that other resources of the row share. */
function untagged({ id, title, label, row, needs, account, keptOnDelete }: Described): Described {
  return { id, title, label, row, needs, account, ...(keptOnDelete === undefined ? {} : { keptOnDelete }) };
}

/** Calls that are denied now may be allowed in a minute: clients wait for what this run has written. */
function announced(world: AzureWorld, account: AzureAccount, arm: Arm): ArmAccess {
  return {
    get: (id) => arm.get(world, id),
    async put(id, body) {
      const written = await arm.put(world, id, body);
      world.azure.accessChanged(account);
      return written;
    },
    remove: (id) => arm.remove(world, id),
  };
}

/** An assignment that Azure calls the same is read and written in its place. */
function assignmentAccess(world: AzureWorld, outputs: Outputs, options: RoleAssignmentOptions): ArmAccess {
  const { account } = options;
  const arm = announced(world, account, world.azure.arm(account));
  const get = async (id: string): Promise<ArmResource | undefined> =>
    (await arm.get(id)) ?? (await findEqual(world, outputs, options));
  return {
    ...arm,
    get,
    async put(id, body, condition) {
      const { id: target } = (await get(id)) ?? { id };
      try {
        return await arm.put(target, body, condition);
      } catch (error) {
        // Somebody else has just made it.
        const equal = isAzureError(error, "RoleAssignmentExists")
          ? await findEqual(world, outputs, options)
          : undefined;
        if (equal === undefined) throw error;
        return equal;
      }
    },
  };
}

/** Same scope, role and principal: Azure allows only one such assignment. */
async function findEqual(
  world: AzureWorld,
  outputs: Outputs,
  { account, role, ...options }: RoleAssignmentOptions,
): Promise<ArmResource | undefined> {
  const [scope, principal] = [options.scope(outputs), options.principal(outputs)];
  if (scope === undefined || principal === undefined) return undefined;
  const filter = `principalId eq '${principal.objectId}'`;
  // The answer has assignments at scopes above and below, too.
  const all = await world.azure.arm(account).list(world, `${scope}/providers/${assignments}`, filter);
  return all.find(
    ({ properties }) =>
      String(properties?.scope).toLowerCase() === scope.toLowerCase() &&
      lastPart(properties?.roleDefinitionId) === lastPart(role) &&
      lastPart(properties?.principalId) === lastPart(principal.objectId),
  );
}

function lastPart(id: unknown): string {
  return String(id).toLowerCase().split("/").at(-1) ?? "";
}

function uuidOf(...parts: readonly string[]): string {
  return Bun.randomUUIDv5(parts.join(" ").toLowerCase(), namespace);
}
