import { resourcesOfType } from "#sandbox/azure/arm/store.ts";
import builtIn from "#sandbox/azure/authorization/built-in-roles.json";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { listAt, stringAt, textsAt } from "#sandbox/json.ts";

/** What a role allows: actions without notActions. Patterns, whose `*` stands for any characters. */
export interface Permission {
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly dataActions: readonly string[];
  readonly notDataActions: readonly string[];
}

export interface Role {
  /** UUID. */
  readonly id: string;
  readonly roleName: string;
  readonly description: string;
  readonly permissions: readonly Permission[];
}

/** From Microsoft's documentation of July 2026, only those that fleets use. */
export const builtInRoles: readonly Role[] = builtIn;

export const roleDefinitionType = "Microsoft.Authorization/roleDefinitions";

/** A built-in role, or a custom one of the tenant. @param id full or only its UUID, in any case */
export function tryFindRole(cloud: AzureCloud, tenant: string, id: string): Role | undefined {
  const wanted = roleIdOf(id);
  const found = builtInRoles.find((one) => one.id === wanted);
  if (found !== undefined) return found;
  const custom = customRoles(cloud, tenant).find(({ name }) => name.toLowerCase() === wanted);
  if (custom === undefined) return undefined;
  const { properties } = custom;
  return {
    id: wanted,
    roleName: stringAt(properties, "roleName"),
    description: stringAt(properties, "description"),
    permissions: permissionsAt(properties),
  };
}

/** Custom roles belong to a tenant, not to a subscription. */
export function customRoles(cloud: AzureCloud, tenant: string): ReturnType<typeof resourcesOfType> {
  const subscriptions = cloud.subscriptions().filter(({ tenantId }) => tenantId.toLowerCase() === tenant.toLowerCase());
  const places = subscriptions.map(({ subscriptionId }) => `/subscriptions/${subscriptionId}/`.toLowerCase());
  return resourcesOfType(cloud, roleDefinitionType).filter(({ id }) =>
    places.some((place) => id.toLowerCase().startsWith(place)),
  );
}

/** The UUID at the end of a role definition's id. */
export function roleIdOf(id: string): string {
  return id.slice(id.lastIndexOf("/") + 1).toLowerCase();
}

export function permissionsAt(properties: unknown): readonly Permission[] {
  return listAt(properties, "permissions").map((one) => ({
    actions: textsAt(one, "actions"),
    notActions: textsAt(one, "notActions"),
    dataActions: textsAt(one, "dataActions"),
    notDataActions: textsAt(one, "notDataActions"),
  }));
}
